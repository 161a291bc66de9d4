"""Figure 7: the test clips in two dimensions, as log-mels, and as teacher and student see them before they answer."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exclaim.errors import AudioError
from exclaim.evaluate.clips import clip_codes, clip_windows
from exclaim.evaluate.metrics import uar
from exclaim.evaluate.report.answered import Answered, Progress
from exclaim.evaluate.report.figure import SERIES, draw, finish_axes
from exclaim.evaluate.report.rows import Judgement, Row
from exclaim.evaluate.report.section import Drawing, Section

__all__ = ["Projected", "knn_accuracy", "pairs_to_project", "project", "projection_section", "tsne"]

_LOG = logging.getLogger(__name__)
_MOST_CLIPS = 1200  # more hide each other, and take minutes
_SEED = 0
_PERPLEXITY = 30.0
_COMPONENTS = 50  # kept before t-SNE, as its authors advise
_NEIGHBOURS = 10


class Pair(NamedTuple):
    """A student and its teacher, or a model alone."""

    task: str
    student: Judgement
    teacher: Row | None


class Projected(NamedTuple):
    """One space in two dimensions."""

    title: str  # "log-mels", "teacher", "student"
    name: str  # of the model
    places: np.ndarray  # (n, 2)
    truth: np.ndarray  # (n,) int
    labels: tuple[str, ...]
    purity: float  # mean over the labels of the share of clips whose nearest neighbours are mostly of their label


def pairs_to_project(found: Sequence[Judgement]) -> tuple[Pair, ...]:
    """Return, for each task that a recipe is for, the best student with its teacher; else the best model alone."""
    by_hash = {run.sha256: one.row for one in found for run in one.row.runs}
    pairs: dict[str, Pair] = {}
    own = [one for one in found if one.task == one.row.recipe.task]
    for one in sorted(own, key=lambda one: (one.row.split != "speaker", -one.figures["uar"].whole)):
        teachers = [by_hash[parent] for parent in one.row.runs[0].parents if parent in by_hash]
        pair = Pair(one.task, one, teachers[0] if one.row.recipe.distil and teachers else None)
        kept = pairs.get(one.task)
        if kept is None or (kept.teacher is None and pair.teacher is not None):
            pairs[one.task] = pair
    return tuple(pairs.values())


def project(
    pair: Pair, answers: Mapping[str, Answered], progress: Progress = lambda done, whole: None
) -> tuple[Projected, ...]:
    """Return the clips' log-mels, the teacher's activations and the student's, each in two dimensions.

    Args:
        pair: the models.
        answers: by the model file's hash.
        progress: called with (clips read, clips in all).
    """
    run = pair.student.row.runs[0]
    own = answers[run.sha256]
    label_of = {answer.sha256: answer.label for answer in own.answers[pair.task]}
    chosen = [i for i, sha256 in enumerate(own.clips) if sha256 in label_of]
    if len(chosen) > _MOST_CLIPS:
        chosen = [chosen[i] for i in np.linspace(0, len(chosen) - 1, _MOST_CLIPS).round().astype(int)]
    labels = pair.student.labels
    truth = np.array([labels.index(label_of[own.clips[i]]) for i in chosen])
    found = []
    log_mels, read = _log_mels([own.paths[i] for i in chosen], progress)
    if len(log_mels) > _NEIGHBOURS:
        found.append(_projected("log-mels", "", log_mels, truth[read], labels))
    if pair.teacher is not None:
        theirs = answers[pair.teacher.runs[0].sha256]
        place = {sha256: i for i, sha256 in enumerate(theirs.clips)}
        shared = [n for n, i in enumerate(chosen) if own.clips[i] in place]
        if len(shared) > _NEIGHBOURS:
            rows = np.stack([theirs.embeddings[place[own.clips[chosen[n]]]] for n in shared])
            found.append(_projected("teacher", pair.teacher.name, rows, truth[shared], labels))
    if len(chosen) > _NEIGHBOURS:
        title = "student" if pair.teacher else "model"
        found.append(_projected(title, pair.student.row.name, own.embeddings[chosen], truth, labels))
    return tuple(found)


def _log_mels(paths: Sequence[str], progress: Progress) -> tuple[np.ndarray, list[int]]:
    """Return the first window of each clip that is there, flat, and which clips these are."""
    rows, read = [], []
    for number, path in enumerate(paths):
        try:
            inputs, _ = next(iter(clip_windows(clip_codes(Path(path)))))
            rows.append(inputs[0].ravel())
            read.append(number)
        except (AudioError, OSError) as error:
            _LOG.info("not in figure 7: %s", error)
        progress(number + 1, len(paths))
    return np.array(rows), read


def _projected(title: str, name: str, rows: np.ndarray, truth: np.ndarray, labels: tuple[str, ...]) -> Projected:
    return Projected(title, name, tsne(rows), truth, labels, knn_accuracy(_reduced(rows), truth))


def tsne(rows: np.ndarray) -> np.ndarray:
    """Return rows in two dimensions: (n, 2); the same rows give the same places.

    Source: van der Maaten and Hinton 2008, "Visualizing Data using t-SNE", after 50 principal components.
    """
    from sklearn.manifold import TSNE

    rows = _reduced(rows)
    perplexity = min(_PERPLEXITY, (len(rows) - 1) / 3)
    return TSNE(perplexity=perplexity, init="random", random_state=_SEED, n_jobs=1).fit_transform(rows)


def _reduced(rows: np.ndarray) -> np.ndarray:
    """Return the first principal components: (n, 50 at most) float32."""
    centred = (rows - rows.mean(axis=0)).astype(np.float32)
    if centred.shape[1] <= _COMPONENTS:
        return centred
    # of the clips' inner products, which are fewer than a log-mel's cells
    values, vectors = np.linalg.eigh((centred @ centred.T).astype(np.float64))
    first = np.argsort(values)[::-1][:_COMPONENTS]
    return (vectors[:, first] * np.sqrt(np.maximum(values[first], 0))).astype(np.float32)


def knn_accuracy(rows: np.ndarray, truth: np.ndarray, neighbours: int = _NEIGHBOURS) -> float:
    """Return how often a clip's label is that of most of its nearest neighbours: what the eye looks for, counted.

    It is the mean over the labels, as a rare label's clips seldom have neighbours of their own.

    Args:
        rows: (n, d).
        truth: (n,) int.
        neighbours: how many vote.
    """
    squares = (rows**2).sum(axis=1)
    distances = squares[:, np.newaxis] + squares - 2 * rows @ rows.T
    np.fill_diagonal(distances, np.inf)
    nearest = np.argsort(distances, axis=1, kind="stable")[:, :neighbours]
    votes = np.stack([(truth[nearest] == label).sum(axis=1) for label in range(truth.max() + 1)], axis=1)
    return uar(truth, votes.argmax(axis=1), int(truth.max()) + 1)


def projection_section(projected: Mapping[str, tuple[Projected, ...]]) -> Section | None:
    """Return Figure 7, a drawing for each task; None where nothing could be projected.

    Args:
        projected: by task.
    """
    drawings = []
    for task, spaces in projected.items():
        if spaces:
            drawings.append(_drawing(task, spaces))
    if not drawings:
        return None
    return Section(
        id="figure-7",
        title="Figure 7: what the models make of the sounds",
        lead=(
            "Every point is a test clip. What lies together on the left sounds alike; to the right, what the teacher "
            "and the student make of it before they answer. Distances between groups, and their sizes, mean nothing "
            "in t-SNE."
        ),
        drawings=tuple(drawings),
        how=(
            f"t-SNE (scikit-learn), perplexity {_PERPLEXITY:.0f}, seed {_SEED}, on the first {_COMPONENTS} principal "
            "components of the first 3 s window's log-mel and of the `embedding` output; "
            f"{_MOST_CLIPS:,} clips at most. In brackets, before t-SNE: how often a clip has the label of most of its "
            f"{_NEIGHBOURS} nearest neighbours in those components, mean over the labels",
        ),
    )


def _drawing(task: str, spaces: tuple[Projected, ...]) -> Drawing:
    name = f"figure-7-{task}"

    def paint(figure, panels) -> None:
        for axes, space in zip(panels, spaces, strict=True):
            counts = np.bincount(space.truth, minlength=len(space.labels))
            for number, label in enumerate(space.labels):
                style = {"s": 9, "linewidths": 0, "alpha": 0.75, "zorder": 2 + (counts > counts[number]).sum()}
                places = space.places[space.truth == number]  # rarer labels on top
                axes.scatter(*places.T, color=SERIES[number % len(SERIES)], label=label, **style)
            finish_axes(axes, f"{space.title} ({space.purity:.2f})", space.name)
            axes.set_xticks([])
            axes.set_yticks([])
            for side in axes.spines.values():
                side.set_visible(True)
            axes.set_box_aspect(1)
        handles, labels = panels[-1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 5), markerscale=2)

    titles = ", ".join(f"{space.title} {space.name}".strip() for space in spaces)
    alternative = f"t-SNE of the test clips of {task}, coloured by label: {titles}."
    svg = draw(name, alternative, len(spaces), paint, height=3.6 if len(spaces) > 1 else 4.6)
    return Drawing(name, f"{task}: {len(spaces[-1].truth):,} test clips", alternative, svg)
