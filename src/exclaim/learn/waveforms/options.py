"""What a recipe says of a network that hears waveforms, and what it cannot say with one."""

from typing import Annotated, Literal

import msgspec

from exclaim.errors import RecipeError
from exclaim.learn.recipe import AugmentOptions, Recipe

__all__ = ["SPEECH_ENCODER", "EncoderOptions", "encoder_options", "hears_waveforms"]

SPEECH_ENCODER = "speech-encoder"  # the network's name in a recipe
_HEARD = ("gain_db", "ambience", "snr_db", "white_noise", "white_snr_db")  # of AugmentOptions, on waveforms


class EncoderOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of the network ``speech-encoder``."""

    checkpoint: str  # a folder (absolute, in the folder of pretrained networks, or here), or the hub's OWNER/NAME
    revision: Annotated[str, msgspec.Meta(pattern="^([0-9a-f]{40})?$")] = ""  # commit on the hub; empty: a folder
    pool: Literal["attention", "mean"] = "attention"  # over a clip's frames
    seconds: Annotated[float, msgspec.Meta(ge=0.5, le=60)] = 6.0  # heard at once; longer clips are cropped or cut
    frozen: bool = False  # the transformer too: only the weighting of its layers, the pooling and the heads learn
    dropout: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.1  # of what the heads see


def hears_waveforms(recipe: Recipe) -> bool:
    """Tell whether a recipe's network hears waveforms rather than log-mel windows."""
    return recipe.network.name == SPEECH_ENCODER


def encoder_options(recipe: Recipe) -> EncoderOptions:
    """Return the options of a recipe's speech encoder, after a look at the rest of the recipe.

    Raises:
        RecipeError: when an option is not known, or the recipe asks for what only log-mel windows have.
    """
    try:
        options = msgspec.convert(recipe.network.options, EncoderOptions, strict=False)
    except msgspec.ValidationError as error:
        raise RecipeError(
            f"recipe {recipe.name}: {error}; network {SPEECH_ENCODER} takes a checkpoint (a folder, or OWNER/NAME on "
            "the hub with the revision's 40 hexadecimal digits), pool, seconds, frozen and dropout"
        ) from error
    asked = {
        "distil": recipe.distil,
        "draw": recipe.draw,
        "alarm_budget": recipe.alarm_budget,
        "network.weights_from": recipe.network.weights_from,
        "schedule.views": recipe.schedule.views,
        "precision": recipe.precision != "float32",
    }
    strange = [name for name, value in asked.items() if value]
    strange += [
        f"augment.{field.name}"
        for field in msgspec.structs.fields(AugmentOptions)
        if field.name not in _HEARD and getattr(recipe.augment, field.name) != field.default
    ]
    if strange:
        raise RecipeError(
            f"recipe {recipe.name}: {', '.join(strange)} is for networks on log-mel; a network on waveforms knows "
            f"{', '.join(f'augment.{name}' for name in _HEARD)} and has no model file: leave the rest out"
        )
    return options
