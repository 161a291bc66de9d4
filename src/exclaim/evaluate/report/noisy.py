"""A run's answers to its test clips under noise, computed once: they stay in the run folder as logits."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exclaim.errors import CorpusError
from exclaim.evaluate.noise.bank import NoiseBank, noise_bank
from exclaim.evaluate.noise.hearing import Condition, conditions, noisy_logits
from exclaim.evaluate.noise.recordings import Noise, is_noise_corpus, noise_in_corpus, noise_in_folder
from exclaim.evaluate.report.answered import Answered, Progress
from exclaim.evaluate.report.runs import RunFolder
from exclaim.evaluate.speakers import SPLIT_FILE, other_recordings
from exclaim.model import load_model

__all__ = ["Noisy", "held_out_noise", "noisy", "open_banks"]

_LOG = logging.getLogger(__name__)
_SEED = 0  # of the excerpts: the same for every model


class Noisy(NamedTuple):
    """Logits of the clips that could be mixed."""

    noise: str  # corpus or folder
    recordings: dict[str, tuple[str, ...]]  # by kind
    conditions: tuple[Condition, ...]
    clips: tuple[str, ...]  # (n) hashes of the files
    names: tuple[str, ...]  # (n) of the files
    levels_db: np.ndarray  # (1 + conditions, n), the clean clips first
    logits: dict[str, np.ndarray]  # by output: (1 + conditions, n, labels)
    notes: tuple[str, ...] = ()


def held_out_noise(run: RunFolder, name: str, root: Path) -> Noise:
    """Return a folder's recordings, or those of a corpus that the run neither trained nor chose by.

    Raises:
        CorpusError: when there are none.
    """
    if not is_noise_corpus(name):
        return noise_in_folder(Path(name))
    return noise_in_corpus(name, root, other_recordings(run.folder / SPLIT_FILE, "test"))


@contextmanager
def open_banks() -> Iterator[Callable[[Noise], NoiseBank]]:
    """Keep noise decoded while runs are heard, for those that may hear the same; removed at the end."""
    banks: dict[Noise, NoiseBank] = {}
    with ExitStack() as stack:

        def bank(noise: Noise) -> NoiseBank:
            if noise not in banks:
                banks[noise] = stack.enter_context(noise_bank(noise))
            return banks[noise]

        yield bank


def noisy(
    run: RunFolder,
    own: Answered,
    bank: NoiseBank,
    snrs_db: Sequence[float],
    progress: Progress = lambda done, whole: None,
) -> Noisy:
    """Return a run's logits of its test clips under noise, from the run folder where they are kept.

    Args:
        run: a finished run.
        own: its answers to the clean clips, which say where they are.
        bank: the noise.
        snrs_db: signal-to-noise ratios.
        progress: called with (clips done, clips in all).

    Raises:
        CorpusError: when no clip can be mixed.
        ModelError: when the model file does not load.
    """
    path = _file(run, bank, snrs_db)
    asked = conditions(bank, snrs_db)
    if path.is_file():
        try:
            with np.load(path, allow_pickle=False) as kept:
                return _of_arrays(bank, asked, dict(kept))
        except (OSError, ValueError, KeyError) as error:
            _LOG.warning("%s: cannot be read and is computed again: %s", path, error)
    arrays = _hear(run, own, bank, snrs_db, progress)
    partial = path.with_suffix(".partial.npz")
    try:
        np.savez(partial, **arrays)
        partial.replace(path)
    except OSError as error:
        _LOG.warning("%s: its answers under noise are not kept: %s", run.folder, error)
    finally:
        partial.unlink(missing_ok=True)
    return _of_arrays(bank, asked, arrays)


def _file(run: RunFolder, bank: NoiseBank, snrs_db: Sequence[float]) -> Path:
    asked = f"{bank.sha256} {bank.kinds} {tuple(snrs_db)} {_SEED}"
    return run.folder / f"noise-{run.sha256[:16]}-{hashlib.sha256(asked.encode()).hexdigest()[:8]}.npz"


def _of_arrays(bank: NoiseBank, asked: tuple[Condition, ...], arrays: dict[str, np.ndarray]) -> Noisy:
    return Noisy(
        noise=bank.name,
        recordings=bank.recordings,
        conditions=asked,
        clips=tuple(arrays["sha256"].tolist()),
        names=tuple(arrays["name"].tolist()),
        levels_db=arrays["level"],
        logits={name.removeprefix("logits "): values for name, values in arrays.items() if name.startswith("logits ")},
        notes=bank.notes,
    )


def _hear(
    run: RunFolder, own: Answered, bank: NoiseBank, snrs_db: Sequence[float], progress: Progress
) -> dict[str, np.ndarray]:
    model = load_model(run.model)
    names, levels, logits = [], [], []
    hashes = []
    paths = [Path(path) for path in own.paths]
    for found in noisy_logits(model, paths, bank, snrs_db, seed=_SEED, progress=progress):
        if found.noisy:
            hashes.append(found.clean.sha256)
            names.append(found.clean.path.name)
            levels.append([found.clean.level_db, *(means.level_db for means in found.noisy)])
            logits.append([found.clean.logits, *(means.logits for means in found.noisy)])
    if not names:
        raise CorpusError(f"run {run.recipe.name}: no test clip can be mixed with noise; are they where they were?")
    outputs = logits[0][0]
    return {
        "sha256": np.array(hashes),
        "name": np.array(names),
        "level": np.array(levels, np.float32).T,
        **{
            f"logits {output}": np.array([[one[output] for one in clip] for clip in logits], np.float32).swapaxes(0, 1)
            for output in outputs
        },
    }
