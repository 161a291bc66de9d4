import sqlite3
from datetime import datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, select
from sqlalchemy.exc import StatementError

from exclaim.decide import schema
from exclaim.decide.store import open_store
from exclaim.errors import StoreError


def test_the_migrations_make_the_schema(store):
    with store.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []


def test_what_is_committed_is_on_disk(store):
    with store.read() as connection:
        for pragma, value in (("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


def test_a_step_that_fails_leaves_nothing(store):
    at = datetime.fromisoformat("2025-03-01T00:00:00Z")

    def fail_after_writing():
        with store.write() as connection:
            connection.execute(insert(schema.mutes).values(device="d", by="anna", at=at, until=at))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_writing()
    with store.read() as connection:
        assert connection.execute(select(schema.mutes)).all() == []


def test_times_come_back_in_utc_and_a_time_without_zone_is_refused(store):
    at = datetime.fromisoformat("2025-03-01T02:00:00+01:00")
    with store.write() as connection:
        connection.execute(insert(schema.mutes).values(device="d", by="anna", at=at, until=at))
        found = connection.execute(select(schema.mutes.c.at)).scalar_one()
    assert found == at
    assert found.utcoffset().total_seconds() == 0
    with pytest.raises(StatementError, match="no time zone"), store.write() as connection:
        connection.execute(insert(schema.mutes).values(device="d", by="a", at=at.replace(tzinfo=None), until=at))


def test_opening_again_keeps_what_is_there(tmp_path):
    url = f"sqlite:///{tmp_path}/a.sqlite"
    at = datetime.fromisoformat("2025-03-01T00:00:00Z")
    with open_store(url) as store, store.write() as connection:
        connection.execute(insert(schema.mutes).values(device="d", by="anna", at=at, until=at))
    with open_store(url) as store, store.read() as connection:
        assert len(connection.execute(select(schema.mutes)).all()) == 1


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite://", "needs a file"),
        ("sqlite:///{folder}/none/a.sqlite", "does not exist"),
        ("mysql://host/db", "not supported"),
        ("nothing", "no SQLAlchemy URL"),
        ("sqlite:///{folder}", "unable to open"),
    ],
)
def test_a_store_that_cannot_be_is_a_sentence(tmp_path, url, message):
    with pytest.raises(StoreError, match=message):
        open_store(url.format(folder=tmp_path))


def test_a_file_that_is_no_database_is_a_sentence(tmp_path):
    (tmp_path / "a.sqlite").write_text("not a database, though long enough to look like one" * 40)
    with pytest.raises(StoreError, match="not a database"):
        open_store(f"sqlite:///{tmp_path}/a.sqlite")


def test_a_store_of_a_newer_exclaim_is_a_sentence(tmp_path):
    url = f"sqlite:///{tmp_path}/a.sqlite"
    open_store(url).close()
    with sqlite3.connect(tmp_path / "a.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(StoreError, match="newer exclaim"):
        open_store(url)


def test_a_full_disk_is_a_sentence_and_keeps_nothing_of_the_step(store):
    with store.write() as connection:
        connection.exec_driver_sql(
            f"PRAGMA max_page_count = {connection.exec_driver_sql('PRAGMA page_count').scalar()}"
        )
    at = datetime.fromisoformat("2025-03-01T00:00:00Z")
    rows = [{"device": "d" * 60, "by": "anna", "at": at, "until": at}] * 2000
    with pytest.raises(StoreError, match="full"), store.write() as connection:
        connection.execute(insert(schema.mutes), rows)
    with store.read() as connection:
        assert connection.execute(select(schema.mutes)).all() == []
