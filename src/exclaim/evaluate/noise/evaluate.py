"""A model's quality on labelled clips under noise, beside that on the clean clips."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from exclaim.corpora.clip import Clip
from exclaim.errors import CorpusError
from exclaim.evaluate.answers import ClipAnswer, clip_answers
from exclaim.evaluate.clips import ClipLogits
from exclaim.evaluate.evaluate import Heard, read_clips
from exclaim.evaluate.labelling import Labelled
from exclaim.evaluate.noise.bank import NoiseBank
from exclaim.evaluate.noise.hearing import conditions, noisy_logits
from exclaim.evaluate.noise.table import NoiseTable, draw_figures, noise_table
from exclaim.model import Model

__all__ = ["hear_under_noise"]


def hear_under_noise(
    model: Model,
    labelled: Labelled,
    bank: NoiseBank,
    snrs_db: Sequence[float],
    *,
    root: Path = Path(),
    seed: int = 0,
    draws: int = 1000,
    threads: int | None = None,
    progress: Callable[[int, int], None] = lambda done, whole: None,
) -> tuple[Heard, NoiseTable]:
    """Run a model over labelled clips, clean and under noise.

    Args:
        model: a loaded model.
        labelled: the clips.
        bank: the noise.
        snrs_db: signal-to-noise ratios in dB, one at least.
        root: folder that the answers tell the clips' paths from.
        seed: of the excerpts and of the intervals' draws.
        draws: how many.
        threads: that decode and mix; None: one for each core.
        progress: called with (clips done, clips in all).

    Returns:
        The answers to the clean clips, as :func:`exclaim.evaluate.evaluate.hear` gives them, and the table.

    Raises:
        CorpusError: when more than 5 % of the clips cannot be read, or none can be mixed.
    """
    head, asked = labelled.head, conditions(bank, snrs_db)
    clean: list[ClipLogits] = []
    mixed: list[tuple[Clip, str, ClipLogits]] = []  # with the clean logits
    reasons: Counter[str] = Counter()
    logits, levels = [], []  # of each mixed clip: (conditions, labels) and (conditions,)
    paths = [clip.path for clip, _ in labelled.clips]
    heard = noisy_logits(model, paths, bank, snrs_db, seed=seed, threads=threads, progress=progress)
    for pair, found in zip(labelled.clips, heard, strict=True):
        clean.append(found.clean)
        if found.noisy:
            mixed.append((*pair, found.clean))
            logits.append([means.logits[head.output] for means in found.noisy])
            levels.append([means.level_db for means in found.noisy])
        elif found.clean.error is None:
            reasons[found.reason] += 1
    read, excluded = read_clips(labelled, clean)
    if not mixed:
        raise CorpusError(f"{labelled.data}: no clip can be mixed with noise: {dict(reasons)}")

    def answers(rows: Sequence[tuple[Clip, str, ClipLogits]]) -> tuple[ClipAnswer, ...]:
        return clip_answers(head, rows, model.card.level_floor_db, root)

    of_clean = answers(mixed)
    noisy = {
        condition: draw_figures(answers(_under(mixed, head.output, condition_logits, condition_levels)), seed, draws)
        for condition, condition_logits, condition_levels in zip(
            asked, np.array(logits).swapaxes(0, 1), np.array(levels).T, strict=True
        )
    }
    table = noise_table(
        head,
        of_clean,
        draw_figures(of_clean, seed, draws),
        noisy,
        bank,
        excluded=reasons,
        seed=seed,
        draws=draws,
    )
    return Heard(labelled, tuple(clip for clip, _, _ in read), answers(read), excluded), table


def _under(
    mixed: Sequence[tuple[Clip, str, ClipLogits]], output: str, logits: np.ndarray, levels: np.ndarray
) -> list[tuple[Clip, str, ClipLogits]]:
    """Return clips with what was heard of them under a condition in place of the clean logits."""
    return [
        (clip, label, msgspec.structs.replace(found, logits={output: row}, level_db=float(level)))
        for (clip, label, found), row, level in zip(mixed, logits, levels, strict=True)
    ]
