"""Attacks as records for ``docs/results.json``."""

from exclaim.evaluate.records import identifier
from exclaim.evaluate.results import Record
from exclaim.privacy.report import PrivacyReport
from exclaim.privacy.roc import Figure

__all__ = ["figure_words", "privacy_records"]


def figure_words(name: str) -> str:
    """Return what a figure of an attack is called: AUC, or at how many false positives it is."""
    return "AUC" if name == "auc" else f"true positives at {name.rpartition('_')[2]} % false ones"


def privacy_records(found: PrivacyReport, *, command: str, tree: str, date: str) -> list[Record]:
    """Return a record for each figure of each attack, and for the nearest clips of each target's items.

    Args:
        found: the report of a run.
        command: that measures it again.
        tree: hash of the sources (:func:`~exclaim.evaluate.results.source_tree`).
        date: UTC, ISO 8601.
    """
    prefix = found.name if found.name.startswith("privacy") else f"privacy-{found.name}"
    changes = f", changed to {found.changes}" if found.changes else ""
    protocol = (
        f"{found.shadows} shadows of complementary halves by {found.halves[:-1]}, sets as {found.condense}{changes}, "
        f"{'attacked network ' + found.network if found.network else 'no network'}; 95 % intervals over speakers and "
        "pairs of shadows"
    )
    shared = {
        "data": f"{', '.join(found.sources)}: {found.clips} training clips of {found.speakers} speakers",
        "data_sha256": found.data_sha256,
        "command": command,
        "source_tree": tree,
        "date": date,
    }

    def record(name: str, metric: str, figure: Figure) -> Record:
        bounds = (figure.low, figure.high)
        return Record(
            id=f"{prefix}.{name}",
            metric=f"{metric} (chance {figure.chance:g})",
            value=round(figure.value, 6),
            interval=None if None in bounds else bounds,
            protocol=protocol,
            **shared,
        )

    near = [
        record(
            f"{each.target}.nearest-clip.{each.measure}",
            f"nearest of all clips to an item is of the half that the set was made from, {each.target}, by "
            f"{each.measure}; median distance {each.to_clips:.3g} {each.unit}".rstrip()
            + ("" if each.ratio is None else f", {each.ratio:.2f} times that of strangers"),
            each.nearer,
        )
        for each in found.neighbours
    ]
    return near + [
        record(
            f"{each.target}.{identifier(each.attack)}.{identifier(name.replace('0.1', 'tenth'))}",
            f"{figure_words(name)}, {each.attack}, {each.target}",
            figure,
        )
        for each in found.attacks
        for name, figure in each.figures.items()
    ]
