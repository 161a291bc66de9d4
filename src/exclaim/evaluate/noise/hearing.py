"""A model's answers to clips as they are and under noise; each clip is decoded once.

A clip gets one excerpt of each kind, drawn from the seed, the clip's hash and the kind alone: the same at every
signal-to-noise ratio, for every model, and whatever other clips there are.
"""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exclaim.audio import probe, read_audio
from exclaim.corpora.pictures import PICTURE_SUFFIX
from exclaim.errors import AudioError
from exclaim.evaluate.clips import ClipLogits, Means, clip_codes, mean_logits, waveform_codes
from exclaim.evaluate.noise.bank import NoiseBank
from exclaim.evaluate.noise.mixing import active_level, mean_square, mix, noise_gain
from exclaim.features import CLIP_SAMPLES
from exclaim.model import Model

__all__ = ["LONGEST_SECONDS", "Condition", "NoisyLogits", "conditions", "noisy_logits"]

LONGEST_SECONDS = 60.0  # a longer clip is heard clean only: it is not held in memory


class Condition(NamedTuple):
    """What a clip is mixed with."""

    kind: str
    snr_db: float


class NoisyLogits(NamedTuple):
    """What the network says of one clip."""

    clean: ClipLogits
    noisy: tuple[Means, ...]  # by condition; empty where the clip was not mixed
    reason: str = ""  # why it was not


class _Mixed(NamedTuple):
    codes: list[np.ndarray]  # clean, then under each condition; empty where the clip cannot be read
    sha256: str | None = None
    error: str | None = None  # why it cannot be read
    reason: str = ""  # why it was not mixed


def conditions(bank: NoiseBank, snrs_db: Sequence[float]) -> tuple[Condition, ...]:
    """Return every kind of noise at every signal-to-noise ratio, kind by kind."""
    return tuple(Condition(kind, snr) for kind in bank.kinds for snr in snrs_db)


def noisy_logits(
    model: Model,
    paths: Sequence[Path],
    bank: NoiseBank,
    snrs_db: Sequence[float],
    *,
    seed: int = 0,
    threads: int | None = None,
    progress: Callable[[int, int], None] = lambda done, whole: None,
) -> Iterator[NoisyLogits]:
    """Run a model over clips, clean and under each of :func:`conditions`, in their order.

    Args:
        model: a loaded model.
        paths: of the clips.
        bank: the noise.
        snrs_db: signal-to-noise ratios; see :mod:`exclaim.evaluate.noise.mixing`.
        seed: of the excerpts.
        threads: that decode and mix; None: one for each core.
        progress: called with (clips done, clips in all).
    """
    threads = threads or os.cpu_count() or 1
    waiting: deque[Future[_Mixed]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for i in range(len(paths)):
                while len(waiting) <= 2 * threads and i + len(waiting) < len(paths):
                    waiting.append(pool.submit(_mixed, paths[i + len(waiting)], bank, snrs_db, seed))
                yield _answer(model, Path(paths[i]), waiting.popleft().result())
                progress(i + 1, len(paths))
        finally:
            pool.shutdown(cancel_futures=True)


def _answer(model: Model, path: Path, mixed: _Mixed) -> NoisyLogits:
    if mixed.error is not None:
        return NoisyLogits(ClipLogits(path=path, error=mixed.error), (), "cannot be read")
    clean, *noisy = (means for means in mean_logits(model, mixed.codes) if means is not None)
    return NoisyLogits(ClipLogits(path=path, sha256=mixed.sha256, **clean._asdict()), tuple(noisy), mixed.reason)


def _mixed(path: Path, bank: NoiseBank, snrs_db: Sequence[float], seed: int) -> _Mixed:
    try:
        with Path(path).open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        if Path(path).suffix.lower() == PICTURE_SUFFIX:
            return _Mixed([clip_codes(path)], sha256, reason="is a picture, and noise is mixed with sound")
        if probe(path).seconds > LONGEST_SECONDS:
            return _Mixed([clip_codes(path)], sha256, reason=f"is longer than {LONGEST_SECONDS:.0f} s")
        clip = read_audio(path)
    except AudioError as error:
        return _Mixed([], error=str(error))
    except OSError as error:
        return _Mixed([], error=f"{path}: cannot be read: {error.strerror}")
    codes, level = [waveform_codes([clip])], active_level(clip)
    if level == 0:
        return _Mixed(codes, sha256, reason="is digital silence, which has no level")
    for kind in bank.kinds:
        noise = bank.excerpt(kind, f"{seed}:{sha256}:{kind}", max(len(clip), CLIP_SAMPLES))
        noise_level = mean_square(noise)
        codes += [waveform_codes([mix(clip, noise, noise_gain(level, noise_level, snr))]) for snr in snrs_db]
    return _Mixed(codes, sha256)
