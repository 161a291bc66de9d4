"""The device that a training runs on."""

from typing import Literal

from lightning_fabric import Fabric

from exclaim.errors import RecipeError

__all__ = ["fabric_on"]


def fabric_on(accelerator: str, precision: Literal["32-true", "bf16-mixed"] = "32-true") -> Fabric:
    """Return one device's fabric.

    Args:
        accelerator: as Lightning Fabric names it: auto, cpu, cuda, mps.
        precision: of its arithmetic.

    Raises:
        RecipeError: when there is no such device, here or at all.
    """
    try:
        return Fabric(accelerator=accelerator, devices=1, precision=precision)
    except (ValueError, RuntimeError) as error:
        raise RecipeError(f"accelerator {accelerator!r} cannot be used: {error} `auto` takes what there is") from error
