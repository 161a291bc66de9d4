"""Muting a device for a while: its sounds are recorded and page nobody. Every mute is kept with who and when."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, insert, select, update

from exclaim.decide import schema
from exclaim.decide.journal import note_change
from exclaim.decide.responses import NotFoundError
from exclaim.decide.views import MuteView, mute_of
from exclaim.errors import WireError

__all__ = ["LONGEST_MUTE", "mute", "unmute"]

LONGEST_MUTE = timedelta(hours=24)  # a microphone that is to be off for longer should be switched off


class MuteChange(msgspec.Struct, frozen=True):
    """A device and its mute as it is now."""

    device: str
    mute: MuteView | None


def mute(connection: Connection, device: str, *, until: datetime, person: str, now: datetime) -> MuteView:
    """Mute a device until then, in place of any mute before.

    Raises:
        NotFoundError: when no such device was ever heard of.
        WireError: when ``until`` has no zone, is past, or is too far away.
    """
    _must_know(connection, device)
    if until.tzinfo is None:
        raise WireError(f"until {until.isoformat()} has no zone; give UTC, such as 2025-01-31T03:00:00Z")
    if not now < until <= now + LONGEST_MUTE:
        hours = LONGEST_MUTE.total_seconds() / 3600
        raise WireError(f"until {until.isoformat()} should be after now and at most {hours:.0f} h away")
    _end(connection, device, person, now)
    connection.execute(insert(schema.mutes).values(device=device, by=person, at=now, until=until))
    holding = MuteView(by=person, at=now, until=until)
    note_change(connection, "device", MuteChange(device, holding), now)
    return holding


def unmute(connection: Connection, device: str, *, person: str, now: datetime) -> None:
    """End a device's mute; harmless where there is none.

    Raises:
        NotFoundError: when no such device was ever heard of.
    """
    _must_know(connection, device)
    if mute_of(connection, device, now) is not None:
        _end(connection, device, person, now)
        note_change(connection, "device", MuteChange(device, None), now)


def _end(connection: Connection, device: str, person: str, now: datetime) -> None:
    table = schema.mutes
    holds = (table.c.device == device, table.c.until > now, table.c.ended.is_(None))
    connection.execute(update(table).where(*holds).values(ended=now, ended_by=person))


def _must_know(connection: Connection, device: str) -> None:
    table = schema.devices.c
    if connection.execute(select(table.name).where(table.layer == "device", table.name == device)).first() is None:
        raise NotFoundError(f"no device {device[:80]!r} was ever heard of")
