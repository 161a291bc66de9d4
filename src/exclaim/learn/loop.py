"""The one training loop, on CPU or GPU: teachers and students alike."""

import copy
import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from exclaim.errors import RecipeError
from exclaim.learn.checkpoint import load_checkpoint, load_weights, save_checkpoint, save_weights
from exclaim.learn.condensed import SetViews
from exclaim.learn.objective import objective
from exclaim.learn.recipe import Recipe, Schedule
from exclaim.learn.teacher import Teachers
from exclaim.learn.views import Batch, Views

__all__ = ["answer", "learning_rate", "train_network"]

_LOG = logging.getLogger(__name__)
T = TypeVar("T")

Validate = Callable[[nn.Module], dict[str, float]]  # network -> metrics; "score" picks the weights that are kept
Report = Callable[[int, int, int, int, dict[str, float]], None]  # epoch, epochs, step, steps, numbers


def learning_rate(schedule: Schedule, step: int, steps: int) -> float:
    """Return the rate at a step: a linear rise, then a cosine to zero; or the same all the way."""
    if schedule.rate == "constant":
        return schedule.learning_rate
    rise = max(1, round(schedule.warmup * steps))
    if step < rise:
        return schedule.learning_rate * (step + 1) / rise
    return schedule.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


@torch.no_grad()
def answer(network: nn.Module, windows: np.ndarray, device: torch.device) -> dict[str, np.ndarray]:
    """Return a network's outputs for windows: (n, 128, 188) float32 -> output -> (n, ...) float32."""
    network.eval()
    outputs = network(torch.from_numpy(windows).to(device))
    return {name: tensor.float().cpu().numpy() for name, tensor in outputs.items()}


def train_network(
    recipe: Recipe,
    network: nn.Module,
    views: Views | SetViews,
    teacher: Teachers | None,
    validate: Validate,
    folder: Path,
    fabric: Fabric,
    report: Report,
) -> dict[str, Any]:
    """Train a network, going on from the run folder's checkpoint where there is one.

    Args:
        recipe: what to do.
        network: on any device; holds the best weights when this returns.
        views: the training windows.
        teacher: for distillation, else None.
        validate: measures a network after each epoch.
        folder: takes ``checkpoint.safetensors``, ``best.safetensors`` and ``metrics.jsonl``.
        fabric: device and precision.
        report: told of progress.

    Returns:
        The progress: epochs done, the best epoch, its metrics.

    Raises:
        RecipeError: when the loss is no number any more, or a checkpoint is damaged.
    """
    schedule = recipe.schedule
    average = copy.deepcopy(network).to(fabric.device) if schedule.ema else None
    optimizer = _optimizer(schedule, network)
    network, optimizer = fabric.setup(network, optimizer)
    kept = {"network": network.module} | ({"average": average} if average is not None else {})
    progress: dict[str, Any] = {"epochs": 0, "best_epoch": 0, "best": {}}
    checkpoint = folder / "checkpoint.safetensors"
    if checkpoint.is_file():
        progress = load_checkpoint(checkpoint, kept, optimizer.optimizer)
        _LOG.info("going on after epoch %d", progress["epochs"])
    while progress["epochs"] < schedule.epochs:
        begun = time.monotonic()
        numbers = _epoch(recipe, network, average, optimizer, views, teacher, fabric, report, progress["epochs"])
        measured = validate(average if average is not None else network.module)
        progress["epochs"] += 1
        if schedule.keep == "last" or measured["score"] > progress["best"].get("score", -math.inf):
            progress |= {"best_epoch": progress["epochs"], "best": measured}
            save_weights(average if average is not None else network.module, folder / "best.safetensors")
        line = {
            "epoch": progress["epochs"],
            **numbers,
            **measured,
            "seconds": round(time.monotonic() - begun, 3),
        }
        with (folder / "metrics.jsonl").open("ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")
        save_checkpoint(checkpoint, kept, optimizer.optimizer, progress)
        _LOG.info("epoch %d of %d: %s", progress["epochs"], schedule.epochs, line)
    load_weights(network.module, folder / "best.safetensors")
    return progress


def _optimizer(schedule: Schedule, network: nn.Module) -> torch.optim.Optimizer:
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    if schedule.optimizer == "sgd":
        return torch.optim.SGD(
            weights, lr=schedule.learning_rate, momentum=schedule.betas[0], weight_decay=schedule.weight_decay
        )
    kind = torch.optim.Adam if schedule.optimizer == "adam" else torch.optim.AdamW
    return kind(
        weights,
        lr=schedule.learning_rate,
        betas=schedule.betas,
        eps=schedule.epsilon,
        weight_decay=schedule.weight_decay,
    )


def _epoch(
    recipe: Recipe,
    network: nn.Module,
    average: nn.Module | None,
    optimizer: Any,
    views: Views | SetViews,
    teacher: Teachers | None,
    fabric: Fabric,
    report: Report,
    epoch: int,
) -> dict[str, float]:
    schedule = recipe.schedule
    view = epoch % schedule.views if schedule.views else epoch
    steps = -(-views.windows // schedule.batch)
    losses: list[float] = []
    network.train()
    source: Iterator[tuple[Batch, dict[str, np.ndarray]]]
    if teacher is None:
        source = ((batch, {}) for batch in views.batches(view, schedule.batch))
    else:
        source = teacher.batches(views, view, schedule.batch)
    torch.manual_seed(
        recipe.seed * 1_000_003 + epoch
    )  # dropout, so that a run that went on equals one that never stopped
    begun, waited = time.monotonic(), 0.0
    ahead = _ahead(source)
    for step in range(steps):
        asked = time.monotonic()
        batch, logits = next(ahead)
        waited += time.monotonic() - asked
        rate = learning_rate(schedule, epoch * steps + step, schedule.epochs * steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        first = step - step % schedule.accumulate
        if step == first:
            optimizer.zero_grad()
        loss = objective(recipe, network(torch.from_numpy(batch.windows).to(fabric.device)), batch, logits)
        fabric.backward(loss / min(schedule.accumulate, steps - first))  # an epoch's last step may have fewer batches
        losses.append(float(loss.detach()))
        if not math.isfinite(losses[-1]):
            raise RecipeError(
                f"{recipe.name}: the loss became {losses[-1]} in epoch {epoch + 1}, step {step + 1} of {steps}; lower "
                "schedule.learning_rate and remove the run's folder (the epoch before is kept in it)"
            )
        if step + 1 in (first + schedule.accumulate, steps):
            if schedule.clip_norm:
                fabric.clip_gradients(network, optimizer, max_norm=schedule.clip_norm)
            optimizer.step()
            if average is not None:
                taken = epoch * -(-steps // schedule.accumulate) + step // schedule.accumulate
                _update(average, network.module, min(schedule.ema, (1 + taken) / (10 + taken)))
        report(epoch, schedule.epochs, step + 1, steps, {"loss": float(np.mean(losses[-50:]))})
    next(ahead, None)  # to its end, where views and answers are kept
    took = max(time.monotonic() - begun, 1e-9)
    return {"loss": round(float(np.mean(losses)), 5), "loader_share": round(waited / took, 4)}


@torch.no_grad()
def _update(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the averaged weights towards the network's; buffers (batch statistics) are copied."""
    for mean, new in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(new, 1 - decay)
    for mean, new in zip(average.buffers(), network.buffers(), strict=True):
        mean.copy_(new)


def _ahead(source: Iterator[T], depth: int = 4) -> Iterator[T]:
    """Yield from ``source`` while a thread prepares the next items."""
    ready: queue.Queue[T | BaseException | None] = queue.Queue(depth)
    stop = threading.Event()

    def put(item: T | BaseException | None) -> None:
        while not stop.is_set():
            try:
                return ready.put(item, timeout=0.2)
            except queue.Full:
                continue

    def fill() -> None:
        try:
            for item in source:
                if stop.is_set():
                    return
                put(item)
            put(None)
        except BaseException as error:
            put(error)

    thread = threading.Thread(target=fill, name="views", daemon=True)
    thread.start()
    try:
        while (item := ready.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()
