"""One YAML file says how a set is condensed: from which speakers of which corpora, by which method, how large."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from exclaim.areas import WHOLE, checked_view
from exclaim.card import Name
from exclaim.errors import RecipeError
from exclaim.learn.recipe import (
    AugmentOptions,
    HeadOptions,
    NetworkOptions,
    Recipe,
    Schedule,
    SplitOptions,
    canonical,
    check_split,
    read_recipe,
)

__all__ = [
    "CondenseRecipe",
    "Distribution",
    "Experts",
    "Gradient",
    "Herding",
    "KMeans",
    "Random",
    "Trajectory",
    "condense_hash",
    "learner",
    "load_condense_recipe",
]

Positive = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Rate = Annotated[float, msgspec.Meta(gt=0)]


class _Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="name"):
    """Base of a method's options; ``name`` in the recipe says which method."""


class Random(_Options, kw_only=True, tag="random"):
    """Training clips drawn at random: what any method has to beat."""


class Herding(_Options, kw_only=True, tag="herding"):
    """Training clips whose mean embedding is nearest to their label's, chosen one after the other."""


class KMeans(_Options, kw_only=True, tag="k-means"):
    """The training clips nearest to the centres of as many clusters of embeddings."""


class _Matching(_Options, kw_only=True):
    """What the methods that learn items have in common."""

    iterations: Positive = 1000
    batch: Positive = 64  # real clips of a label that are matched at once
    rate: Rate = 0.02  # of Adam on the items, which span [-1, 1]


class Distribution(_Matching, kw_only=True, tag="distribution-matching"):
    """Mean features of each label, or of groups of its clips, in networks with drawn weights."""

    trained: Share = 0.0  # how often the network is an expert's, somewhere on its way, in place of a drawn one
    # weight of the cross-entropy of the teacher's answers to the items with the labels that they are made for
    agreement: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    # of a label's clips that sound alike to the teacher: items are shared among them and match the mean of their own
    groups: Positive = 1
    # at least in a group; a smaller one joins the nearest, or its items would show its clips
    group_clips: Positive = 10

    @property
    def asks_teacher(self) -> bool:
        """Whether a teacher has a say in the items, beside their labels."""
        return self.agreement > 0 or self.groups > 1


class Gradient(_Matching, kw_only=True, tag="gradient-matching"):
    """Gradients of the loss of each label, in networks that learn from the set meanwhile."""

    iterations: Positive = 500
    matches: Positive = 10  # iterations with one network, before another is drawn
    steps: Annotated[int, msgspec.Meta(ge=0)] = 10  # that it learns on the set after each
    network_rate: Rate = 0.01  # of those steps


class Trajectory(_Matching, kw_only=True, tag="trajectory-matching"):
    """Where a network gets by some steps on the set, beside where an expert got by some epochs on the corpus."""

    iterations: Positive = 500
    batch: Positive = 64  # items in one step of the network; all of them where there are fewer
    steps: Positive = 20  # of the network on the set
    epochs: Positive = 2  # of the expert on the corpus, which they stand for
    latest: Annotated[int, msgspec.Meta(ge=0)] = 10  # epoch of an expert that matching may begin at
    network_rate: Rate = 0.01  # learning rate of those steps, at first
    learn_rate: bool = True  # it is learnt with the set, and kept in its card
    rate_of_rate: Rate = 0.01  # of Adam on its logarithm
    rate_of_labels: Rate = 0.02  # of Adam on the labels' logits, where they are learnt
    gradient: Literal["whole", "own-step"] = (
        "whole"  # own-step: as TESLA has it, without what a step does to later ones
    )


Method = Random | Herding | KMeans | Distribution | Gradient | Trajectory


class Experts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Networks that are trained on the corpus by plain gradient descent, their weights kept after every epoch."""

    count: Positive = 5
    epochs: Positive = 15
    batch: Positive = 64
    learning_rate: Rate = 0.02
    momentum: Share = 0.0


_AUGMENT: dict[str, Any] = {"shift_frames": (-12, 12), "time_masks": 1, "band_masks": 1}  # siamese


class CondenseRecipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole recipe."""

    name: Name
    version: Name = "1"
    task: Name
    labels: Annotated[tuple[str, ...], msgspec.Meta(min_length=2, max_length=255)]
    sources: tuple[str, ...]  # corpora of labelled clips
    # corpora whose clips are condensed in the sources' place, as the teacher hears them: then nothing but the teacher's
    # answers is of the sources
    public: tuple[str, ...] = ()
    split: SplitOptions = SplitOptions()  # only its training speakers are condensed
    items: Positive = 10  # for each label, unless a share is given
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] | None = None  # of the real features' bytes, for the file at most
    view: tuple[int, int] = (64, 64)  # cells (bands, frames) of an item
    stored: Literal["uint8", "float16"] = "uint8"
    method: Method
    network: NetworkOptions = NetworkOptions(name="cnn6", options={"width": 0.25})  # condensed with; it gets the view
    beside: tuple[NetworkOptions, ...] = ()  # further networks that distribution-matching matches in, in turn
    initialisation: Literal["random", "fixed"] = "random"  # fixed: always those that a network of this seed begins with
    start: Literal["noise", "real"] = "noise"  # real: from training clips, of which the set then keeps traces
    teacher: str | None = None  # a training recipe, relative to this one; trained first where its run is missing
    teacher_seed: Positive | None = None  # trains the teacher with this seed, in a run of its own: another draw of it
    soft_labels: Literal["hard", "teacher", "learned"] = "hard"
    temperature: Rate = 1.0  # that divides the teacher's logits
    augment: AugmentOptions = AugmentOptions(**_AUGMENT)  # what a recipe does not say of it stays as it is here
    experts: Experts = Experts()
    # 1 at least: with 0 the networks that are drawn would be those that trainings of small seeds begin with
    seed: Positive = 1

    @property
    def subset(self) -> bool:
        """Whether clips are chosen, and no item is learnt."""
        return isinstance(self.method, Random | Herding | KMeans)

    @property
    def asks_teacher(self) -> bool:
        """Whether a teacher labels the items or has a say in them."""
        asked = isinstance(self.method, Herding | KMeans) or getattr(self.method, "asks_teacher", False)
        return bool(asked or self.public or self.soft_labels == "teacher")

    @property
    def least_clips(self) -> int:
        """How many training clips of each label the method needs."""
        if self.subset or self.start == "real":
            return self.items
        return self.method.groups if isinstance(self.method, Distribution) else 1


def load_condense_recipe(path: Path, changes: Mapping[str, Any] | None = None) -> CondenseRecipe:
    """Read and check a condense recipe; it may lie over a ``base`` as a training recipe does.

    Args:
        path: of the YAML file.
        changes: laid over what the file says, mapping by mapping; None takes a value away.

    Raises:
        RecipeError: when unreadable, not YAML, with an unknown key, or with values that do not hold together.
    """
    recipe = read_recipe(path, CondenseRecipe, changes, {"augment": _AUGMENT})
    try:
        checked_view(recipe.view)
    except RecipeError as error:
        raise RecipeError(f"recipe {path}: {error}") from error
    check_split(path, recipe.split)
    if len(set(recipe.labels)) < len(recipe.labels):
        raise RecipeError(f"recipe {path}: labels are {list(recipe.labels)}; expected each once")
    if recipe.soft_labels == "teacher" and recipe.teacher is None:
        raise RecipeError(f"recipe {path}: soft_labels are the teacher's, but no teacher is named")
    if recipe.soft_labels == "learned" and not isinstance(recipe.method, Trajectory):
        raise RecipeError(f"recipe {path}: soft_labels are learnt by trajectory-matching only")
    if isinstance(recipe.method, Herding | KMeans) and recipe.teacher is None:
        raise RecipeError(f"recipe {path}: clips are chosen by a teacher's embedding, but no teacher is named")
    networks = (recipe.network, *recipe.beside)
    if recipe.initialisation == "random" and any(network.seed is not None for network in networks):
        raise RecipeError(f"recipe {path}: network.seed is of the one initialisation that `initialisation: fixed` has")
    if any("view" in network.options for network in networks):
        raise RecipeError(f"recipe {path}: networks see the set's own view; leave `view` out of their options")
    if any(network.weights_from for network in networks):
        raise RecipeError(f"recipe {path}: networks are drawn, or are experts; leave network.weights_from out")
    if recipe.teacher_seed is not None and (recipe.teacher is None or not recipe.asks_teacher):
        raise RecipeError(f"recipe {path}: teacher_seed is for a teacher that is asked, and none is; leave it out")
    if recipe.public:
        _check_public(path, recipe)
    if isinstance(recipe.method, Distribution):
        _check_distribution(path, recipe, recipe.method)
    elif recipe.beside:
        raise RecipeError(f"recipe {path}: only distribution-matching matches in networks `beside` the first")
    if recipe.subset and recipe.start == "real":
        raise RecipeError(f"recipe {path}: a subset holds real clips and has no start; leave start out")
    if isinstance(recipe.method, Trajectory):
        last = min(recipe.method.latest, recipe.experts.epochs - recipe.method.epochs)
        if last < 0:
            raise RecipeError(
                f"recipe {path}: experts are trained for {recipe.experts.epochs} epochs, matched over "
                f"{recipe.method.epochs}; expected no fewer"
            )
    return recipe


def _check_public(path: Path, recipe: CondenseRecipe) -> None:
    if both := sorted(set(recipe.public) & set(recipe.sources)):
        raise RecipeError(f"recipe {path}: {', '.join(both)} is both source and public; name it once")
    if recipe.teacher is None or recipe.soft_labels != "teacher":
        raise RecipeError(
            f"recipe {path}: public clips are labelled by a teacher; name a teacher, and `soft_labels: teacher`"
        )
    if isinstance(recipe.method, Trajectory) or (isinstance(recipe.method, Distribution) and recipe.method.trained):
        raise RecipeError(f"recipe {path}: experts learn from the sources, which `public` keeps out of the items")


def _check_distribution(path: Path, recipe: CondenseRecipe, method: Distribution) -> None:
    if method.agreement and recipe.teacher is None:
        raise RecipeError(f"recipe {path}: items shall agree with a teacher, but no teacher is named")
    if method.trained and recipe.beside:
        raise RecipeError(f"recipe {path}: experts are of one network; leave `trained` out, or the networks `beside`")
    if method.groups > 1 and recipe.teacher is None:
        raise RecipeError(f"recipe {path}: clips are grouped by a teacher's embedding, but no teacher is named")
    if recipe.share is None and method.groups > recipe.items:
        raise RecipeError(
            f"recipe {path}: {method.groups} groups share {recipe.items} items of a label; expected no fewer items"
        )


def learner(recipe: CondenseRecipe, seed: int | None = None) -> Recipe:
    """Return a condense recipe as one that trains its network on the corpus, as experts do.

    Args:
        recipe: of the set.
        seed: of the weights and of the order of clips; None: the recipe's own.
    """
    experts = recipe.experts
    return Recipe(
        name=recipe.name,
        task=recipe.task,
        seed=recipe.seed if seed is None else seed,
        bursts=recipe.sources,
        heads={recipe.task: HeadOptions(labels=recipe.labels)},
        split=recipe.split,
        network=recipe.network
        if recipe.view == WHOLE
        else msgspec.structs.replace(recipe.network, options={**recipe.network.options, "view": recipe.view}),
        schedule=Schedule(
            epochs=experts.epochs,
            batch=experts.batch,
            learning_rate=experts.learning_rate,
            rate="constant",
            optimizer="sgd",
            betas=(experts.momentum, 0.999),
            weight_decay=0.0,
            clip_norm=0.0,
            keep="last",
        ),
        augment=recipe.augment,
    )


def condense_hash(recipe: CondenseRecipe) -> str:
    """Return the SHA-256 of a recipe's content, whatever its file's layout and comments."""
    return hashlib.sha256(canonical(recipe)).hexdigest()
