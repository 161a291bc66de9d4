import tempfile
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from exclaim.config import WebhookOptions
from exclaim.decide import schema
from exclaim.decide.casework import act_on, fire_deadlines
from exclaim.decide.intake import check_event, take_episode, take_heartbeat
from exclaim.decide.muting import mute, unmute
from exclaim.decide.store import open_store
from exclaim.decide.views import list_decisions, list_devices, list_incidents
from exclaim.errors import WireError
from exclaim.wire import Heartbeat

NOW = datetime(2025, 3, 1, 1, 0, tzinfo=UTC)
HOOK = WebhookOptions(url="https://example.org/hook", secret="whsec_" + "A" * 32)


@pytest.fixture(scope="module")
def shared_store():
    """One store for all examples of a property; each example empties it first."""
    with tempfile.TemporaryDirectory() as folder, open_store(f"sqlite:///{folder}/a.sqlite") as store:
        yield store


@pytest.fixture
def take(store, config_of):
    """Apply an episode at a time; the notifier is on."""
    config = config_of(webhook=HOOK)

    def apply(episode, now=NOW):
        with store.write() as connection:
            return take_episode(connection, episode, now=now, source="edge", config=config)

    apply.config = config
    return apply


def state_of(connection):
    """Everything that should not depend on order or repetition."""
    decisions = [
        (one.episode, one.revision, one.decision, one.reasons, one.late, one.muted, one.became)
        for one in list_decisions(connection, limit=100)
    ]
    incidents = [
        (one.decision.episode, one.severity, one.state, one.deadline, one.late, len(one.pages))
        for one in list_incidents(connection, resolved=False, limit=100)
    ]
    return sorted(decisions), sorted(incidents)


def pages(store):
    with store.read() as connection:
        return connection.execute(select(schema.notifications.c.body)).scalars().all()


def test_speech_opens_no_incident_and_pages_nobody(take, store, episode_of):
    """An angry voice, in revisions that grow ever more certain."""
    for revision in (1, 2, 3):
        shouted = episode_of("ANG", episode="talk", revision=revision)
        detection = msgspec.structs.replace(shouted.detection, task="speech-detection", probability=0.7 + revision / 10)
        kind = msgspec.structs.replace(shouted.type, task="speech-emotion", probabilities={"ANG": 0.99})
        assert take(msgspec.structs.replace(shouted, detection=detection, type=kind))
    with store.read() as connection:
        (decision,) = list_decisions(connection, limit=10)
        assert list_incidents(connection, resolved=False, limit=10) == []
        assert connection.execute(select(schema.devices.c.name)).scalars().all() == ["room-12"]
    assert (decision.heard, decision.decision, decision.call, decision.incident) == (
        "speech, anger",
        "record",
        None,
        None,
    )
    assert pages(store) == []
    with store.write() as connection:
        assert fire_deadlines(connection, NOW + timedelta(days=1), take.config) == 0


REVISIONS = st.lists(st.sampled_from(["negative", "positive", None]), min_size=1, max_size=4)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(REVISIONS, min_size=1, max_size=2), st.booleans(), st.booleans(), st.data())
def test_any_order_and_repetition_gives_the_same_state(shared_store, episode_of, config_of, labels, late, muted, data):
    config = config_of(webhook=HOOK)
    onset = NOW - timedelta(hours=1 if late else 0)
    episodes = [
        episode_of(label, episode=f"e{number}", revision=revision + 1, onset=onset)
        for number, revisions in enumerate(labels)
        for revision, label in enumerate(revisions)
    ]
    extra = data.draw(st.lists(st.sampled_from(episodes), max_size=4))
    shuffled = data.draw(st.permutations(episodes + extra))
    states = []
    for order in (episodes, shuffled):
        with shared_store.write() as connection:
            for table in reversed(schema.metadata.sorted_tables):
                connection.execute(delete(table))
            if muted:
                beat = Heartbeat(device="room-12", layer="device", time=NOW)
                take_heartbeat(connection, beat, NOW)
                mute(connection, "room-12", until=NOW + timedelta(hours=1), person="anna", now=NOW)
            for episode in order:
                take_episode(connection, episode, now=NOW, source="edge", config=config)
            states.append(state_of(connection))
    assert states[0] == states[1]
    decisions, incidents = states[0]
    assert len(decisions) == len(labels)
    assert not (muted and incidents)
    for _, severity, _, deadline, was_late, sent in incidents:
        assert was_late == late
        assert sent == (1 if severity == "alert" and not late else 0)
        assert (deadline is None) == late


def test_a_duplicate_changes_nothing_and_writes_no_news(take, store, episode_of):
    assert take(episode_of(onset=NOW))
    with store.read() as connection:
        before = connection.execute(select(schema.changes)).all()
    assert not take(episode_of(onset=NOW))
    with store.read() as connection:
        assert connection.execute(select(schema.changes)).all() == before
    assert len(pages(store)) == 1


def test_a_revision_escalates_and_never_takes_back(take, store, episode_of):
    for revision, (label, expected) in enumerate(
        [("positive", None), (None, "review open"), ("negative", "alert open"), ("positive", "alert open")], start=1
    ):
        take(episode_of(label, revision=revision, onset=NOW))
        with store.read() as connection:
            (row,) = list_decisions(connection, limit=10)
        assert row.became == expected
        assert row.revision == revision
    assert row.decision == "alert"
    assert row.reasons[1] == "negative 0.81"  # the evidence that rang, not the newest
    assert len(pages(store)) == 1


def test_what_arrives_late_opens_as_late_and_pages_nobody(take, store, episode_of):
    take(episode_of("negative", onset=NOW - timedelta(minutes=16)))
    with store.read() as connection:
        (case,) = list_incidents(connection, resolved=False, limit=10)
    assert (case.late, case.deadline, case.state) == (True, None, "open")
    assert "nobody is paged" in case.history[0].note
    with store.write() as connection:
        assert fire_deadlines(connection, NOW + timedelta(days=1), take.config) == 0
    assert pages(store) == []


def test_a_muted_device_is_recorded_as_muted_and_a_new_revision_after_it_rings(take, store, episode_of):
    with store.write() as connection:
        take_heartbeat(connection, Heartbeat(device="room-12", layer="device", time=NOW), NOW)
        mute(connection, "room-12", until=NOW + timedelta(hours=1), person="anna", now=NOW)
    take(episode_of("negative", onset=NOW))
    with store.read() as connection:
        (row,) = list_decisions(connection, limit=10)
        assert list_incidents(connection, resolved=False, limit=10) == []
    assert (row.decision, row.muted, row.incident) == ("alert", True, None)
    with store.write() as connection:
        unmute(connection, "room-12", person="ben", now=NOW)
    take(episode_of("negative", onset=NOW, revision=2))
    with store.read() as connection:
        (row,) = list_decisions(connection, limit=10)
    assert (row.muted, row.became) == (False, "alert open")
    assert len(pages(store)) == 1


def test_a_deadline_that_passes_under_a_mute_is_kept_and_pages_nobody(take, store, episode_of):
    take(episode_of(None, onset=NOW))
    with store.write() as connection:
        mute(connection, "room-12", until=NOW + timedelta(hours=1), person="anna", now=NOW)
        assert fire_deadlines(connection, NOW + timedelta(seconds=60), take.config) == 1
        (case,) = list_incidents(connection, resolved=False, limit=10)
    assert (case.severity, case.pages) == ("alert", ())
    assert "room-12 is muted by anna: nobody is paged" in case.history[-1].note


def test_deadlines_fire_once_each(take, store, episode_of):
    take(episode_of(None, onset=NOW))
    fired = []
    for seconds in (59, 60, 60, 61, 179, 180, 180, 5000):
        with store.write() as connection:
            fired.append(fire_deadlines(connection, NOW + timedelta(seconds=seconds), take.config))
    assert fired == [0, 1, 0, 0, 0, 1, 0, 0]
    kinds = [msgspec.json.decode(body)["type"] for body in pages(store)]
    assert sorted(kinds) == ["exclaim.incident.alert", "exclaim.incident.escalated"]


def test_a_person_is_recorded_with_what_they_did(take, store, episode_of):
    take(episode_of("negative", onset=NOW))
    with store.write() as connection:
        case = act_on(connection, 1, "acknowledge", "anna", now=NOW + timedelta(seconds=3), config=take.config)
        assert act_on(connection, 99, "acknowledge", "anna", now=NOW, config=take.config) is None
    last = case.history[-1]
    assert (last.by, last.person, last.at) == ("anna", True, NOW + timedelta(seconds=3))


def test_a_test_rings_and_is_no_device(take, store, episode_of):
    take(episode_of("negative", onset=NOW, origin="test", device="test-alarm"))
    (body,) = pages(store)
    assert msgspec.json.decode(body)["data"]["test"] is True
    with store.read() as connection:
        assert list_devices(connection, NOW, take.config.decide) == []


def test_heartbeats_make_a_device_alive_and_older_ones_do_not_count(store, config_of):
    options = config_of().decide

    def beat(seconds, **values):
        message = Heartbeat(device="hall", layer="device", time=NOW + timedelta(seconds=seconds), **values)
        with store.write() as connection:
            return take_heartbeat(connection, message, NOW)

    assert beat(0, level_db=-20.0, infer="edge")
    assert not beat(-5, hearing=False)
    with store.read() as connection:
        (device,) = list_devices(connection, NOW + timedelta(seconds=40), options)
    assert (device.state, device.hearing, device.level_db, device.deaf) == ("silent", True, -20.0, True)
    assert beat(1, hearing=False)
    with store.read() as connection:
        (device,) = list_devices(connection, NOW, options)
    assert (device.state, device.hearing, device.deaf) == ("alive", False, True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "e1.2"}, "its id should be 'e1.1'"),
        ({"source": "/devices/other"}, "should be '/devices/room-12'"),
        ({"time": NOW.replace(tzinfo=None)}, "has no zone"),
    ],
)
def test_an_event_that_does_not_agree_with_itself_is_refused(episode_of, event_of, change, message):
    event = event_of(episode_of(onset=NOW))
    check_event(event)
    with pytest.raises(WireError, match=message):
        check_event(msgspec.structs.replace(event, **change))


def test_a_revision_beyond_every_counter_is_refused(episode_of, event_of):
    with pytest.raises(WireError, match="is over"):
        check_event(event_of(episode_of(onset=NOW, revision=2**60)))


def test_an_identifier_that_no_store_keeps_is_refused(store, episode_of, event_of):
    with pytest.raises(WireError, match="printable"):
        check_event(event_of(episode_of(onset=NOW, episode="a\0b")))
    beat = Heartbeat(device="hall", layer="device", time=NOW, stream="a\0b")
    with store.write() as connection, pytest.raises(WireError, match="printable"):
        take_heartbeat(connection, beat, NOW)


def test_mutes_are_bounded_in_time_and_known_devices_only(store):
    beat = Heartbeat(device="hall", layer="device", time=NOW)
    with store.write() as connection:
        take_heartbeat(connection, beat, NOW)
        for until in (NOW, NOW + timedelta(hours=25), NOW.replace(tzinfo=None)):
            with pytest.raises(WireError, match="until"):
                mute(connection, "hall", until=until, person="anna", now=NOW)
        with pytest.raises(WireError, match="no device 'attic'"):
            mute(connection, "attic", until=NOW + timedelta(hours=1), person="anna", now=NOW)
