"""Soundscapes to disk: sound as FLAC and its events as CSV, in memory that does not grow with their length."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np
import soundfile

from exclaim.audio import read_audio
from exclaim.errors import CorpusError
from exclaim.evaluate.noise.mixing import active_level, active_samples, mean_square
from exclaim.evaluate.stream.events import Event, write_events
from exclaim.evaluate.stream.soundscape import Excerpt, Placed, Soundscape, SoundscapeOptions, choose, plan
from exclaim.evaluate.stream.sources import Sources
from exclaim.features import SAMPLE_RATE

__all__ = ["NOTES", "made_by", "render", "sound_of", "write_soundscapes"]

NOTES = "soundscape.json"  # beside the recordings: how they were made
_BLOCK = 30 * SAMPLE_RATE
_LONGEST = 10 * SAMPLE_RATE  # of a placed sound: what is longer is cut
_RAMP = SAMPLE_RATE // 100  # of a placed sound's edges: no clicks


def sound_of(clip: np.ndarray) -> np.ndarray:
    """Return a clip from its first active sample to its last, at most 10 s; a silent one whole."""
    active = np.flatnonzero(active_samples(clip))
    return (clip[active[0] : active[-1] + 1] if len(active) else clip)[:_LONGEST]


def render(
    scape: Soundscape,
    backgrounds: Sequence[np.ndarray],
    load: Callable[[Path], np.ndarray],
    block: int = _BLOCK,
) -> Iterator[np.ndarray]:
    """Turn a plan into sound.

    Args:
        scape: the plan.
        backgrounds: (n,) samples each, as the plan numbers them.
        load: the samples of a placed sound, by its path.
        block: samples at a time; the sound does not depend on it.

    Yields:
        (n,) float32, within [-1, 1].
    """
    gains = [_gain(excerpt, backgrounds[excerpt.recording]) for excerpt in scape.excerpts]
    for begin in range(0, scape.samples, block):
        end = min(begin + block, scape.samples)
        out = np.zeros(end - begin)
        for excerpt, gain in zip(scape.excerpts, gains, strict=True):
            span = _overlap(excerpt.begin, excerpt.samples, begin, end)
            if span is not None:
                within = np.arange(span[0] - excerpt.begin, span[1] - excerpt.begin)
                samples = backgrounds[excerpt.recording][excerpt.offset + within]
                out[span[0] - begin : span[1] - begin] += gain * _faded(within, excerpt, scape.fade) * samples
        for placed in scape.placed:
            span = _overlap(placed.begin, placed.samples, begin, end)
            if span is not None:
                within = slice(span[0] - placed.begin, span[1] - placed.begin)
                out[span[0] - begin : span[1] - begin] += _levelled(placed, load(placed.sound.path))[within]
        yield np.clip(out, -1, 1).astype(np.float32)


def _gain(excerpt: Excerpt, recording: np.ndarray) -> float:
    level = mean_square(recording[excerpt.offset : excerpt.offset + excerpt.samples])
    return 10 ** (excerpt.level_db / 20) / np.sqrt(level) if level > 0 else 0.0


def _overlap(first: int, length: int, begin: int, end: int) -> tuple[int, int] | None:
    low, high = max(first, begin), min(first + length, end)
    return (low, high) if low < high else None


def _faded(within: np.ndarray, excerpt: Excerpt, fade: int) -> np.ndarray:
    """Return an excerpt's envelope: powers of two that overlap add up to one. The very first does not fade in."""
    rising = np.ones(len(within)) if excerpt.begin == 0 else np.minimum(1, (within + 0.5) / fade)
    falling = np.minimum(1, (excerpt.samples - within - 0.5) / fade)
    return np.sin(np.pi / 2 * rising) * np.sin(np.pi / 2 * falling)


def _levelled(placed: Placed, samples: np.ndarray) -> np.ndarray:
    level = active_level(samples)
    gain = 10 ** (placed.level_db / 20) / np.sqrt(level) if level > 0 else 0.0
    edge = np.minimum(1, (np.arange(len(samples)) + 1) / _RAMP)
    return gain * edge * edge[::-1] * samples


def write_soundscapes(
    folder: Path,
    sources: Sources,
    options: SoundscapeOptions,
    *,
    count: int,
    seed: int,
    command: str,
    progress: Callable[[float], None] = lambda seconds: None,
) -> None:
    """Write so many soundscapes as pairs NAME.flac and NAME.csv, and how they were made.

    Args:
        folder: new or empty.
        sources: what to draw from.
        options: see there.
        count: how many; each is drawn by itself.
        seed: the same gives the same files.
        command: that makes them again, for who finds them.
        progress: called with the seconds written so far, of all.

    Raises:
        CorpusError: when the folder holds something, cannot be written, or the sounds do not fit.
        AudioError: when a clip cannot be read.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CorpusError(f"{folder} is not empty; name a new folder for the soundscapes")
    load = lru_cache(maxsize=64)(lambda path: sound_of(read_audio(path)))
    backgrounds = [read_audio(path) for path in sources.backgrounds]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(count):
            rng = np.random.default_rng([seed, number])
            sounds = choose(sources, options, rng)
            lengths = [len(load(sound.path)) for sound in sounds]
            scape = plan(sounds, lengths, [len(b) for b in backgrounds], options, rng)
            name = f"{number + 1:02}"
            with soundfile.SoundFile(folder / f"{name}.flac", "w", SAMPLE_RATE, 1, "PCM_16", format="FLAC") as file:
                for begin, block in enumerate(render(scape, backgrounds, load)):
                    file.write(block)
                    progress(number * options.seconds + (begin * _BLOCK + len(block)) / SAMPLE_RATE)
            write_events(folder / f"{name}.csv", map(_event, scape.placed))
        notes = {"command": command, "seed": seed, "count": count}
        notes |= {"options": msgspec.to_builtins(options), "sources": _notes(sources)}
        (folder / NOTES).write_bytes(msgspec.json.format(msgspec.json.encode(notes)) + b"\n")
    except (OSError, soundfile.LibsndfileError) as error:
        raise CorpusError(f"soundscapes cannot be written to {folder}: {error}") from error


def made_by(folder: Path) -> str | None:
    """Return the command that made a folder of soundscapes; None where it holds none, or does not say."""
    try:
        return msgspec.json.decode((folder / NOTES).read_bytes(), type=_MadeBy).command
    except (OSError, msgspec.MsgspecError):
        return None


class _MadeBy(msgspec.Struct):
    command: str


def _event(placed: Placed) -> Event:
    return Event(
        onset=placed.begin / SAMPLE_RATE,
        offset=(placed.begin + placed.samples) / SAMPLE_RATE,
        label=placed.sound.label,
        source=placed.sound.source,
    )


def _notes(sources: Sources) -> dict[str, object]:
    return {
        "backgrounds": sorted(f"{path.parent.name}/{path.name}" for path in sources.backgrounds),
        "screams": len(sources.screams),
        "speakers who scream": len({sound.source for sound in sources.screams}),
        "others": {kind: len(sounds) for kind, sounds in sources.others.items()},
    }
