"""One YAML file says how sets are attacked: how they are made, from which halves, and what is trained on them."""

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from exclaim.condense.recipe import CondenseRecipe, Herding, KMeans, Random, load_condense_recipe
from exclaim.errors import RecipeError
from exclaim.learn.recipe import AugmentOptions, NetworkOptions, Schedule, canonical, read_recipe

__all__ = ["EncoderOptions", "PrivacyRecipe", "Target", "condensed_by", "load_privacy_recipe", "privacy_hash"]

Target = Literal["full", "subset", "noise", "real"]
_LEAST_SHADOWS, _MOST_SHADOWS = 6, 256  # with 6, a clip has two answers in and two out beside the attacked pair
_FRAMES = 188


class EncoderOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the attacker tells the speakers of the training part by."""

    kind: Literal["linear", "network"] = "linear"  # discriminants of band statistics, or a network trained for it
    network: NetworkOptions = NetworkOptions(
        name="cnn6", options={"width": 0.25}
    )  # of the kind network; it gets the view
    schedule: Schedule = Schedule(epochs=12, batch=32, learning_rate=0.002, weight_decay=0.02)
    augment: AugmentOptions = AugmentOptions(
        shift_frames=(-12, 12), pitch_bands=(0, 0), tilt_db=(-4, 4), time_masks=1, band_masks=1
    )
    kept_back: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.1  # share of each speaker's clips it is judged on
    seed: int = 0  # runs that share it on the same clips share the encoder


class PrivacyRecipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole recipe."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]+$")]
    condense: str  # a condense recipe, relative to this one: how the sets are made
    changes: dict[str, Any] = {}  # laid over it for every shadow, such as fewer iterations
    halves: Literal["clips", "speakers"] = "clips"  # what is in or out as one
    shadows: Annotated[int, msgspec.Meta(ge=_LEAST_SHADOWS, le=_MOST_SHADOWS, multiple_of=2)] = 16
    # trained on: the whole half, a random subset of it, a set condensed from noise, one condensed from real clips
    targets: tuple[Target, ...] = ("full", "subset", "noise", "real")
    networks: bool = True  # False: sets are made and looked at, and no network is trained on them
    network: NetworkOptions | None = None  # that is trained; None: the one that the sets are condensed with
    on_half: Schedule = Schedule(epochs=8, batch=32, learning_rate=0.0015, weight_decay=0.02)  # the last epoch is kept
    on_set: Schedule = Schedule(epochs=1, passes=100, batch=32, weight_decay=0.02)  # the last epoch is kept
    augment: AugmentOptions = AugmentOptions(
        shift_frames=(-12, 12), pitch_bands=(-2, 2), tilt_db=(-4, 4), time_masks=1, band_masks=1
    )
    # frames by which a clip is moved before the attacked network is asked; its answers are averaged
    views: Annotated[tuple[int, ...], msgspec.Meta(min_length=1, max_length=9)] = (0,)
    shared_variance: bool = True  # over clips, as there are few shadows; False: every clip has its own
    encoder: EncoderOptions = EncoderOptions()
    seed: int = 0


def load_privacy_recipe(path: Path) -> PrivacyRecipe:
    """Read and check a privacy recipe, and the condense recipe that it names.

    Raises:
        RecipeError: when unreadable, not YAML, with an unknown key, or with values that do not hold together.
    """
    recipe = read_recipe(path, PrivacyRecipe)
    if not recipe.targets or len(set(recipe.targets)) < len(recipe.targets):
        raise RecipeError(f"recipe {path}: targets are {list(recipe.targets)}; expected one or more, each once")
    if "full" in recipe.targets and not recipe.networks:
        raise RecipeError(f"recipe {path}: the target full is a network, but networks is false; leave one of them out")
    if recipe.halves == "clips" and not recipe.networks:
        raise RecipeError(
            f"recipe {path}: whether clips were in is told by networks, but networks is false; say `halves: speakers`"
        )
    if any(abs(frames) >= _FRAMES for frames in recipe.views):
        raise RecipeError(f"recipe {path}: views are {list(recipe.views)}; expected frames from -187 to 187")
    condensed = condensed_by(path, recipe)
    if condensed.public and "real" in recipe.targets:
        raise RecipeError(
            f"recipe {path}: sets of {recipe.condense} are of public clips, and nothing of them begins as a source's "
            "clip; leave the target real out"
        )
    if isinstance(condensed.method, Random | Herding | KMeans) and {"noise", "real"} & set(recipe.targets):
        raise RecipeError(
            f"recipe {path}: {recipe.condense} chooses clips, so that nothing begins from noise or real clips; name a "
            "recipe that learns items, or attack the subset alone"
        )
    return recipe


def condensed_by(path: Path, recipe: PrivacyRecipe, changed: bool = True) -> CondenseRecipe:
    """Return the condense recipe that a privacy recipe at a path names, with its changes or as it is."""
    return load_condense_recipe(Path(path).parent / recipe.condense, recipe.changes if changed else None)


def privacy_hash(recipe: PrivacyRecipe) -> str:
    """Return the SHA-256 of a recipe's content, whatever its file's layout and comments."""
    return hashlib.sha256(canonical(recipe)).hexdigest()
