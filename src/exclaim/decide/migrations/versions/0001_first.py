"""The first schema: episodes, incidents and their transitions, devices, mutes, notifications, changes, sessions.

Revision 0001, the first. Written out rather than taken from ``schema.py``, which moves on.
"""

import sqlalchemy as sa
from alembic import op

from exclaim.decide.schema import UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    _what_was_heard()
    _what_people_do()
    _what_goes_out()


def _key() -> sa.types.TypeEngine:
    return sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _what_was_heard() -> None:
    op.create_table(
        "episodes",
        sa.Column("episode", sa.String(128), primary_key=True),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("onset", UtcTime, nullable=False),
        sa.Column("severity", sa.String(8), nullable=False),
        sa.Column("decided_revision", sa.BigInteger, nullable=False),
        sa.Column("call", sa.String(32)),
        sa.Column("reasons", sa.Text, nullable=False),
        sa.Column("late", sa.Boolean, nullable=False),
        sa.Column("muted", sa.Boolean, nullable=False),
        sa.Column("received_from", sa.String(64), nullable=False),
        sa.Column("received", UtcTime, nullable=False),
        sa.Column("updated", UtcTime, nullable=False),
    )
    op.create_index("ix_episodes_received", "episodes", ["received"])
    op.create_table(
        "devices",
        sa.Column("layer", sa.String(8), primary_key=True),
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("first_seen", UtcTime, nullable=False),
        sa.Column("last_heard", UtcTime),
        sa.Column("device_time", UtcTime),
        sa.Column("stream", sa.String(128)),
        sa.Column("hearing", sa.Boolean, nullable=False),
        sa.Column("level_db", sa.Float),
        sa.Column("backlog", sa.BigInteger, nullable=False),
        sa.Column("infer", sa.String(8)),
        sa.Column("origin", sa.String(16), nullable=False),
    )


def _what_people_do() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", _key(), primary_key=True),
        sa.Column("episode", sa.String(128), sa.ForeignKey("episodes.episode"), nullable=False, unique=True),
        sa.Column("severity", sa.String(8), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("deadline", UtcTime),
        sa.Column("late", sa.Boolean, nullable=False),
        sa.Column("verdict", sa.String(16)),
        sa.Column("opened", UtcTime, nullable=False),
        sa.Column("updated", UtcTime, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_incidents_deadline", "incidents", ["deadline"])
    op.create_index("ix_incidents_state", "incidents", ["state"])
    op.create_table(
        "transitions",
        sa.Column("id", _key(), primary_key=True),
        sa.Column("incident", _key(), sa.ForeignKey("incidents.id"), nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("person", sa.Boolean, nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("before", sa.String(32), nullable=False),
        sa.Column("after", sa.String(32), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_transitions_incident", "transitions", ["incident"])
    op.create_table(
        "mutes",
        sa.Column("id", _key(), primary_key=True),
        sa.Column("device", sa.String(64), nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("until", UtcTime, nullable=False),
        sa.Column("ended", UtcTime),
        sa.Column("ended_by", sa.String(64)),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_mutes_device", "mutes", ["device"])
    op.create_table(
        "sessions",
        sa.Column("token_sha256", sa.String(64), primary_key=True),
        sa.Column("person", sa.String(64), nullable=False),
        sa.Column("csrf", sa.String(64), nullable=False),
        sa.Column("created", UtcTime, nullable=False),
        sa.Column("used", UtcTime, nullable=False),
    )


def _what_goes_out() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("incident", _key(), sa.ForeignKey("incidents.id"), nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created", UtcTime, nullable=False),
        sa.Column("next_attempt", UtcTime),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("delivered", UtcTime),
        sa.Column("last_error", sa.Text),
    )
    op.create_index("ix_notifications_incident", "notifications", ["incident"])
    op.create_index("ix_notifications_next_attempt", "notifications", ["next_attempt"])
    op.create_table(
        "changes",
        sa.Column("seq", _key(), primary_key=True),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
