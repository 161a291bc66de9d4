"""One YAML file says how a model is made: corpora, split, network, teacher, schedule, seed."""

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import yaml

from exclaim.errors import RecipeError

__all__ = [
    "AugmentOptions",
    "Distillation",
    "DrawOptions",
    "HeadOptions",
    "NetworkOptions",
    "Recipe",
    "Schedule",
    "ScoreBounds",
    "SplitOptions",
    "load_recipe",
    "recipe_hash",
]

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Span = tuple[float, float]


class _Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of every part of a recipe; what has its default is not written, so a new option changes no recipe's hash."""


class HeadOptions(_Options, kw_only=True):
    """One task that the network learns."""

    labels: tuple[str, ...]  # for detection the positive label last
    weight: Annotated[float, msgspec.Meta(ge=0)] = 1.0  # of this head in the loss
    ship: bool = True  # False: an auxiliary task that the exported model does not carry


class ScoreBounds(_Options, kw_only=True):
    """A general tagger's screaming score (0 to 1) as a label for bursts that nobody labelled as screams."""

    sure: Share = 0.3  # from here on a scream
    plausible: Share = 0.1  # from here on a scream with the soft label below
    soft_label: Share = 0.8
    other: Share = 0.03  # below this no scream; in between the burst is left out


class SplitOptions(_Options, kw_only=True):
    """Speakers (and recordings of ambience) are held out by a hash of their name and the seed."""

    seed: int = 0
    validation: Share = 0.12
    test: Share = 0.15


class NetworkOptions(_Options, kw_only=True):
    """A network of the registry and its options."""

    name: str
    options: dict[str, int | float | bool | str | tuple[int, int]] = {}
    weights_from: str | None = None  # a recipe whose run gives the first weights, wherever names and shapes agree


class Distillation(_Options, kw_only=True):
    """The paper's loss: ``(1 - alpha) CE + alpha T^2 KL(teacher || student)``."""

    teacher: str  # the teacher's recipe, relative to this one; trained first where its run is missing
    alpha: Share = 0.7
    temperature: Annotated[float, msgspec.Meta(gt=0)] = 2.0


class Schedule(_Options, kw_only=True):
    """How long and how fast."""

    epochs: Positive = 12
    batch: Positive = 32
    learning_rate: Annotated[float, msgspec.Meta(gt=0)] = 1e-3  # the highest: one cycle, then cosine to zero
    warmup: Share = 0.15  # share of the steps over which the rate rises
    weight_decay: Annotated[float, msgspec.Meta(ge=0)] = 1e-2
    label_smoothing: Share = 0.0
    ema: Share = 0.0  # decay of the averaged weights a step; 0: none
    views: Annotated[int, msgspec.Meta(ge=0)] = (
        0  # epochs repeat after this many views, with the teacher's cached answers; 0: never
    )


class DrawOptions(_Options, kw_only=True):
    """How the windows of an epoch are drawn; without it every labelled clip comes once."""

    windows: Positive = 4000
    positive: Share = 0.35  # share of windows with a burst of the last label
    ambience_alone: Share = 0.5  # share of the other windows that hold ambience alone


class AugmentOptions(_Options, kw_only=True):
    """What is drawn for every view of a clip; spans are uniform, in the units named."""

    partial: bool = False  # bursts may be cut by the window's edges
    stretch: Span = (0.87, 1.15)  # of time
    pitch_bands: Span = (-4.0, 4.0)  # shift along the mel bands
    tilt_db: Span = (-6.0, 6.0)  # from the lowest to the highest band
    gain_db: Span = (-20.0, 6.0)
    room: Share = 0.0  # how often a burst rings on in a room
    room_seconds: Span = (0.15, 1.0)  # until its lowest band has fallen by 60 dB
    room_direct_db: Span = (-3.0, 15.0)  # direct sound over reverberation
    ambience: Share = 0.5  # how often a burst is mixed with ambience
    snr_db: Span = (0.0, 30.0)  # over the active part of the burst
    ambience_level_db: Span = (-40.0, 15.0)  # loudest band of ambience alone
    white_noise: Share = 0.3
    white_snr_db: Span = (10.0, 45.0)
    band_limit: Share = 0.3  # how often a codec's or sampler's band is imitated
    band_limit_bands: tuple[int, int] = (84, 127)  # first band that is cut: 3 to 8 kHz
    time_masks: int = 2
    time_mask_frames: int = 24
    band_masks: int = 2
    band_mask_bands: int = 14
    mixup: Annotated[float, msgspec.Meta(ge=0)] = 0.0  # Beta(mixup, mixup); 0: none


class Recipe(_Options, kw_only=True):
    """The whole recipe."""

    name: str
    task: str  # the head whose validation quality picks the weights
    version: str = "1"
    seed: int = 0
    bursts: tuple[str, ...]  # corpora whose clips are labelled sounds
    ambience: tuple[str, ...] = ()  # corpora whose clips are background
    heads: dict[str, HeadOptions]
    scores: ScoreBounds = ScoreBounds()
    split: SplitOptions = SplitOptions()
    network: NetworkOptions
    distil: Distillation | None = None
    draw: DrawOptions | None = None
    schedule: Schedule = Schedule()
    augment: AugmentOptions = AugmentOptions()
    level_floor_db: Annotated[float, msgspec.Meta(ge=-80, le=34)] = -45.0  # below it the model's answer is "nothing"
    coverage: Share = 0.75  # of validation clips on which a type or emotion is not abstained
    precision: Literal["float32", "half-weights"] = "float32"  # how the exported file stores weights


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe.

    Raises:
        RecipeError: when unreadable, not YAML, with an unknown key, or with values that do not hold together.
    """
    try:
        recipe = msgspec.convert(yaml.safe_load(Path(path).read_text("utf-8")), Recipe, strict=False)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise RecipeError(f"recipe {path}: {error}") from error
    if recipe.task not in recipe.heads or not recipe.heads[recipe.task].ship:
        raise RecipeError(f"recipe {path}: task {recipe.task!r} is none of its shipped heads {sorted(recipe.heads)}")
    if recipe.split.validation <= 0 or recipe.split.validation + recipe.split.test >= 1:
        raise RecipeError(f"recipe {path}: split leaves no speakers to train on, or none to validate on")
    if (recipe.augment.ambience or recipe.draw) and not recipe.ambience:
        raise RecipeError(f"recipe {path}: augment.ambience or draw asks for ambience, but no ambience corpus is named")
    return recipe


def recipe_hash(recipe: Recipe) -> str:
    """Return the SHA-256 of a recipe's content, whatever its file's layout and comments."""
    return hashlib.sha256(msgspec.json.encode(recipe, order="deterministic")).hexdigest()
