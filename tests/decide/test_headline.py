from datetime import UTC, datetime, timedelta

import pytest

from exclaim.decide.casework import act_on
from exclaim.decide.headline import headline
from exclaim.decide.intake import take_episode, take_heartbeat
from exclaim.decide.muting import mute
from exclaim.decide.views import list_devices, list_incidents
from exclaim.wire import Heartbeat

NOW = datetime(2025, 3, 1, 1, 0, tzinfo=UTC)


@pytest.fixture
def house(store, config_of, episode_of):
    """A house whose headline can be read after each thing that happens in it."""
    config = config_of()

    class House:
        def hears(self, label, device="room-12", now=NOW, **values):
            episode = episode_of(label, device=device, episode=f"{device}-{label}", **{"onset": now, **values})
            with store.write() as connection:
                take_episode(connection, episode, now=now, source="edge", config=config)

        def beats(self, device="room-12", **values):
            with store.write() as connection:
                take_heartbeat(connection, Heartbeat(device=device, layer="device", time=NOW, **values), NOW)

        def does(self, action):
            with store.write() as connection:
                act_on(connection, 1, action, "anna", now=NOW, config=config)

        def mutes(self, device):
            with store.write() as connection:
                mute(connection, device, until=NOW + timedelta(hours=1), person="anna", now=NOW)

        def says(self, now=NOW):
            with store.read() as connection:
                incidents = list_incidents(connection, resolved=False, limit=100)
                line = headline(incidents, list_devices(connection, now, config.decide))
            return line.tone, line.text, line.detail

    return House()


def test_a_house_without_devices_is_not_called_quiet(house):
    assert house.says()[:2] == ("warn", "No alert, but no device has reported yet")


def test_quiet_says_how_many_listen(house):
    house.beats("room-12")
    house.beats("room-14")
    assert house.says() == ("quiet", "All quiet", "2 devices listen")
    house.mutes("room-14")
    assert house.says() == ("quiet", "All quiet", "1 device listens, 1 muted")


def test_alerts_go_before_reviews_and_reviews_before_late_ones(house):
    house.beats()
    house.hears("negative", "hall", onset=NOW - timedelta(hours=1))
    assert house.says() == ("warn", "No new alert, but 1 sound arrived late", "Nobody was paged: hall")
    house.hears(None, "room-14")
    assert house.says() == ("review", "1 sound waits for your judgement", "room-14")
    house.hears("negative", "room-12")
    house.hears("negative", "room-16")
    assert house.says() == ("alert", "2 alerts need you", "room-16, room-12")


def test_what_is_in_hand_does_not_ring(house):
    house.beats()
    house.hears("negative")
    house.does("acknowledge")
    assert house.says() == ("hand", "No new alert, 1 incident is in hand", "1 device listens")
    house.does("resolve")
    assert house.says()[0] == "quiet"


def test_a_microphone_that_is_not_heard_is_said(house):
    house.beats()
    assert house.says(NOW + timedelta(seconds=31))[:2] == ("warn", "No alert, but 1 device is not heard")
    house.beats(hearing=False)
    assert house.says()[1:] == ("No alert, but 1 device is not heard", "room-12")


def test_a_file_that_ended_is_no_dead_microphone(house):
    house.beats(origin="file")
    assert house.says(NOW + timedelta(hours=1))[0] == "quiet"


def test_a_test_alarm_is_called_a_test(house):
    house.hears("negative", "test-alarm", origin="test")
    assert house.says()[:2] == ("alert", "A test alarm rings")
    house.hears("negative", "room-12")
    assert house.says() == ("alert", "1 alert needs you", "room-12, and a test alarm")
