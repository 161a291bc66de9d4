"""Whether a message agrees with itself, beyond what its types say: what the cloud would refuse must not get in."""

from datetime import datetime

from exclaim.episodes import episode_id
from exclaim.errors import WireError
from exclaim.wire import Event, Heartbeat, StreamInfo

__all__ = ["check_beat", "check_event", "check_times"]


def check_times(info: StreamInfo) -> None:
    """Refuse a stream whose beginning has no time zone.

    Raises:
        WireError: then.
    """
    _check_zone("info.started", info.started)


def check_event(event: Event) -> None:
    """Refuse an event whose id, source or times are not those of the episode in it.

    Raises:
        WireError: then.
    """
    episode = event.data
    own = episode_id(episode.info.device, episode.info.stream, episode.detection.task, episode.onset_frame)
    if episode.episode != own:  # or one device could write another one's episodes
        raise WireError(f"episode {episode.episode!r} of {episode.info.device} should be {own!r} by its onset")
    wanted = f"{episode.episode}.{episode.revision}"
    if event.id != wanted:
        raise WireError(f"event {event.id!r} carries {wanted!r}; expected that as its id")
    source = f"/devices/{episode.info.device}"
    if event.source != source:
        raise WireError(f"event {event.id!r} has the source {event.source!r}; expected {source!r}")
    check_times(episode.info)
    _check_zone("onset", episode.onset)
    _check_zone("time", event.time)


def check_beat(beat: Heartbeat) -> None:
    """Refuse a heartbeat that is not a device's.

    Raises:
        WireError: then.
    """
    if beat.layer != "device":
        raise WireError(f"the heartbeat is of layer {beat.layer!r}; expected a device's")
    _check_zone("time", beat.time)


def _check_zone(name: str, time: datetime) -> None:
    if time.tzinfo is None:
        raise WireError(f"{name} {time.isoformat()} has no time zone; times on the wire are UTC")
