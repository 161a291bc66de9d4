"""Where figures are from: data, split, recipe, command; said under every table."""

from collections.abc import Sequence

from exclaim.evaluate.report.answered import test_data
from exclaim.evaluate.report.rows import Judgement, Row
from exclaim.evaluate.report.runs import RunFolder
from exclaim.evaluate.report.section import short_hash
from exclaim.learn.recipe import recipe_hash

__all__ = ["data_lines", "run_line", "trained_on"]


def data_lines(found: Sequence[Judgement]) -> tuple[str, ...]:
    """Return a line for each set of test clips and task, with who was judged on it."""
    rows: dict[tuple[str, str, int, str], list[str]] = {}
    for one in found:
        key = (one.task, test_data(one.row.runs[0]), len(one.truth), one.data_sha256)
        rows.setdefault(key, []).append(one.row.name)
    return tuple(
        f"{task} on {data}: {clips:,} clips, data {short_hash(sha256)}: {', '.join(names)}"
        for (task, data, clips, sha256), names in rows.items()
    )


def trained_on(run: RunFolder) -> str:
    """Return what a run learnt from, with the licences: a condensed set, or corpora."""
    if run.on_set is None:
        return ", ".join(f"{use.name} ({use.licence})" for use in run.corpora) or "+".join(run.recipe.bursts)
    licences = " AND ".join(dict.fromkeys(use.licence for use in run.corpora))
    return f"the condensed set {run.on_set} ({licences}), made of {', '.join(use.name for use in run.corpora)}"


def run_line(row: Row) -> str:
    """Return how a row's models were made."""
    runs = "; ".join(
        f"{run.recipe.name}: recipe {short_hash(recipe_hash(run.recipe))}, model {short_hash(run.sha256)}"
        + f", learnt from {trained_on(run)}"
        + (f", trained on {run.facts.device}" if run.facts.device else "")
        for run in row.runs
    )
    return runs if len(row.runs) == 1 else f"{row.name}, {len(row.runs)} seeds: {runs}"
