"""Training on a condensed set as a device does it, beside training the same network on the whole corpus.

The set's training is what `exclaim train` does with the set's file and a recipe alone: a process of its own in an empty
folder, one thread on one core, nobody held out, no corpus in reach, in memory that the system does not exceed
(``RLIMIT_DATA``, as :mod:`exclaim.evaluate.bench_board` has it). The whole corpus is trained on for one epoch by the
same loop, from kept features and without validation; all epochs take as many times as long. The process that is
measured is ``python -m exclaim.evaluate.bench_sets``, with a task as its argument or on the standard input.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from exclaim.errors import ModelError, RecipeError
from exclaim.evaluate.bench import ONE_THREAD, Machine, machine
from exclaim.evaluate.bench_windows import peak_bytes
from exclaim.evaluate.instructions import instructions_each

if TYPE_CHECKING:
    from exclaim.learn.condensed import SetViews
    from exclaim.learn.recipe import NetworkOptions
    from exclaim.learn.views import Batch, Views

__all__ = ["LoopCost", "SetBench", "SetBenchOptions", "bench_set", "main"]

_COUNTED = (1, 3)  # steps of the two runs whose difference in instructions is taken


class SetBenchOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure, and where things are."""

    recipe: Path  # that trains on a set
    whole: Path | None = None  # that trains the same network on the whole corpus
    data: Path  # the corpora, for the whole
    runs: Path  # where the set is looked for, beside the recipe
    cache: Path  # kept features of the corpora
    memory_limit: int = 0  # bytes that the set's training may take; 0: as many as it likes
    instructions: bool = False  # count with valgrind where perf cannot: minutes


class LoopCost(msgspec.Struct, frozen=True, kw_only=True):
    """What the training loop takes."""

    windows: int  # over all epochs
    view: tuple[int, int]  # cells (bands, frames) that the network sees of each
    seconds: float  # over all epochs, the loop alone
    peak_bytes: int | None  # resident, of the whole process
    instructions: int | None = None  # over all epochs
    instructions_note: str = ""  # how they were counted, or why not


class SetBench(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of it."""

    machine: Machine
    name: str  # of the recipe
    set: str  # name of the set
    items: int
    network: str
    memory_limit: int
    wall_seconds: float  # of the device's process, from its start to the finished model file
    on_set: LoopCost
    whole_name: str = ""
    on_whole: LoopCost | None = None
    epochs: int = 0  # of the whole, one of which was measured


class _Task(msgspec.Struct, frozen=True, kw_only=True):
    """What the measured process does."""

    recipe: str
    data: str = ""
    runs: str = ""
    cache: str = ""
    limit: int = 0  # bytes
    finished: bool = False  # from the recipe to the model file; else the loop alone
    steps: int = 0  # of the loop; 0: all of an epoch


def bench_set(options: SetBenchOptions, tell: Callable[[str], None] = lambda stage: None) -> SetBench:
    """Measure training on a set and, where it is named, on the whole corpus.

    Args:
        options: what to measure.
        tell: called with each stage's name as it begins.

    Raises:
        RecipeError: when the recipes do not train the same network, at whatever view, or the first trains on no set.
        CorpusError: when the set is not there.
        ModelError: when a measuring process fails, for instance because the memory does not suffice.
    """
    from exclaim.learn.condensed import set_of, view_of
    from exclaim.learn.recipe import canonical, load_recipe

    recipe = load_recipe(options.recipe)
    found = set_of(recipe, (options.recipe.parent, options.runs))
    if found is None or found.path is None:
        raise RecipeError(f"recipe {options.recipe} trains on no condensed set; name one that does")
    whole = None if options.whole is None else load_recipe(options.whole)
    if whole is not None and canonical(_without_view(whole.network)) != canonical(_without_view(recipe.network)):
        raise RecipeError(
            f"recipe {options.whole} trains another network than {options.recipe}: {whole.network.name} "
            f"{whole.network.options}, not {recipe.network.name} {recipe.network.options}"
        )
    with tempfile.TemporaryDirectory() as inside:
        folder = Path(inside)
        shutil.copyfile(found.path, folder / found.path.name)
        alone: dict[str, Any] = msgspec.to_builtins(recipe)
        alone |= {"bursts": [found.path.name], "split": {"validation": 0, "test": 0}}
        alone["schedule"]["keep"] = "last"
        (folder / "recipe.yaml").write_bytes(msgspec.json.encode(alone))  # JSON is YAML
        tell("training on the set alone")
        task = _Task(recipe="recipe.yaml", limit=options.memory_limit, finished=True)
        begun = time.perf_counter()
        told = _measured(task, folder)
        wall = time.perf_counter() - begun
        lines = (folder / "runs" / recipe.name / "metrics.jsonl").read_text("utf-8").splitlines()
        windows = len(lines) * found.card.items * recipe.schedule.passes
        seconds = sum(json.loads(line)["seconds"] for line in lines)
        on_set = LoopCost(windows=windows, view=view_of(recipe), seconds=seconds, peak_bytes=told["peak_bytes"])
        on_set = _counted(on_set, _Task(recipe=str(folder / "recipe.yaml")), recipe.schedule.batch, options)
        on_whole = None
        if whole is not None:
            tell("an epoch of training on the whole corpus")
            task = _Task(
                recipe=str(options.whole), data=str(options.data), runs=str(options.runs), cache=str(options.cache)
            )
            told = _measured(task, Path.cwd())
            on_whole = LoopCost(
                windows=told["windows"] * whole.schedule.epochs,
                view=view_of(whole),
                seconds=told["seconds"] * whole.schedule.epochs,
                peak_bytes=told["peak_bytes"],
            )
            on_whole = _counted(on_whole, task, whole.schedule.batch, options)
    return SetBench(
        machine=machine(),
        name=recipe.name,
        set=found.card.name,
        items=found.card.items,
        network=recipe.network.name,
        memory_limit=options.memory_limit,
        wall_seconds=wall,
        on_set=on_set,
        whole_name=whole.name if whole else "",
        on_whole=on_whole,
        epochs=whole.schedule.epochs if whole else 0,
    )


def _without_view(network: "NetworkOptions") -> "NetworkOptions":
    """Return a network as it is at any view: fewer cells are a way to spare a device time."""
    options = {key: value for key, value in network.options.items() if key != "view"}
    return msgspec.structs.replace(network, options=options)


def _environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key != "EXCLAIM_DATA"} | ONE_THREAD


def _measured(task: _Task, folder: Path) -> dict[str, Any]:
    """Do a task in a process of its own and return what it told."""
    ended = subprocess.run(
        [sys.executable, "-m", "exclaim.evaluate.bench_sets"],
        input=msgspec.json.encode(task),
        capture_output=True,
        cwd=folder,
        env=_environment(),
        check=False,
    )
    if ended.returncode:
        said = ended.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        limit = f" in {task.limit / 1e6:g} MB" if task.limit else ""
        raise ModelError(f"measuring the training of {task.recipe}{limit} ended with {ended.returncode}: {said[0]}")
    return msgspec.json.decode(ended.stdout.splitlines()[-1])


def _counted(cost: LoopCost, task: _Task, batch: int, options: SetBenchOptions) -> LoopCost:
    """Add the instructions of all windows, from those of a few steps."""

    def arguments(steps: int) -> list[str]:
        counted = msgspec.structs.replace(task, steps=steps)
        return ["-m", "exclaim.evaluate.bench_sets", msgspec.json.encode(counted).decode()]

    environment = {**_environment(), "PYTHONHASHSEED": "0"}
    each, note = instructions_each(arguments, _COUNTED, options.instructions, environment)
    whole = None if each is None else round(each * cost.windows / batch)
    return msgspec.structs.replace(cost, instructions=whole, instructions_note=note)


class _First:
    """The first steps of a view."""

    def __init__(self, views: "Views | SetViews", steps: int, batch: int) -> None:
        self._views, self._steps = views, steps
        self.windows = min(views.windows, steps * batch) if steps else views.windows

    def batches(self, view: int, size: int) -> "Iterator[Batch]":
        return islice(self._views.batches(view, size), self._steps or None)


def _loop(task: _Task) -> dict[str, Any]:
    """Train for an epoch, or some steps of it, as `exclaim train` would; return its windows and seconds."""
    from lightning_fabric import Fabric

    from exclaim.learn.condensed import set_of, set_views
    from exclaim.learn.examples import load_corpora
    from exclaim.learn.loop import train_network
    from exclaim.learn.network import network_of
    from exclaim.learn.recipe import load_recipe
    from exclaim.learn.store import build_store
    from exclaim.learn.views import Views

    path = Path(task.recipe)
    recipe = load_recipe(path, {"schedule": {"epochs": 1, "keep": "last"}})
    condensed = set_of(recipe, (path.parent, Path(task.runs)))
    views: Views | SetViews
    if condensed is not None:
        views = set_views(recipe, condensed)
    else:
        corpora = load_corpora(recipe, Path(task.data))
        store = build_store(corpora.clips, Path(task.cache))
        examples = [example for example in corpora.bursts["train"] if example.clip in store]
        views = Views(recipe, store, examples, corpora.ambience["train"], recipe.seed)
    first = _First(views, task.steps, recipe.schedule.batch)
    with tempfile.TemporaryDirectory() as folder:
        train_network(
            recipe,
            network_of(recipe),
            first,  # type: ignore[arg-type]
            None,
            lambda network: {"score": 0.0},
            Path(folder),
            Fabric(accelerator="cpu", devices=1),
            lambda *numbers: None,
        )
        line = json.loads((Path(folder) / "metrics.jsonl").read_text("utf-8"))
    return {"windows": first.windows, "seconds": line["seconds"]}


def main(text: bytes | str) -> dict[str, Any]:
    """Do a task in this process, on one core, and return what it took."""
    # Fabric imports torchmetrics, where it is installed, to look at its version; exclaim does not need it.
    sys.modules.setdefault("torchmetrics", None)  # type: ignore[arg-type]
    task = msgspec.json.decode(text, type=_Task)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if task.limit:
        resource.setrlimit(resource.RLIMIT_DATA, (task.limit, task.limit))
    told: dict[str, Any] = {}
    if task.finished:
        from exclaim.learn.places import Places
        from exclaim.learn.train import train

        here = Path()
        train(Path(task.recipe), Places(data=here / "no-corpora", runs=here / "runs", cache=here / "cache"), "cpu")
    else:
        told = _loop(task)
    return told | {"peak_bytes": peak_bytes()}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1] if len(sys.argv) > 1 else sys.stdin.buffer.read())))
