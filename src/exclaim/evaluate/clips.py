"""A model's answer to a whole clip, through the byte code as everywhere.

A clip of 3 s at most is one window, zero-padded. A longer one is the mean of the logits of its windows on the
31-frame grid of :mod:`exclaim.windows`, from the first window that begins with the clip to the last, which
may reach past its end.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from exclaim import features, windows
from exclaim.audio import stream_audio
from exclaim.corpora.pictures import PICTURE_SUFFIX, picture_codes
from exclaim.errors import AudioError
from exclaim.model import EMBEDDING, Model

__all__ = ["ClipLogits", "Means", "clip_codes", "clip_logits", "clip_windows", "mean_logits", "waveform_codes"]

_BATCH = 64  # windows held at a time
_GROUP = 64  # clips decoded ahead of the network
_FIRST_END = features.WINDOW_FRAMES - 2  # 186: the first end on the grid whose window begins with the clip


class ClipLogits(msgspec.Struct, frozen=True, kw_only=True):
    """What the network says of one clip; nothing but the path and the error where the clip could not be
    read.
    """

    path: Path
    error: str | None = None  # a sentence
    sha256: str | None = None  # of the file
    windows: int = 0
    level_db: float | None = None  # the highest window maximum
    logits: dict[str, np.ndarray] = {}  # (labels,) by output, mean over the windows
    embedding: np.ndarray | None = None  # (d,), mean over the windows


class Means(NamedTuple):
    """A model's answer to a clip, over its windows."""

    windows: int
    level_db: float  # the highest window maximum
    embedding: np.ndarray  # (d,)
    logits: dict[str, np.ndarray]  # (labels,) by output


class _Decoded(NamedTuple):
    codes: np.ndarray | None
    sha256: str | None
    error: str | None


def clip_codes(path: Path) -> np.ndarray:
    """Decode a clip to coded frames in bounded memory (128 bytes for each 16 ms).

    Args:
        path: of a sound, or of a log-mel kept as a picture (:mod:`exclaim.corpora.pictures`).

    Returns:
        (frames, 128) uint8; 188 frames for a clip of 3 s at most, which is zero-padded to 3 s.

    Raises:
        AudioError: when the file cannot be read or holds no sound.
    """
    if Path(path).suffix.lower() == PICTURE_SUFFIX:
        codes = picture_codes(path)
        return np.pad(codes, ((0, max(0, features.WINDOW_FRAMES - len(codes))), (0, 0)))
    codes = waveform_codes(stream_audio(path))
    if len(codes) == 0:
        raise AudioError(f"{path}: holds no samples; expected sound")
    return codes


def waveform_codes(blocks: Iterable[np.ndarray]) -> np.ndarray:
    """Turn a sound to coded frames; what is shorter than 3 s is zero-padded to 3 s.

    Args:
        blocks: (n,) floating point each at 16 kHz, one behind the other.

    Returns:
        (frames, 128) uint8, 188 frames at least; none where there are no samples.
    """
    state, parts, samples = features.start(), [], 0
    for block in blocks:
        samples += len(block)
        frames, state = features.stream(block, state)
        parts.append(features.encode(frames))
    if samples == 0:
        return np.empty((0, features.N_MELS), np.uint8)
    if samples < features.CLIP_SAMPLES:
        frames, state = features.stream(np.zeros(features.CLIP_SAMPLES - samples, np.float32), state)
        parts.append(features.encode(frames))
    parts.append(features.encode(features.finish(state)))
    return np.concatenate(parts)


def clip_windows(codes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cut a clip's windows, a bounded number at a time.

    Args:
        codes: (frames, 128) uint8, at least 188 frames.

    Yields:
        Inputs (n, 128, 188) float32 in [-1, 1] and levels (n,) in dB; n is 64 at most.
    """
    if len(codes) <= features.WINDOW_FRAMES:
        window = features.decode(codes.T[np.newaxis, :, : features.WINDOW_FRAMES])
        yield features.normalise(window), window.max(axis=(1, 2))
        return
    state = windows.start()
    block = _BATCH * windows.STEP_FRAMES
    for begin in range(0, len(codes), block):
        part = codes[begin : begin + block]
        cut, state = windows.cut(part, np.zeros(len(part), bool), state)
        yield from _whole(cut)
    yield from _whole(windows.end(state)[0])


def _whole(cut: windows.Windows) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    kept = cut.ends >= _FIRST_END
    if kept.any():
        yield cut.inputs[kept], cut.levels_db[kept]


def clip_logits(
    model: Model,
    paths: Sequence[Path],
    *,
    threads: int | None = None,
    progress: Callable[[int, int], None] = lambda done, whole: None,
) -> Iterator[ClipLogits]:
    """Run a model over clips, in their order. A clip that cannot be read becomes an answer with its error.

    Args:
        model: a loaded model.
        paths: of the clips; any length, any format that libsndfile decodes.
        threads: that decode; None: one for each core.
        progress: called with (clips done, clips in all).
    """
    groups = [paths[begin : begin + _GROUP] for begin in range(0, len(paths), _GROUP)]
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        try:
            ahead = [pool.submit(_decode, path) for path in groups[0]] if groups else []
            for number, group in enumerate(groups):
                following = groups[number + 1] if number + 1 < len(groups) else []
                now, ahead = ahead, [pool.submit(_decode, path) for path in following]
                yield from _answer_group(model, group, now)
                progress(min((number + 1) * _GROUP, len(paths)), len(paths))
        finally:
            pool.shutdown(cancel_futures=True)


def _decode(path: Path) -> _Decoded:
    try:
        codes = clip_codes(path)
        with Path(path).open("rb") as file:
            return _Decoded(codes, hashlib.file_digest(file, "sha256").hexdigest(), None)
    except AudioError as error:
        return _Decoded(None, None, str(error))
    except OSError as error:
        return _Decoded(None, None, f"{path}: cannot be read: {error.strerror}")


def _answer_group(model: Model, paths: Sequence[Path], decoding: list["Future[_Decoded]"]) -> Iterator[ClipLogits]:
    """Answer a group of clips, their windows run together in batches."""
    decoded = [future.result() for future in decoding]
    for path, item, means in zip(paths, decoded, mean_logits(model, [item.codes for item in decoded]), strict=True):
        if means is None:
            yield ClipLogits(path=Path(path), error=item.error)
        else:
            yield ClipLogits(path=Path(path), sha256=item.sha256, **means._asdict())


def mean_logits(model: Model, clips: Sequence[np.ndarray | None]) -> list[Means | None]:
    """Return a model's answer to each clip, the mean over its windows; None where there is no clip.

    Args:
        model: a loaded model.
        clips: (frames, 128) uint8 each, at least 188 frames; their windows are run together in batches.
    """
    sums: dict[str, np.ndarray] = {}
    counts, levels = np.zeros(len(clips), int), np.full(len(clips), -np.inf)
    for owners, inputs, window_levels in _batches(clips):
        np.add.at(counts, owners, 1)
        np.maximum.at(levels, owners, window_levels)
        for name, values in model.logits(inputs).items():
            total = sums.setdefault(name, np.zeros((len(clips), values.shape[1])))
            np.add.at(total, owners, values)
    found: list[Means | None] = []
    for i, count in enumerate(counts.tolist()):
        means = {name: total[i] / count for name, total in sums.items()} if count else {}
        found.append(Means(count, float(levels[i]), means.pop(EMBEDDING), means) if count else None)
    return found


def _batches(clips: Sequence[np.ndarray | None]) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield (owner of each window, inputs, levels) with about 64 windows each."""
    held: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for owner, codes in enumerate(clips):
        for inputs, levels in clip_windows(codes) if codes is not None else ():
            held.append((np.full(len(inputs), owner), inputs, levels))
            if sum(len(owners) for owners, _, _ in held) >= _BATCH:
                yield _joined(held)
                held = []
    if held:
        yield _joined(held)


def _joined(held: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    owners, inputs, levels = zip(*held, strict=True)
    return np.concatenate(owners), np.concatenate(inputs), np.concatenate(levels)
