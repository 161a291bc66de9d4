"""A test alarm: an episode of origin ``test`` that goes the whole way of a real one, to the notifier and the page."""

import uuid
from datetime import datetime

from sqlalchemy import Connection

from exclaim.config import Config
from exclaim.decide.intake import take_episode
from exclaim.decide.views import DecisionView, decision_of
from exclaim.wire import Detection, Episode, StreamInfo, TypeEstimate

__all__ = ["TEST_DEVICE", "ring_test_alarm"]

TEST_DEVICE = "test-alarm"


def ring_test_alarm(connection: Connection, *, person: str, now: datetime, config: Config) -> DecisionView:
    """Decide about a negative scream that nobody screamed, marked as a test everywhere."""
    stream = str(uuid.uuid4())
    info = StreamInfo(stream=stream, device=TEST_DEVICE, started=now, clock="synchronised", origin="test")
    episode = Episode(
        episode=f"test-{stream}",
        revision=1,
        state="closed",
        info=info,
        onset_frame=0,
        last_frame=187,
        onset=now,
        detection=Detection(task="scream-detection", probability=1.0, threshold=0.5),
        type=TypeEstimate(task="scream-type", label="negative", probabilities={"negative": 1.0}, windows=1),
        level_db=0.0,
    )
    take_episode(connection, episode, now=now, source=person, config=config)
    return decision_of(connection, episode.episode)
