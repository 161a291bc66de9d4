"""One YAML file says how a model is made: corpora, split, network, teacher, schedule, seed."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import yaml

from exclaim.card import Name
from exclaim.errors import RecipeError

__all__ = [
    "AlarmBudget",
    "AugmentOptions",
    "Distillation",
    "DrawOptions",
    "HeadOptions",
    "NetworkOptions",
    "Recipe",
    "Schedule",
    "ScoreBounds",
    "SoftLabelOptions",
    "SplitOptions",
    "canonical",
    "check_split",
    "draw_of",
    "load_recipe",
    "read_recipe",
    "recipe_hash",
    "teachers_of",
]

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Positive = Annotated[int, msgspec.Meta(ge=1)]
Span = tuple[float, float]
T = TypeVar("T")


class _Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every part of a recipe."""


class HeadOptions(_Options, kw_only=True):
    """One task that the network learns."""

    labels: tuple[str, ...]  # for detection the positive label last
    weight: Annotated[float, msgspec.Meta(ge=0)] = 1.0  # of this head in the loss
    balanced: bool = False  # clips of rarer labels count more, so that every label counts as much
    votes: Share = 0.0  # of what listeners voted for, beside a clip's own label, where votes are known
    ship: bool = True  # False: an auxiliary task that the exported model does not carry


class ScoreBounds(_Options, kw_only=True):
    """A general tagger's screaming score (0 to 1) as a label for bursts that nobody labelled as screams."""

    sure: Share = 0.3  # from here on a scream
    plausible: Share = 0.1  # from here on a scream with the soft label below
    soft_label: Share = 0.8
    other: Share = 0.03  # below this no scream; in between the burst is left out


class SplitOptions(_Options, kw_only=True):
    """Speakers (and recordings of ambience) are held out by a hash of their name and the seed.

    The validation part may be 0, as in the paper: what is chosen on it elsewhere (temperature, thresholds) then stays
    as it is, and the last epoch's weights are kept. docs/explanation/splits-and-scores.md says what each way is for.
    """

    # speaker-folds: one of several folds is tested; tensorflow-datasets: the published split of the whole of CREMA-D;
    # random: clips at random, whoever speaks, to show the gap only
    by: Literal["speaker", "speaker-folds", "tensorflow-datasets", "random"] = "speaker"
    seed: int = 0
    validation: Share = 0.12  # of all speakers
    test: Share = 0.15  # of all speakers; with speaker-folds the test part is a fold, and this is not asked
    folds: Annotated[int, msgspec.Meta(ge=2, le=100)] = 5  # of speaker-folds
    fold: Positive = 1  # of speaker-folds: which one is tested
    sentence_disjoint: bool = False  # clips are left out until no sentence is in two parts either

    @property
    def held_out(self) -> float:
        """The share of the speakers who are not trained on."""
        return self.validation + (1 / self.folds if self.by == "speaker-folds" else self.test)

    @property
    def tested(self) -> str:
        """What is tested, in words."""
        if self.by == "tensorflow-datasets":
            part = "test part of the split of TensorFlow Datasets"
        elif self.by == "speaker-folds":
            part = f"fold {self.fold} of {self.folds} of the recipe's split by speaker (seed {self.seed})"
        else:
            part = f"{'random clips' if self.by == 'random' else 'test part'} of the recipe's split (seed {self.seed})"
        return f"{part}, its sentences apart" if self.sentence_disjoint else part


class NetworkOptions(_Options, kw_only=True):
    """A network of the registry and its options."""

    name: str
    options: dict[str, int | float | bool | str | tuple[int, int]] = {}
    weights_from: str | None = None  # a recipe whose run gives the first weights, wherever names and shapes agree
    seed: int | None = None  # of the first weights alone; None: the recipe's, as of all that is drawn


class Distillation(_Options, kw_only=True):
    """What is learnt from a teacher: ``(1 - alpha) hard + alpha soft``, and the likeness of features beside it."""

    # recipes, relative to this one, trained first where their runs are missing; or sealed model files
    teacher: str | tuple[str, ...]
    alpha: Share = 0.7
    temperature: Annotated[float, msgspec.Meta(gt=0)] = 2.0
    loss: Literal["kl", "dkd", "dist"] = "kl"  # T^2 KL(teacher || student); decoupled; correlation
    other_labels: Annotated[float, msgspec.Meta(ge=0)] = 8.0  # of dkd: weight of the terms beside the target's
    similarity: Annotated[float, msgspec.Meta(ge=0)] = 0.0  # weight of similarity-preserving features
    hears: Literal["view", "quiet"] = "view"  # what the student sees; or the same view before any noise was put into it
    unlabelled: bool = True  # a head's teacher is heard on windows without a label for that head too
    mean: Literal["log-probabilities", "probabilities"] = "probabilities"  # of several teachers, at the temperature


class SoftLabelOptions(_Options, kw_only=True):
    """Soft labels of whole clips, from pretrained networks (see docs/how-to/use-a-pretrained-teacher.md)."""

    source: str  # frozen: "byol-s+yamnet", "yamnet-scores" for a detection; or a recipe on waveforms, relative to this
    head: str  # of the recipe
    temperature: Annotated[float, msgspec.Meta(gt=0)] = 1.0  # that divides the source's logits
    weight: Share = 0.3  # of the soft label beside a clip's own; what a clip without a label counts


class Schedule(_Options, kw_only=True):
    """How long and how fast."""

    epochs: Positive = 12
    batch: Positive = 32
    learning_rate: Annotated[float, msgspec.Meta(gt=0)] = 1e-3  # the highest
    learning_rate_of_set: bool = False  # the one that a condensed set learnt, in place of it
    rate: Literal["one-cycle", "constant"] = "one-cycle"  # one cycle: a linear rise, then cosine to zero
    warmup: Share = 0.15  # share of the steps over which the rate rises
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    betas: tuple[Share, Share] = (0.9, 0.999)  # of sgd the first is the momentum
    epsilon: Annotated[float, msgspec.Meta(gt=0)] = 1e-8
    weight_decay: Annotated[float, msgspec.Meta(ge=0)] = 1e-2
    clip_norm: Annotated[float, msgspec.Meta(ge=0)] = 5.0  # longest gradient; 0: as it comes
    hard_loss: Literal["cross-entropy", "binary-cross-entropy"] = "cross-entropy"
    label_smoothing: Share = 0.0
    ema: Share = 0.0  # decay of the averaged weights a step; 0: none
    keep: Literal["best", "last"] = "best"  # the epoch whose weights are kept: the best on validation speakers
    balanced: bool = False  # every label of the task comes equally often, rare ones again and again
    views: Annotated[int, msgspec.Meta(ge=0)] = (
        0  # epochs repeat after this many views, which are kept with the teachers' answers; 0: never
    )
    arithmetic: Literal["float32", "bfloat16"] = "float32"  # of the layers in training; see train-a-model.md
    accumulate: Positive = 1  # batches to a step of the optimiser, where memory holds no larger batch
    passes: Positive = 1  # over a condensed set in an epoch, after which it is validated and kept
    hard_labels_of_set: bool = False  # of a condensed set each item's own label, in place of its soft one
    views_seed: int | None = None  # of the views; None: the recipe's own, else runs that share it share the cache


class DrawOptions(_Options, kw_only=True):
    """How the windows of an epoch are drawn; without it every labelled clip comes once."""

    windows: Positive = 4000
    positive: Share = 0.35  # share of windows with a burst of the last label
    ambience_alone: Share = 0.5  # share of the other windows that hold ambience alone


class AugmentOptions(_Options, kw_only=True):
    """What is drawn for every view of a clip; spans are uniform, in the units named."""

    partial: bool = False  # bursts may be cut by the window's edges
    stretch: Span = (0.87, 1.15)  # of time
    shift_frames: Span = (0.0, 0.0)  # of condensed items along time; clips are placed anywhere in their window
    pitch_bands: Span = (-4.0, 4.0)  # shift along the mel bands
    tract: Span = (1.0, 1.0)  # every frequency times this, as a shorter or longer vocal tract does it
    tilt_db: Span = (-6.0, 6.0)  # from the lowest to the highest band
    equaliser_db: Annotated[float, msgspec.Meta(ge=0)] = 0.0  # most of a smooth curve over the bands, up or down
    hushed: Share = 0.0  # how often what sounds all along, a room's hum, is taken away from a burst
    rumble: Share = 0.0  # how often the lowest bands get a steady rumble or a high-pass
    range_db: Span = (80.0, 80.0)  # what lies further below the window's maximum is floor
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

    def __post_init__(self) -> None:
        """Refuse spans that end before they begin, and fewer masks than none."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, tuple) and value[0] > value[1]:
                raise ValueError(f"{name} is {list(value)}; expected the lower number first")
            if "mask" in name and value < 0:
                raise ValueError(f"{name} is {value}; expected 0 or more")


class AlarmBudget(_Options, kw_only=True):
    """How often a detection may alarm without cause, counted on soundscapes of validation speakers and recordings."""

    false_alarms_per_hour: Annotated[float, msgspec.Meta(ge=0)]
    hours: Annotated[float, msgspec.Meta(ge=1 / 60, le=100)] = 2.0  # that are listened to


class Recipe(_Options, kw_only=True):
    """The whole recipe."""

    name: Name  # of the run's folder and the model
    task: Name  # the head whose validation quality picks the weights
    version: Name = "1"
    seed: int = 0
    bursts: tuple[str, ...]  # corpora whose clips are labelled sounds
    ambience: tuple[str, ...] = ()  # corpora whose clips are background
    heads: dict[str, HeadOptions]
    scores: ScoreBounds = ScoreBounds()
    balanced: bool = False  # clips of the commoner labels are left out, in every part, until all are as many
    split: SplitOptions = SplitOptions()
    network: NetworkOptions
    distil: Distillation | None = None
    soft_labels: tuple[SoftLabelOptions, ...] = ()
    draw: DrawOptions | None = None
    schedule: Schedule = Schedule()
    augment: AugmentOptions = AugmentOptions()
    level_floor_db: Annotated[float, msgspec.Meta(ge=-80, le=34)] = -45.0  # below it the model's answer is "nothing"
    alarm_budget: AlarmBudget | None = None  # raises a detection's threshold until it is kept
    coverage: Share = 0.75  # of validation clips on which a type or emotion is not abstained
    precision: Literal["float32", "half-weights"] = "float32"  # how the exported file stores weights


def load_recipe(path: Path, changes: Mapping[str, Any] | None = None) -> Recipe:
    """Read and check a recipe.

    Args:
        path: of the YAML file; what its key ``base`` names, relative to it, is read first, and it is laid over that.
        changes: laid over what the file says, mapping by mapping; None takes a value away.

    Raises:
        RecipeError: when unreadable, not YAML, with an unknown key, or with values that do not hold together.
    """
    recipe = read_recipe(path, Recipe, changes)
    if recipe.task not in recipe.heads or not recipe.heads[recipe.task].ship:
        raise RecipeError(f"recipe {path}: task {recipe.task!r} is none of its shipped heads {sorted(recipe.heads)}")
    check_split(path, recipe.split)
    if recipe.split.validation <= 0 and recipe.schedule.keep == "best":
        raise RecipeError(f"recipe {path}: schedule.keep is best, but split.validation leaves nothing to tell it by")
    if strange := sorted({soft.head for soft in recipe.soft_labels} - set(recipe.heads)):
        raise RecipeError(f"recipe {path}: soft_labels for {', '.join(strange)}; its heads are {sorted(recipe.heads)}")
    if (recipe.augment.ambience or recipe.draw) and not recipe.ambience:
        raise RecipeError(f"recipe {path}: augment.ambience or draw asks for ambience, but no ambience corpus is named")
    return recipe


def draw_of(name: str, seed: int | None) -> dict[str, Any]:
    """Return what, laid over a recipe, makes its run another draw, with a name of its own; nothing without a seed.

    Args:
        name: the recipe's.
        seed: of weights, order and whatever else is drawn.
    """
    return {} if seed is None else {"name": f"{name}-{seed}", "seed": seed}


def read_recipe(
    path: Path, kind: type[T], changes: Mapping[str, Any] | None = None, below: Mapping[str, Any] | None = None
) -> T:
    """Read a YAML file, laid over its ``base`` where it names one, as a struct; whether it holds together is not asked.

    Args:
        path: of the file.
        kind: of the struct.
        changes: laid over what the file says, mapping by mapping; None takes a value away.
        below: what the file is laid over.

    Raises:
        RecipeError: when unreadable, not YAML, with an unknown key, or with a value of the wrong kind.
    """
    try:
        read = _laid_over(_read(Path(path)), changes or {})
        whole = _laid_over(below, read) if below and isinstance(read, dict) else read
        return msgspec.convert(whole, kind, strict=False)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, msgspec.ValidationError) as error:
        raise RecipeError(f"recipe {path}: {error}") from error


def check_split(path: Path, split: SplitOptions) -> None:
    """Refuse a split whose options do not hold together.

    Raises:
        RecipeError: saying how.
    """
    if split.held_out >= 1:
        raise RecipeError(f"recipe {path}: split leaves no speakers to train on")
    if split.fold > split.folds:
        raise RecipeError(f"recipe {path}: split.fold is {split.fold} of {split.folds}; expected 1 to {split.folds}")
    if split.by != "speaker-folds" and (split.folds, split.fold) != (5, 1):
        raise RecipeError(f"recipe {path}: split.fold is for `by: speaker-folds`, but split.by is {split.by}")
    if split.by == "tensorflow-datasets" and (split.validation, split.test) != (0.1, 0.2):
        raise RecipeError(
            f"recipe {path}: the split of TensorFlow Datasets has 10 % of the actors for validation and 20 % for test; "
            "say `validation: 0.1, test: 0.2`, by which other corpora of the recipe are split too"
        )


def _read(path: Path, above: tuple[Path, ...] = ()) -> Any:
    """Return what a recipe's file says, laid over what its bases say."""
    if path.resolve() in above:
        raise RecipeError(f"recipe {path}: is its own base, by way of {', '.join(str(file) for file in above)}")
    read = yaml.safe_load(path.read_text("utf-8"))
    if not isinstance(read, dict) or "base" not in read:
        return read
    base = read.pop("base")
    if not isinstance(base, str):
        raise RecipeError(f"recipe {path}: base is {base!r}; expected the path of another recipe, relative to it")
    return _laid_over(_read(path.parent / base, (*above, path.resolve())), read)


def _laid_over(below: Any, above: Mapping[str, Any]) -> Any:
    """Return ``below`` with the values of ``above`` in place of its own, mapping by mapping."""
    if not isinstance(below, dict):
        return dict(above) if above else below
    whole = dict(below)
    for key, value in above.items():
        if value is None:
            whole.pop(key, None)
        else:
            whole[key] = _laid_over(whole.get(key), value) if isinstance(value, Mapping) else value
    return whole


def teachers_of(recipe: Recipe) -> tuple[str, ...]:
    """Return a recipe's teachers, recipes or model files, relative to it; none where it learns alone."""
    if recipe.distil is None:
        return ()
    return (recipe.distil.teacher,) if isinstance(recipe.distil.teacher, str) else recipe.distil.teacher


def recipe_hash(recipe: Recipe) -> str:
    """Return the SHA-256 of a recipe's content, whatever its file's layout and comments."""
    return hashlib.sha256(canonical(recipe)).hexdigest()


def canonical(value: Any) -> bytes:
    """Return options as JSON with sorted keys, without what has its default: so a new option changes no hash."""
    return msgspec.json.encode(_said(value), order="deterministic")


def _said(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        pairs = ((field, getattr(value, field.name)) for field in msgspec.structs.fields(value))
        said = {field.encode_name: _said(own) for field, own in pairs if own != field.default}
        config = value.__struct_config__
        return said if config.tag is None else {config.tag_field: config.tag} | said
    if isinstance(value, Mapping):
        return {key: _said(own) for key, own in value.items()}
    return [_said(own) for own in value] if isinstance(value, list | tuple) else value
