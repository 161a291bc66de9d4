"""Whether a compressed model may stand in for its original: smaller, not slower, and as good, all three measured.

Eight bits and fewer channels promise bytes and speed; small networks often keep neither promise, and a loss of quality
hides in the noise of a few hundred clips. So nothing is believed: a candidate passes only where its file is smaller,
where it takes no more time on one core, both measured in one run in turn, and where the interval of the
difference in quality, over speakers, excludes a loss that matters.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from exclaim.errors import ModelError
from exclaim.evaluate.bench import machine
from exclaim.evaluate.bootstrap import Interval
from exclaim.evaluate.evaluate import Heard, hear
from exclaim.evaluate.figures import judged
from exclaim.evaluate.labelling import Labelled
from exclaim.evaluate.paired import paired_difference
from exclaim.learn.pace import Pace, paces
from exclaim.model import Model
from exclaim.pins import write_atomically

__all__ = [
    "Admission",
    "AdmissionOptions",
    "Candidate",
    "Quality",
    "admissions",
    "keep_admissions",
    "qualities",
    "read_admissions",
    "verdict",
]

FIGURES = ("uar", "auroc")


class AdmissionOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How strict, and how well measured."""

    tolerance: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.01  # loss of UAR or AUROC that may be
    time_tolerance: Annotated[float, msgspec.Meta(ge=0)] = 0.02  # share of its time that one run cannot tell apart
    windows: Annotated[int, msgspec.Meta(ge=1)] = 500  # that are timed
    draws: Annotated[int, msgspec.Meta(ge=2)] = 2000  # of speakers
    seed: int = 0  # of the draws


class Candidate(NamedTuple):
    """A model that would stand in for another."""

    model: Model
    method: str  # how it was made, such as "int8"
    note: str = ""  # what its reader should know


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of both models on the same clips."""

    task: str
    figure: str  # "uar" or "auroc"
    original: float | None
    candidate: float | None
    difference: float | None  # candidate - original
    interval: Interval | None  # of the difference, 95 %, over speakers; None: these clips cannot tell


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured of a candidate, and whether it passed."""

    model: str  # name of the candidate's file
    sha256: str  # of it
    method: str
    original: str  # name of the original's file
    original_sha256: str
    bytes: int  # of the candidate's file
    original_bytes: int
    ms: float  # the candidate's processor time for a window on one core, median
    original_ms: float
    time_ratio: float  # candidate / original, median over the turns that both took
    processor: str  # that it was measured on; another one may tell otherwise
    quality: tuple[Quality, ...]
    data: str  # the clips that quality was measured on
    passed: bool
    reason: str  # a sentence


def admissions(
    original: Model,
    candidates: Sequence[Candidate],
    labelled: Sequence[Labelled],
    options: AdmissionOptions = AdmissionOptions(),
    progress: Callable[[int, int], None] = lambda done, whole: None,
) -> list[Admission]:
    """Measure candidates beside their original.

    Args:
        original: the model that they were made from.
        candidates: that have its heads.
        labelled: for each head that is compared, clips of validation speakers.
        options: how strict.
        progress: called with (clips done, clips in all), over all models and heads.

    Raises:
        ModelError: when there is nothing to compare, or measuring fails.
        CorpusError: when more than 5 % of the clips cannot be read.
    """
    if not labelled:
        raise ModelError(f"{original.path}: no clips to compare its candidates on; expected labelled ones")
    models = [original, *(candidate.model for candidate in candidates)]
    whole = len(models) * sum(len(part.clips) for part in labelled)
    heard: list[list[Heard]] = []
    for model in models:
        done = len(heard) * whole // len(models)
        heard.append(_heard(model, labelled, lambda now, done=done: progress(done + now, whole)))
    measured = paces(original, models[1:], options.windows)
    data = ", ".join(dict.fromkeys(f"{part.data}: {len(part.clips)} clips" for part in labelled))
    found = []
    for candidate, answers, pace in zip(candidates, heard[1:], measured, strict=True):
        quality = qualities(heard[0], answers, options)
        sizes = tuple(model.path.stat().st_size for model in (candidate.model, original))
        passed, reason = verdict(sizes, pace, quality, options)
        found.append(
            Admission(
                model=candidate.model.path.name,
                sha256=candidate.model.sha256,
                method=candidate.method,
                original=original.path.name,
                original_sha256=original.sha256,
                bytes=sizes[0],
                original_bytes=sizes[1],
                ms=round(pace.ms, 4),
                original_ms=round(pace.original_ms, 4),
                time_ratio=round(pace.ratio, 4),
                processor=machine().processor,
                quality=quality,
                data=data,
                passed=passed,
                reason=f"{reason}; {candidate.note}" if candidate.note else reason,
            )
        )
    return found


def _heard(model: Model, labelled: Sequence[Labelled], progress: Callable[[int], None]) -> list[Heard]:
    """Return a model's answers to the clips of each head."""
    heard, before = [], 0
    for part in labelled:
        own = part._replace(head=model.card.head(part.head.task))
        heard.append(hear(model, own, progress=lambda now, _, before=before: progress(before + now)))
        before += len(part.clips)
    return heard


def qualities(original: Sequence[Heard], candidate: Sequence[Heard], options: AdmissionOptions) -> tuple[Quality, ...]:
    """Return the figures of both models on the same clips, with the interval of their difference; pure.

    Args:
        original: answers of the original, by head.
        candidate: answers of the candidate to the same clips, in the same order.
        options: draws and their seed.

    Raises:
        ModelError: when the two did not answer the same clips.
    """
    found = []
    for one, other in zip(original, candidate, strict=True):
        if [row.sha256 for row in one.answers] != [row.sha256 for row in other.answers]:
            raise ModelError(f"{one.labelled.data}: the two models were not asked about the same clips")
        first, second = judged(other.answers), judged(one.answers)
        differences = paired_difference(
            first.truth,
            first.probabilities,
            second.probabilities,
            first.clusters,
            first_answers=first.answers,
            second_answers=second.answers,
            draws=options.draws,
            seed=options.seed,
            figures=FIGURES,
        )
        for figure, difference in differences.items():
            found.append(
                Quality(
                    task=one.labelled.head.task,
                    figure=figure,
                    original=_rounded(difference.second),
                    candidate=_rounded(difference.first),
                    difference=_rounded(difference.difference),
                    interval=difference.interval
                    and (round(difference.interval[0], 6), round(difference.interval[1], 6)),
                )
            )
    return tuple(found)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def verdict(
    sizes: tuple[int, int], pace: Pace, quality: Sequence[Quality], options: AdmissionOptions
) -> tuple[bool, str]:
    """Return whether a candidate passes, and why or why not in a sentence; pure.

    Args:
        sizes: bytes of candidate and original.
        pace: the candidate's time for a window beside the original's.
        quality: the figures of both; every one of them counts.
        options: how strict.
    """
    faults = []
    if sizes[0] >= sizes[1]:
        faults.append(f"its file has {sizes[0]} bytes and the original's {sizes[1]}: it is not smaller")
    if pace.ratio > 1 + options.time_tolerance:
        faults.append(f"a window takes {pace.ratio:.0%} of the original's {pace.original_ms:.3f} ms: it is slower")
    for figure in quality:
        if figure.interval is None:
            faults.append(f"{_called(figure)} has no interval on these clips: nothing is known of its quality")
        elif figure.interval[0] < -options.tolerance:
            faults.append(
                f"{_called(figure)} changes by {figure.difference:+.4f}, {_span(figure.interval)}, which does not"
                f" exclude a loss of more than {options.tolerance:g}"
            )
    if not quality:
        faults.append("its quality was not measured")
    if faults:
        return False, "; ".join(faults)
    changes = ", ".join(f"{_called(q)} {q.difference:+.4f} {_span(q.interval)}" for q in quality if q.interval)
    return True, f"{sizes[0] / sizes[1]:.0%} of the bytes, {pace.ratio:.0%} of the time, {changes}"


def _called(figure: Quality) -> str:
    return f"{figure.task} {figure.figure.upper()}"


def _span(interval: Interval) -> str:
    return f"[{interval[0]:+.4f}, {interval[1]:+.4f}]"


def read_admissions(path: Path) -> list[Admission]:
    """Read a run's ``compress.json``; none where it is not there.

    Raises:
        ModelError: when it is no such file.
    """
    try:
        return msgspec.json.decode(Path(path).read_bytes(), type=list[Admission])
    except FileNotFoundError:
        return []
    except (OSError, msgspec.MsgspecError) as error:
        raise ModelError(f"{path}: {error}; expected what `exclaim compress` wrote, remove it to begin anew") from error


def keep_admissions(path: Path, found: Sequence[Admission]) -> None:
    """Write admissions into a run's ``compress.json``, in place of earlier ones of the same files.

    Raises:
        ModelError: when it cannot be read or written.
    """
    new = {admission.model for admission in found}
    kept = [admission for admission in read_admissions(path) if admission.model not in new]
    write_atomically(Path(path), msgspec.json.format(msgspec.json.encode([*kept, *found])) + b"\n")
