"""What noise costs: figures by kind and signal-to-noise ratio, and what is lost against the clean clips; pure."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from exclaim.card import Head
from exclaim.evaluate import metrics
from exclaim.evaluate.answers import ClipAnswer, data_hash
from exclaim.evaluate.bootstrap import Interval, percentile_interval
from exclaim.evaluate.figures import judged, rounded, share_interval
from exclaim.evaluate.noise.bank import NoiseBank
from exclaim.evaluate.noise.hearing import LONGEST_SECONDS, Condition
from exclaim.evaluate.noise.mixing import ACTIVE_RANGE_DB
from exclaim.evaluate.resamples import resampled

__all__ = ["NOISE_FIGURES", "Drawn", "NoiseRow", "NoiseTable", "draw_figures", "noise_table"]

NOISE_FIGURES = ("uar", "auroc", "loss")
_LEVEL = 0.95


class NoiseRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table. None is what the clips cannot tell."""

    kind: str | None  # None: clean, or the mean over the kinds
    snr_db: float | None  # None: clean
    uar: float | None  # balanced accuracy of a detection, at the card's threshold
    auroc: float | None
    loss: float | None  # UAR of the clean clips less this one
    recalls: dict[str, float | None]  # by label: which way the answers lean
    intervals: dict[str, Interval | None]  # 95 %; of the loss paired: clean and noisy clips of the same speakers


class NoiseTable(msgspec.Struct, frozen=True, kw_only=True):
    """Every kind at every signal-to-noise ratio."""

    noise: str  # corpus or folder
    recordings: dict[str, tuple[str, ...]]  # by kind
    snrs_db: tuple[float, ...]
    n: int  # clips that were mixed; the clean row is of these too
    excluded_reasons: dict[str, int]  # clips that could be read and were not mixed
    data_sha256: str  # of the clips' files with their labels, and of the noise's files
    clean: NoiseRow
    rows: tuple[NoiseRow, ...]  # kind by kind
    means: tuple[NoiseRow, ...]  # over the kinds, by signal-to-noise ratio
    protocol: str
    notes: tuple[str, ...] = ()


class Drawn(NamedTuple):
    """A figure on all clips and on each draw of speakers."""

    whole: dict[str, float]
    recalls: dict[str, float]  # by label, on all clips
    draws: dict[str, np.ndarray]  # (draws,) by name


def draw_figures(answers: Sequence[ClipAnswer], seed: int, draws: int) -> Drawn:
    """Return UAR and AUROC on all clips and on each draw; the same seed draws the same speakers."""
    found = judged(answers)
    recalls = metrics.recalls(found.truth, found.answers, len(found.labels)).tolist()
    whole = {
        "uar": metrics.uar(found.truth, found.answers, len(found.labels)),
        "auroc": metrics.macro_auroc(found.truth, found.probabilities),
    }
    options = {"seed": seed, "draws": draws, "figures": tuple(whole)}
    spread = resampled(found.truth, found.answers, found.probabilities, found.clusters, **options)
    return Drawn(whole, dict(zip(found.labels, recalls, strict=True)), spread)


def noise_table(
    head: Head,
    answers: Sequence[ClipAnswer],
    clean: Drawn,
    noisy: Mapping[Condition, Drawn],
    bank: NoiseBank,
    *,
    excluded: Counter[str],
    seed: int,
    draws: int,
) -> NoiseTable:
    """Put the table together.

    Args:
        head: that answered.
        answers: to the clean clips that were mixed.
        clean: their figures.
        noisy: figures of the same clips by condition, drawn with the same seed.
        bank: what was mixed in.
        excluded: how many clips were not mixed, by reason.
        seed: of excerpts and draws.
        draws: how many.
    """
    several = len({answer.cluster for answer in answers}) > 1
    snrs = tuple(dict.fromkeys(condition.snr_db for condition in noisy))
    means = {snr: _mean([drawn for condition, drawn in noisy.items() if condition.snr_db == snr]) for snr in snrs}
    return NoiseTable(
        noise=bank.name,
        recordings=bank.recordings,
        snrs_db=snrs,
        n=len(answers),
        excluded_reasons=dict(excluded.most_common()),
        data_sha256=hashlib.sha256(f"{data_hash(answers)} {bank.sha256}\n".encode()).hexdigest(),
        clean=_row(None, None, clean, None, several),
        rows=tuple(_row(*condition, drawn, clean, several) for condition, drawn in noisy.items()),
        means=tuple(_row(None, snr, drawn, clean, several) for snr, drawn in means.items()),
        protocol=_protocol(head, answers, seed, draws),
        notes=(
            *bank.notes,
            *(f"{count} clips are not in the noise table: {reason}" for reason, count in excluded.items()),
        ),
    )


def _mean(parts: Sequence[Drawn]) -> Drawn:
    names, labels = parts[0].whole, parts[0].recalls
    return Drawn(
        {name: float(np.mean([part.whole[name] for part in parts])) for name in names},
        {label: float(np.mean([part.recalls[label] for part in parts])) for label in labels},
        {name: np.mean([part.draws[name] for part in parts], axis=0) for name in names},
    )


def _row(kind: str | None, snr_db: float | None, drawn: Drawn, clean: Drawn | None, several: bool) -> NoiseRow:
    whole, spread = dict(drawn.whole), dict(drawn.draws)
    if clean is not None:
        whole["loss"] = clean.whole["uar"] - whole["uar"]
        spread["loss"] = clean.draws["uar"] - spread["uar"]
    intervals = {
        name: percentile_interval(spread[name], value, _LEVEL) if several else None
        for name, value in whole.items()
        if rounded(value) is not None
    }
    return NoiseRow(
        kind=kind,
        snr_db=snr_db,
        uar=rounded(whole["uar"]),
        auroc=rounded(whole["auroc"]),
        loss=rounded(whole["loss"]) if clean is not None else None,
        recalls={label: rounded(value) for label, value in drawn.recalls.items()},
        intervals={
            name: _rounded(found) if name == "loss" else share_interval(found) for name, found in intervals.items()
        },
    )


def _rounded(interval: Interval | None) -> Interval | None:
    return None if interval is None else (round(interval[0], 6), round(interval[1], 6))


def _protocol(head: Head, answers: Sequence[ClipAnswer], seed: int, draws: int) -> str:
    decision = (
        f"detected at a probability of {head.thresholds.on:.3g}"
        if head.thresholds is not None
        else "the most probable label, abstentions answered too"
    )
    speakers = len({answer.speaker for answer in answers} - {None})
    clusters = f"{speakers} speakers" if speakers else "recordings (speakers are not known)"
    return (
        "noise added to the waveform, over the clip and behind it up to 3 s; signal: mean square over the 20 ms blocks "
        f"at most {ACTIVE_RANGE_DB:.0f} dB below the loudest; noise: mean square over the excerpt, the same at every "
        f"ratio, drawn by seed {seed}, clip and kind; clips up to {LONGEST_SECONDS:.0f} s; {decision}; 95 % percentile "
        f"intervals from {draws} draws of {clusters}, of the loss paired with the clean clips"
    )
