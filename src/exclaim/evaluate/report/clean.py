"""Table I: accuracy of every model at every task on clean test clips, and what belongs beside it."""

import math
from collections.abc import Mapping, Sequence

from exclaim.evaluate.paired import Spread
from exclaim.evaluate.report.answered import test_data
from exclaim.evaluate.report.paper import ACCURACIES, PAPER
from exclaim.evaluate.report.provenance import data_lines, trained_on
from exclaim.evaluate.report.rows import Judgement, Row
from exclaim.evaluate.report.section import Block, Cell, Column, Line, Number, Section, Table, measured, share, signed

__all__ = ["clean_section", "gap_note", "order_of_tasks"]

_ID = "table-1"
_FIGURES = {
    "accuracy": "accuracy",
    "uar": "UAR",
    "macro_f1": "macro-F1",
    "auroc": "AUROC",
    "ece_debiased": "ECE",
}
_LOWER_IS_BETTER = {"ece_debiased"}
_COLUMNS = (
    Column("accuracy", "share of right answers, the figure that the paper prints"),
    Column("UAR", "unweighted average recall: the mean over the labels of the share found"),
    Column("macro-F1", "mean F1 over the labels"),
    Column("AUROC", "area under the ROC curve, mean of each label against the rest"),
    Column("ECE", "calibration error of the most probable label over 15 bins, debiased; lower is better"),
)


def order_of_tasks(found: Sequence[Judgement]) -> tuple[str, ...]:
    """Return the tasks: those that recipes are for first, each in the order met."""
    own = [one.task for one in found if one.task == one.row.recipe.task]
    return tuple(dict.fromkeys([*own, *(one.task for one in found)]))


def clean_section(found: Sequence[Judgement], twins: Mapping[str, Row]) -> Section:
    """Return Table I.

    Args:
        found: every row's answers to every task.
        twins: the speaker-independent row of each random one.
    """
    blocks, numbers = [], []
    for task in order_of_tasks(found):
        of_task = {one.row.name: one for one in found if one.task == task}
        lines = []
        for one in of_task.values():
            if one.row.name in twins and twins[one.row.name].name in of_task:
                continue  # stands below its twin
            lines.append(_line(one))
            for name, twin in twins.items():
                if twin.name == one.row.name and name in of_task:
                    lines += [_line(of_task[name]), _gap_line(of_task[name], one)]
                    numbers += _gap_numbers(of_task[name], one)
        numbers += [number for one in of_task.values() for number in _numbers(one)]
        lines = _with_best(lines, of_task.values())
        lines += [_paper_line(model, accuracy) for of, model, accuracy in ACCURACIES if of == task]
        numbers += [
            Number(section=_ID, row=model, task=task, split="random", figure="accuracy", value=value, source="paper")
            for of, model, value in ACCURACIES
            if of == task
        ]
        first = next(iter(of_task.values()))
        blocks.append(Block(f"{task}: {_names(first.labels)}", tuple(lines)))
    table = Table("table-1", "Clean test clips, 95 % intervals over speakers (and seeds)", _COLUMNS, tuple(blocks))
    return Section(
        id=_ID,
        title="Table I: clean",
        lead=(
            "Every model at every task on its own test clips. Speaker-independent: nobody who is heard here was heard "
            "in training. Where the same recipe also ran on a random split of the clips, as the paper's did, it stands "
            "below with the gap: what the voices it knew from training give away."
        ),
        tables=(table,),
        notes=_notes(found, twins),
        how=data_lines(found),
        numbers=tuple(numbers),
    )


def _names(labels: Sequence[str]) -> str:
    return ", ".join(labels)


def _line(one: Judgement) -> Line:
    cells = [
        measured(_value(spread), None if name in _LOWER_IS_BETTER else spread.interval(), spread.deviation)
        for name, spread in ((name, one.figures[name]) for name in _FIGURES)
    ]
    people = f", {one.speakers} speakers" if one.speakers else ""
    detail = f"{len(one.truth):,} clips{people}; {_seeds(one.row)}"
    if (run := one.row.runs[0]).on_set:
        detail += f"; learnt from {trained_on(run)}"
    return Line(one.row.name, tuple(cells), detail, "ours" if one.row.split == "speaker" else "random")


def _seeds(row: Row) -> str:
    seeds = ", ".join(map(str, row.seeds))
    return f"mean of {len(row.seeds)} seeds ({seeds})" if len(row.seeds) > 1 else f"one seed ({seeds})"


def _value(spread: Spread) -> float | None:
    return None if math.isnan(spread.whole) else spread.whole


def _gap(random: Judgement, speaker: Judgement, name: str) -> Spread:
    """Return what the random split adds; its clips are others, so its draws are too."""
    own, other = random.figures[name], speaker.figures[name]
    if other.draws is None:
        return own - other
    turned = Spread(other.of_seeds, other.draws[::-1])  # draws that owe nothing to the other's of the same number
    return own - turned


def _gap_line(random: Judgement, speaker: Judgement) -> Line:
    cells = []
    for name in _FIGURES:
        gap = _gap(random, speaker, name)
        interval = None if name in _LOWER_IS_BETTER else gap.interval()
        low_high = f"{signed(interval[0])} to {signed(interval[1])}" if interval else ""
        cells.append(Cell(signed(_value(gap)), low_high))
    return Line("gap", tuple(cells), "random less speaker-independent", "gap")


def _gap_numbers(random: Judgement, speaker: Judgement) -> list[Number]:
    return [
        _number(random, f"gap of {name}", _gap(random, speaker, name), split="random less speaker") for name in _FIGURES
    ]


def _numbers(one: Judgement) -> list[Number]:
    return [_number(one, name, one.figures[name], split=one.row.split) for name in one.figures]


def _number(one: Judgement, figure: str, spread: Spread, split: str) -> Number:
    low, high = spread.interval() or (None, None)
    return Number(
        section=_ID,
        row=one.row.name,
        task=one.task,
        split=split,
        figure=figure,
        value=_value(spread),
        deviation=spread.deviation,
        low=low,
        high=high,
        seeds=one.row.seeds,
        clips=len(one.truth),
        data=test_data(one.row.runs[0]),
        data_sha256=one.data_sha256,
    )


def _with_best(lines: list[Line], found) -> list[Line]:
    """Mark the best speaker-independent figure of each column, where there are two rows to choose from."""
    ours = [one for one in found if one.row.split == "speaker"]
    if len(ours) < 2:
        return lines
    best = []
    for name in _FIGURES:
        values = {one.row.name: value for one in ours if (value := _value(one.figures[name])) is not None}
        pick = min if name in _LOWER_IS_BETTER else max
        best.append(pick(values, key=values.__getitem__) if values else None)
    return [
        line._replace(
            cells=tuple(
                cell._replace(best=line.kind == "ours" and line.name == name)
                for cell, name in zip(line.cells, best, strict=True)
            )
        )
        for line in lines
    ]


def _paper_line(model: str, accuracy: float) -> Line:
    cells = (Cell(share(accuracy)), *(Cell("") for _ in _COLUMNS[1:]))
    return Line(f"the paper's {model}", cells, "its own corpora, random split, as printed; accuracy alone", "paper")


def gap_note(found: Sequence[Judgement], twins: Mapping[str, Row]) -> str | None:
    """Return a sentence on what random splits add to accuracy; None where there are none with a twin."""
    by = {(one.row.name, one.task): one for one in found}
    gaps = [
        _gap(by[name, task], by[twin.name, task], "accuracy").whole
        for name, twin in twins.items()
        for task in {one.task for one in found}
        if (name, task) in by and (twin.name, task) in by
    ]
    if not gaps:
        return None
    low, high = min(gaps), max(gaps)
    span = signed(low) if len(gaps) == 1 else f"{signed(low)} to {signed(high)}"
    return f"Testing on voices from the training set changes accuracy by {span}."


def _notes(found: Sequence[Judgement], twins: Mapping[str, Row]) -> tuple[str, ...]:
    notes = []
    if any(one.task == task for one in found for task, _, _ in ACCURACIES):
        notes.append(f"The paper's figures are from {PAPER}; of its Table I only those that were checked stand here.")
    random = [one.row.name for one in found if one.row.split == "random"]
    alone = [name for name in dict.fromkeys(random) if name not in twins]
    if alone:
        notes.append(
            f"{', '.join(alone)}: a random split without a speaker-independent twin among these runs; train the same "
            "recipe with `split.by: speaker`."
        )
    notes.append("Brier scores, and the intervals of all figures, stand in numbers.csv.")
    return tuple(notes)
