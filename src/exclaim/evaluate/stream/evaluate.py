"""A model as a detector on recordings: heard one after another, then judged together."""

from collections.abc import Callable, Sequence

import msgspec

from exclaim.card import Head
from exclaim.errors import CorpusError, ModelError
from exclaim.evaluate.stream.detector import Heard, StreamFigures, judge_stream
from exclaim.evaluate.stream.matching import ALARM_AFTER, ALARM_BEFORE
from exclaim.evaluate.stream.recordings import Recording, data_hash, read_checked_events
from exclaim.evaluate.stream.track import hear
from exclaim.listen import Analysis
from exclaim.model import Model

__all__ = ["StreamEvaluation", "evaluate_stream"]


class StreamEvaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Figures, and what they are of."""

    task: str
    model: str
    model_version: str
    model_sha256: str
    type_model: str | None = None  # that told the types: its name and version
    data: str
    data_sha256: str  # of recordings and events
    figures: StreamFigures
    protocol: str
    notes: tuple[str, ...] = ()


def evaluate_stream(
    model: Model,
    recordings: Sequence[Recording],
    *,
    data: str,
    type_model: Model | None = None,
    wanted_recall: float = 0.9,
    seed: int = 0,
    draws: int = 1000,
    progress: Callable[[str, float], None] = lambda name, seconds: None,
) -> StreamEvaluation:
    """Judge a model on recordings of any length, through the path that ``exclaim listen`` takes.

    Args:
        model: with one head that detects.
        recordings: at least one; all events are read and checked before the first is heard.
        data: what the recordings are, for the record.
        type_model: that tells more of what is detected; alarms are counted by what they are taken for then.
        wanted_recall: at which false alarms are asked for.
        seed: of the recall's interval.
        draws: how many.
        progress: called with a recording's name and the seconds heard of it.

    Raises:
        ModelError: when not exactly one head detects, or the type model tells nothing of it.
        CorpusError: when events do not hold.
        AudioError: when a recording cannot be read.
    """
    analysis = Analysis([model] if type_model is None else [model, type_model])
    head, type_head = analysis.rules.detection, analysis.rules.type
    if type_model is not None and type_head is None:
        raise ModelError(
            f"{type_model.path}: none of its heads tells more of {head.task}; name one such as scream-type"
        )
    if head.thresholds.on <= 0:
        raise ModelError(f"{model.path}: head {head.task} opens at 0: it would alarm always; calibrate it")
    events = [read_checked_events(recording) for recording in recordings]
    heard = []
    for recording, theirs in zip(recordings, events, strict=True):
        name = recording.sound.name
        track = hear(recording.sound, analysis, progress=lambda seconds, name=name: progress(name, seconds))
        heard.append(Heard(name, track, theirs))
    if not any(recording.track.seconds for recording in heard):
        raise CorpusError(f"{data}: the recordings hold no sound")
    figures = judge_stream(
        head,
        heard,
        analysis.rules.options,
        type_head=type_head,
        wanted_recall=wanted_recall,
        seed=seed,
        draws=draws,
    )
    return StreamEvaluation(
        task=head.task,
        model=model.card.name,
        model_version=model.card.version,
        model_sha256=model.sha256,
        type_model=None if type_head is None else _named(type_model or model),
        data=data,
        data_sha256=data_hash(recordings),
        figures=figures,
        protocol=_protocol(head),
        notes=tuple(_notes(figures)),
    )


def _named(model: Model) -> str:
    return f"{model.card.name} {model.card.version}"


def _protocol(head: Head) -> str:
    share = head.thresholds.off / head.thresholds.on
    return (
        "episodes as `exclaim listen` has them; an event is found where an alarm opens from "
        f"{ALARM_BEFORE:g} s before its onset to {ALARM_AFTER:.1f} s (a window's reach) after its offset; one that "
        "overlaps no such span is false; an alarm's time is the end of the window that opened it; false alarms over "
        "all hours heard, with exact Poisson intervals; recall's interval draws the events' sources whole; the sweep "
        f"keeps off / on at the card's {share:.2g}"
    )


def _notes(figures: StreamFigures) -> list[str]:
    notes = []
    if figures.events == 0:
        notes.append("no event is of what is detected: there is no recall and no delay")
    elif figures.at_recall is None:
        notes.append(f"no threshold reaches a recall of {figures.wanted_recall:.0%}")
    else:
        notes.append(
            f"the threshold for a recall of {figures.wanted_recall:.0%} was chosen on these recordings: on others the "
            "recall will differ"
        )
    if figures.sources is not None and figures.sources < 20:
        notes.append(f"{figures.events} events come from {figures.sources} sources only: mind the recall's interval")
    notes.append("the Poisson interval takes false alarms as independent: where recordings repeat, it is too narrow")
    return notes
