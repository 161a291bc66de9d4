"""A soundscape as a plan: which background lies where, and which sound. Pure; the same seed gives the same plan.

Excerpts of background recordings follow each other, cross-faded. Sounds are placed so far apart that each alarm can be
owed to one of them only.
"""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import msgspec
import numpy as np

from exclaim.errors import CorpusError
from exclaim.evaluate.stream.sources import Sound, Sources
from exclaim.features import SAMPLE_RATE

__all__ = ["Excerpt", "Placed", "Soundscape", "SoundscapeOptions", "choose", "plan"]

Span = tuple[float, float]
Rate = Annotated[float, msgspec.Meta(ge=0, le=300)]


class SoundscapeOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a soundscape is made; spans are drawn from evenly."""

    seconds: Annotated[float, msgspec.Meta(ge=60, le=86_400)] = 3600.0
    screams_per_hour: Rate = 60.0
    others_per_hour: Rate = 60.0
    snr_db: float = 10.0  # a scream's active part over the mean square of the background's excerpt
    others_snr_db: Span = (0.0, 20.0)  # the same of other sounds
    background_db: Span = (-50.0, -35.0)  # an excerpt's mean square, of full scale
    excerpt_seconds: Span = (20.0, 60.0)  # a shorter recording is heard whole
    fade_seconds: Annotated[float, msgspec.Meta(gt=0, le=5)] = 2.0
    # Between two sounds, at least. The last window that holds some of a sound ends 3 s behind it, and an episode stays
    # open for 2 s more: after 6 s the next sound meets a detector at rest.
    gap_seconds: Annotated[float, msgspec.Meta(ge=0)] = 6.0


class Excerpt(NamedTuple):
    """A piece of a background recording. Numbers are samples."""

    begin: int  # in the soundscape
    recording: int  # number of the background
    offset: int  # in the recording
    samples: int
    level_db: float  # mean square, of full scale


class Placed(NamedTuple):
    """A sound at its place. Numbers are samples."""

    begin: int
    samples: int
    sound: Sound
    level_db: float  # mean square of its active part, of full scale


class Soundscape(NamedTuple):
    """The plan."""

    samples: int
    fade: int  # samples over which excerpts overlap
    excerpts: tuple[Excerpt, ...]
    placed: tuple[Placed, ...]  # by begin


def choose(sources: Sources, options: SoundscapeOptions, rng: np.random.Generator) -> list[Sound]:
    """Draw the sounds of a soundscape, in the order in which they are heard.

    Every scream is heard before one is heard again, and so is every other sound of a kind; kinds take turns.
    """
    hours = options.seconds / 3600
    screams = _cycled(sources.screams, round(options.screams_per_hour * hours), rng)
    count, kinds = round(options.others_per_hour * hours), list(sources.others.values())
    drawn = [_cycled(kind, -(-count // len(kinds)), rng) for kind in kinds]
    others = [sound for turn in zip(*drawn, strict=True) for sound in turn][:count]
    sounds = screams + others
    return [sounds[i] for i in rng.permutation(len(sounds))]


def _cycled(sounds: Sequence[Sound], count: int, rng: np.random.Generator) -> list[Sound]:
    chosen: list[Sound] = []
    while len(chosen) < count:
        chosen += [sounds[i] for i in rng.permutation(len(sounds))]
    return chosen[:count]


def plan(
    sounds: Sequence[Sound],
    lengths: Sequence[int],
    backgrounds: Sequence[int],
    options: SoundscapeOptions,
    rng: np.random.Generator,
) -> Soundscape:
    """Lay out a soundscape.

    Args:
        sounds: in order.
        lengths: of the sounds, in samples.
        backgrounds: lengths of the background recordings, in samples; each longer than two fades.
        options: see there.
        rng: for all that is drawn.

    Raises:
        CorpusError: when the sounds do not fit, or a background is too short.
    """
    samples, fade = round(options.seconds * SAMPLE_RATE), round(options.fade_seconds * SAMPLE_RATE)
    excerpts = _excerpts(samples, fade, backgrounds, options, rng)
    begins = _begins(samples, lengths, options, rng)
    beneath = np.searchsorted([excerpt.begin for excerpt in excerpts], begins, side="right") - 1
    placed = []
    for sound, begin, length, k in zip(sounds, begins, lengths, beneath, strict=True):
        snr_db = options.snr_db if sound.label == "scream" else rng.uniform(*options.others_snr_db)
        placed.append(Placed(begin, length, sound, excerpts[k].level_db + snr_db))
    return Soundscape(samples, fade, excerpts, tuple(placed))


def _excerpts(
    samples: int, fade: int, backgrounds: Sequence[int], options: SoundscapeOptions, rng: np.random.Generator
) -> tuple[Excerpt, ...]:
    if not backgrounds or min(backgrounds) <= 2 * fade:
        raise CorpusError(
            f"backgrounds of {min(backgrounds, default=0) / SAMPLE_RATE:.1f} s cannot be faded over "
            f"{options.fade_seconds:g} s on both sides; expected recordings of more than {2 * options.fade_seconds:g} s"
        )
    excerpts, begin = [], 0
    while begin < samples:
        recording = int(rng.integers(len(backgrounds)))
        wanted = round(rng.uniform(*options.excerpt_seconds) * SAMPLE_RATE)
        length = min(wanted, backgrounds[recording])
        offset = int(rng.integers(backgrounds[recording] - length + 1))
        excerpts.append(Excerpt(begin, recording, offset, length, float(rng.uniform(*options.background_db))))
        begin += length - fade
    return tuple(excerpts)


def _begins(samples: int, lengths: Sequence[int], options: SoundscapeOptions, rng: np.random.Generator) -> list[int]:
    """Share what time is left out evenly at random among the pauses between sounds."""
    gap = round(options.gap_seconds * SAMPLE_RATE)
    left = samples - sum(lengths) - gap * (len(lengths) + 1)
    if left < 0:
        raise CorpusError(
            f"{len(lengths)} sounds of {sum(lengths) / SAMPLE_RATE:.0f} s, {options.gap_seconds:g} s apart, do not fit "
            f"into {options.seconds:g} s; ask for fewer an hour"
        )
    pauses = np.sort(rng.integers(0, left + 1, len(lengths)))
    before = np.concatenate([[0], np.cumsum(lengths)[:-1]]) if len(lengths) else np.empty(0)
    return [int(p + b + gap * (i + 1)) for i, (p, b) in enumerate(zip(pauses, before, strict=True))]
