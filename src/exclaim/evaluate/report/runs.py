"""Run folders, as `exclaim train` leaves them: which are there, which are finished."""

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple, TypeVar

import msgspec

from exclaim.card import CorpusUse
from exclaim.corpora.condensed import SUFFIX
from exclaim.errors import ExclaimError, RecipeError
from exclaim.learn.recipe import Recipe
from exclaim.model_file import read_card
from exclaim.pins import pin_of

__all__ = [
    "RECIPE_FILE",
    "Found",
    "RunFacts",
    "RunFolder",
    "Skipped",
    "find_runs",
    "is_run_folder",
    "read_history",
    "set_files",
]

RECIPE_FILE = "recipe.json"
Content = TypeVar("Content")


class RunFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a run wrote of itself before it began; what an older run did not write is empty."""

    recipe: str = ""  # SHA-256 of the recipe
    device: str = ""
    threads: int = 0
    versions: dict[str, str] = {}
    examples: dict[str, int] = {}  # clips of each part
    condensed: dict[str, str] = {}  # name and sha256 of the set that was trained on; empty where corpora were


class RunFolder(msgspec.Struct, frozen=True, kw_only=True):
    """A finished run."""

    folder: Path
    recipe: Recipe
    facts: RunFacts
    model: Path  # the sealed model file
    sha256: str  # of that file
    parents: tuple[str, ...]  # hashes of the model files that it was distilled or tuned from
    corpora: tuple[CorpusUse, ...] = ()  # whose clips it learnt from; of a condensed set, those that it was made of
    history: tuple[dict[str, float], ...]  # a line for each epoch, as metrics.jsonl has them

    @property
    def on_set(self) -> str | None:
        """The condensed set that it was trained on, by name; None where it was trained on corpora."""
        named = [PurePath(name).stem for name in self.recipe.bursts if name.endswith(SUFFIX)]
        return self.facts.condensed.get("name", named[0]) if named else None


class Skipped(NamedTuple):
    """A run that is not in the report."""

    name: str
    reason: str  # a sentence


class Found(NamedTuple):
    """What was found."""

    runs: tuple[RunFolder, ...]
    skipped: tuple[Skipped, ...]


def is_run_folder(path: Path) -> bool:
    """Tell whether a folder is a run's."""
    return (Path(path) / RECIPE_FILE).is_file()


def set_files(path: Path) -> tuple[Path, ...]:
    """Return the sets that a path names: a file, the one of the run folder that it was condensed in, all of a folder.

    None where it names no set, as a run that was trained or a folder of runs.
    """
    path = Path(path)
    if path.suffix == SUFFIX and not path.is_dir():
        return (path,)
    name = path.resolve().name
    inside = path / f"{name}{SUFFIX}"
    if inside.is_file():
        return () if (path / f"{name}.onnx").is_file() else (inside,)
    return () if is_run_folder(path) else tuple(sorted(path.glob(f"*{SUFFIX}")))


def find_runs(paths: Sequence[Path]) -> Found:
    """Return the finished runs, and those that are not, with the reason.

    Args:
        paths: run folders, or folders of run folders; those inside are taken in the order of their names.

    Raises:
        RecipeError: when a path is no folder, or there is no finished run at all.
    """
    folders = list(dict.fromkeys(folder for path in paths for folder in _folders(Path(path))))
    runs, skipped = [], []
    for folder in folders:
        try:
            runs.append(_read(folder))
        except ExclaimError as error:
            skipped.append(Skipped(folder.name, str(error)))
    if not runs:
        looked = ", ".join(str(path) for path in paths)
        told = "; ".join(f"{name}: {reason}" for name, reason in skipped)
        raise RecipeError(
            f"no finished run in {looked}; expected run folders that `exclaim train` wrote"
            + (f" ({told})" * bool(told))
        )
    return Found(tuple(runs), tuple(skipped))


def _folders(path: Path) -> Iterable[Path]:
    if not path.is_dir():
        raise RecipeError(f"{path} is no folder; expected a run folder, or a folder of run folders")
    if is_run_folder(path):
        return [path]
    return sorted(inner for inner in path.iterdir() if is_run_folder(inner))


def _read(folder: Path) -> RunFolder:
    if condensed := set_files(folder):
        raise RecipeError(
            f"is a condensed set and no model; look at it with `exclaim report {condensed[0].as_posix()}`"
        )
    recipe = _decoded(folder / RECIPE_FILE, Recipe)
    model = folder / f"{recipe.name}.onnx"
    history = read_history(folder / "metrics.jsonl")
    if (folder / "card.json").is_file():
        raise RecipeError("hears waveforms: it teaches and has no model file; its figures are in card.json")
    if not model.is_file():
        raise RecipeError(
            f"is not finished: {len(history)} of {recipe.schedule.epochs} epochs are trained and there is no "
            f"{model.name} yet; the same `exclaim train` goes on where it stopped"
        )
    facts = _decoded(folder / "run.json", RunFacts) if (folder / "run.json").is_file() else RunFacts()
    card = read_card(model)
    return RunFolder(
        folder=folder,
        recipe=recipe,
        facts=facts,
        model=model,
        sha256=pin_of(model),
        parents=tuple(parent.sha256 for parent in card.parents),
        corpora=card.corpora,
        history=history,
    )


def _decoded(path: Path, expected: type[Content]) -> Content:
    try:
        return msgspec.json.decode(path.read_bytes(), type=expected)
    except (OSError, msgspec.MsgspecError) as error:
        raise RecipeError(f"{path.name} cannot be read: {error}; the run may be of another release") from error


def read_history(path: Path) -> tuple[dict[str, float], ...]:
    """Return the lines of a metrics.jsonl, one an epoch or so; a last one that was cut short does not count."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError:
        return ()
    epochs = []
    for line in lines:
        try:
            epochs.append(msgspec.json.decode(line, type=dict[str, float]))
        except msgspec.MsgspecError:
            break
    return tuple(epochs)
