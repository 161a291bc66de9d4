"""From one revision of an episode to a decision, and why. Pure: a function of the episode and the site's profile."""

from datetime import datetime, timedelta
from typing import Literal

import msgspec

from exclaim.wire import Episode
from exclaim.wording import in_words

__all__ = ["CALLS", "RANK", "Decision", "Severity", "decide", "heard", "is_late", "is_test", "rank_of"]

Severity = Literal["record", "review", "alert"]
RANK: dict[str, int] = {"record": 0, "review": 1, "alert": 2}
# What no profile calls anybody for, whatever its type. The emotions of speech are learnt from actors, and nobody has
# measured what an alarm on them would be worth; an angry voice is no emergency.
_RECORDED = ("speech-detection",)
CALLS: dict[str, str] = {"home": "health care", "care": "health care", "metro": "police"}


class Decision(msgspec.Struct, frozen=True):
    """What a revision asks for.

    Attributes:
        severity: ``record`` (kept, nobody is called), ``review`` (a person looks, with a deadline), ``alert``.
        call: whom an alert calls, by the site's profile; None for ``record``.
        reasons: why, in plain words, strongest evidence first.
    """

    severity: Severity
    call: str | None
    reasons: tuple[str, ...]


def decide(episode: Episode, profile: str) -> Decision:
    """Decide about one revision.

    Speech is recorded. Of bursts, negative alerts, positive is recorded, and everything that is heard but not
    understood goes to a person: the type model abstained, there is none, or it answers with a label that these rules do
    not know.

    Args:
        episode: the revision.
        profile: ``home``, ``care`` or ``metro``.
    """
    call = CALLS[profile]
    seen = episode.detection
    sound = _sound(episode)
    over = "over" if seen.probability >= seen.threshold else "under"
    evidence = [f"{sound} {seen.probability:.2f} {over} threshold {seen.threshold:.2f}"]
    kind = episode.type
    label = kind.label if kind is not None else None
    if kind is not None and label is not None:
        name = in_words(label)
        evidence.append(f"{name} {kind.probabilities[label]:.2f}" if label in kind.probabilities else name)
    if seen.task in _RECORDED:
        return Decision("record", None, (*evidence, f"{sound} is recorded whatever its type, nobody is called"))
    if label == "negative":
        return Decision("alert", call, (*evidence, f"profile {profile} → {call}"))
    if label == "positive":
        return Decision("record", None, (*evidence, "positive sounds are recorded, nobody is called"))
    return Decision("review", call, (*evidence, _doubt(episode), f"if nobody judges it in time → {call}"))


def _doubt(episode: Episode) -> str:
    if episode.type is None:
        return "no model here tells negative from positive"
    if episode.type.label is not None:
        return f"the rules know no type {episode.type.label!r}"
    likely = sorted(episode.type.probabilities.items(), key=lambda item: (-item[1], item[0]))
    return "type unsure" + (": " + ", ".join(f"{label} {value:.2f}" for label, value in likely[:2]) if likely else "")


def _sound(episode: Episode) -> str:
    return episode.detection.task.removesuffix("-detection")


def heard(episode: Episode) -> str:
    """What was heard, in two or three words: "scream, negative", "speech, anger", "speech, emotion unsure"."""
    if episode.type is None:
        return f"{_sound(episode)}, type not known"
    if episode.type.label is None:
        return f"{_sound(episode)}, {episode.type.task.rpartition('-')[2]} unsure"
    return f"{_sound(episode)}, {in_words(episode.type.label)}"


def is_late(onset: datetime, now: datetime, late_seconds: float) -> bool:
    """Whether a sound that began at ``onset`` arrives too late, at ``now``, to page anybody."""
    return now - onset > timedelta(seconds=late_seconds)


def is_test(episode: Episode) -> bool:
    """Whether the episode is a test, which is marked as such wherever it goes."""
    return episode.info.origin == "test"


def rank_of(severity: str) -> int:
    """The order of severities: record 0, review 1, alert 2."""
    return RANK[severity]
