"""A method's steps, one after the other, kept so that what was stopped goes on as if it had not been."""

import logging
import math
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import torch

from exclaim.condense.learned import Learned
from exclaim.condense.method import Matching
from exclaim.errors import RecipeError
from exclaim.learn.checkpoint import load_checkpoint, save_checkpoint
from exclaim.learn.loop import Report

__all__ = ["match"]

_LOG = logging.getLogger(__name__)
_KEEP_EVERY = 10.0  # seconds
_TELL_EVERY = 50  # iterations to a line of metrics


def match(
    method: Matching,
    learned: Learned,
    rates: dict[str, float],
    iterations: int,
    folder: Path,
    report: Report,
    of: str = "",
    clock: Callable[[], float] = time.monotonic,
) -> float:
    """Learn a set, going on from the folder's checkpoint where there is one.

    Args:
        method: gives each step's gradients.
        learned: what is learnt; changed in place.
        rates: of Adam, for ``items`` and whatever else is learnt, by name.
        iterations: how many steps.
        folder: takes ``checkpoint.safetensors`` and ``metrics.jsonl``.
        report: told of progress.
        of: what is learnt from, the clips and whoever is asked about them; a checkpoint of something else is refused.
        clock: seconds, for what is told and how often it is kept.

    Returns:
        The seconds that all steps took, those of earlier calls among them.

    Raises:
        RecipeError: when the loss or its slope is no number any more, or the checkpoint is of something else.
    """
    groups = [{"params": [learned.get_parameter(name)], "lr": rate} for name, rate in rates.items()]
    optimizer = torch.optim.Adam(groups)
    checkpoint = folder / "checkpoint.safetensors"
    kept = {"learned": learned, **method.kept}
    done, seconds, losses = 0, 0.0, []
    if checkpoint.is_file():
        progress = load_checkpoint(checkpoint, kept, optimizer)
        if progress.get("of", of) != of:
            raise RecipeError(
                f"{checkpoint} was begun with other clips or another teacher; rename the recipe, or remove {folder}"
            )
        done, seconds, losses = progress["iterations"], progress["seconds"], progress["losses"]
        _LOG.info("going on after iteration %d", done)
    _cut(folder / "metrics.jsonl", done)
    begun = last = clock()
    while done < iterations:
        optimizer.zero_grad()
        loss = method.step(learned, done)
        slopes = [learned.get_parameter(name).grad for name in rates]
        if not math.isfinite(loss) or any(slope is not None and not slope.isfinite().all() for slope in slopes):
            raise RecipeError(
                f"the loss became {loss} in iteration {done + 1}, or its slope none; ask for smaller rates"
            )
        optimizer.step()
        learned.hold()
        done += 1
        losses.append(loss)
        mean = sum(losses[-_TELL_EVERY:]) / len(losses[-_TELL_EVERY:])
        report(0, 1, done, iterations, {"loss": mean})
        if done % _TELL_EVERY == 0 or done == iterations:
            line = {"iteration": done, "loss": mean}
            if "log_rate" in rates:
                line["learning_rate"] = float(learned.log_rate.detach().exp())
            with (folder / "metrics.jsonl").open("ab") as file:
                file.write(msgspec.json.encode(line) + b"\n")
            losses = losses[-_TELL_EVERY:]
        if clock() - last > _KEEP_EVERY or done == iterations:
            last = clock()
            told = {"iterations": done, "seconds": seconds + last - begun, "losses": losses, "of": of}
            save_checkpoint(checkpoint, kept, optimizer, told)
    return seconds + clock() - begun


def _cut(path: Path, done: int) -> None:
    """Take back lines of iterations that are done anew."""
    if path.is_file():
        lines = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
        path.write_bytes(b"".join(line for line in lines if msgspec.json.decode(line)["iteration"] <= done))
