"""Tables II and III: the same clips under noise, averaged, and by the kind of noise."""

from collections.abc import Callable, Sequence

import numpy as np

from exclaim.evaluate.paired import Spread
from exclaim.evaluate.report.clean import order_of_tasks
from exclaim.evaluate.report.curves import MOST_LINES, colour_of
from exclaim.evaluate.report.figure import draw, finish_axes, legend_below, panel_columns
from exclaim.evaluate.report.paper import MEAN_LOSS_UNDER_NOISE, PAPER
from exclaim.evaluate.report.provenance import data_lines
from exclaim.evaluate.report.section import (
    Block,
    Cell,
    Column,
    Drawing,
    Line,
    Number,
    Section,
    Table,
    share,
    signed,
)
from exclaim.evaluate.report.under_noise import NOISE_FIGURES, UnderNoise, mean_of

__all__ = ["noise_sections"]

_KINDS = ("cafe", "kitchen", "office", "metro", "bus", "street")  # as the paper has them, and one more


def noise_sections(found: Sequence[UnderNoise], notes: Sequence[str]) -> tuple[Section, ...]:
    """Return Tables II and III; nothing where no run was heard under noise."""
    if not found:
        return ()
    return _averaged(found, notes), _by_kind(found)


def _ratios(found: Sequence[UnderNoise]) -> tuple[float, ...]:
    return tuple(sorted({condition.snr_db for one in found for condition in one.noisy}))


def _kinds(found: Sequence[UnderNoise]) -> tuple[str, ...]:
    met = {condition.kind for one in found for condition in one.noisy}
    return (*(kind for kind in _KINDS if kind in met), *sorted(met - set(_KINDS)))


def _at(one: UnderNoise, figure: str, *, snr_db: float | None = None, kind: str | None = None) -> Spread | None:
    """Return the mean over the conditions with this ratio and kind; None where there is none."""
    parts = [
        figures[figure]
        for condition, figures in one.noisy.items()
        if snr_db in (None, condition.snr_db) and kind in (None, condition.kind)
    ]
    return mean_of(parts) if parts else None


def _blocks(found: Sequence[UnderNoise], line: Callable[[UnderNoise], Line]) -> tuple[Block, ...]:
    tasks = order_of_tasks([one.judgement for one in found])
    return tuple(Block(task, tuple(line(one) for one in found if one.judgement.task == task)) for task in tasks)


def _kind_of_line(one: UnderNoise) -> str:
    return "ours" if one.judgement.row.split == "speaker" else "random"


def _averaged(found: Sequence[UnderNoise], notes: Sequence[str]) -> Section:
    ratios = _ratios(found)
    columns = (
        Column("clean"),
        *(Column(f"{ratio:g} dB", "signal-to-noise ratio, mean over the kinds of noise") for ratio in ratios),
        Column("mean", "over kinds and ratios"),
        Column("loss", "clean less mean"),
    )
    numbers = []

    def line_of(figure: str):
        def line(one: UnderNoise) -> Line:
            mean = _at(one, figure)
            loss = one.clean[figure] - mean
            interval = loss.interval()
            at = [_at(one, figure, snr_db=ratio) for ratio in ratios]
            cells = (
                Cell(share(one.clean[figure].whole)),
                *(_lost(one.clean[figure], value) for value in at),
                Cell(share(mean.whole)),
                Cell(signed(loss.whole), f"{signed(interval[0])} to {signed(interval[1])}" if interval else ""),
            )
            for ratio, value in zip(ratios, at, strict=True):
                if value is not None:
                    numbers.append(_number(one, "table-2", f"{ratio:g} dB", figure, value))
                    numbers.append(
                        _number(one, "table-2", f"{ratio:g} dB", f"loss of {figure}", one.clean[figure] - value)
                    )
            numbers.append(_number(one, "table-2", "clean, clips that were mixed", figure, one.clean[figure]))
            numbers.append(_number(one, "table-2", "mean", figure, mean))
            numbers.append(_number(one, "table-2", "mean", f"loss of {figure}", loss))
            return Line(one.judgement.row.name, cells, f"{one.clips:,} clips", _kind_of_line(one))

        return line

    tables = tuple(
        Table(f"table-2-{figure}", caption, columns, _blocks(found, line_of(figure)))
        for figure, caption in (("accuracy", "Accuracy, as the paper prints it"), ("uar", "UAR"))
    )
    numbers.append(
        Number(
            section="table-2",
            row="student",
            condition="mean",
            split="random",
            figure="loss of accuracy",
            value=MEAN_LOSS_UNDER_NOISE,
            source="paper",
        )
    )
    return Section(
        id="table-2",
        title="Table II: noise",
        lead=(
            "The same test clips with noise mixed in, from recordings that training never heard. "
            f"{PAPER} prints a loss of {MEAN_LOSS_UNDER_NOISE:.2f} on average."
        ),
        tables=tables,
        drawings=(_curve(found, ratios),),
        notes=tuple(notes),
        how=(*data_lines([one.judgement for one in found]), *_noise_lines(found)),
        numbers=tuple(numbers),
    )


def _lost(clean: Spread, value: Spread | None) -> Cell:
    return Cell("") if value is None else Cell(share(value.whole), signed(value.whole - clean.whole))


def _by_kind(found: Sequence[UnderNoise]) -> Section:
    kinds = _kinds(found)
    numbers = []

    def line(one: UnderNoise) -> Line:
        cells = [Cell(share(one.clean["accuracy"].whole), f"UAR {share(one.clean['uar'].whole)}")]
        for kind in kinds:
            of_kind = {figure: _at(one, figure, kind=kind) for figure in NOISE_FIGURES}
            if of_kind["accuracy"] is None:
                cells.append(Cell(""))
                continue
            cells.append(Cell(share(of_kind["accuracy"].whole), f"UAR {share(of_kind['uar'].whole)}"))
            numbers.extend(_number(one, "table-3", kind, figure, value) for figure, value in of_kind.items())
        for condition, figures in one.noisy.items():
            name = f"{condition.kind}, {condition.snr_db:g} dB"
            numbers.extend(_number(one, "table-3", name, figure, value) for figure, value in figures.items())
        return Line(one.judgement.row.name, tuple(cells), f"{one.clips:,} clips", _kind_of_line(one))

    ratios = ", ".join(f"{ratio:g}" for ratio in _ratios(found))
    table = Table(
        "table-3",
        f"Accuracy by kind of noise, mean over {ratios} dB",
        (Column("clean"), *(Column(kind) for kind in kinds)),
        _blocks(found, line),
    )
    return Section(
        id="table-3",
        title="Table III: each noise",
        lead="Which places are hard. Every kind at every ratio by itself stands in numbers.csv.",
        tables=(table,),
        how=(*data_lines([one.judgement for one in found]), *_noise_lines(found)),
        numbers=tuple(numbers),
    )


def _noise_lines(found: Sequence[UnderNoise]) -> tuple[str, ...]:
    said = dict.fromkeys(
        f"{one.noise}: " + "; ".join(f"{kind}: {', '.join(names)}" for kind, names in one.recordings.items())
        for one in found
    )
    mixing = (
        "mixed as waveforms; signal: mean square of the clip's active 20 ms blocks; noise: mean square of the excerpt, "
        "drawn by clip and kind, the same at every ratio and for every model"
    )
    return (mixing, *(f"noise {line}" for line in said))


def _curve(found: Sequence[UnderNoise], ratios: Sequence[float]) -> Drawing:
    tasks = order_of_tasks([one.judgement for one in found])

    def paint(figure, panels) -> None:
        for axes, task in zip(panels, tasks, strict=True):
            of_task = [one for one in found if one.judgement.task == task]
            shown = [one for one in of_task if one.judgement.row.split == "speaker"] or of_task
            for one in shown[:MOST_LINES]:
                values = [_at(one, "uar", snr_db=ratio) for ratio in ratios]
                places = [*range(len(ratios)), len(ratios)]
                means = [value.whole if value is not None else np.nan for value in values]
                style = colour_of(one.judgement.side)
                axes.plot(
                    places,
                    [*means, one.clean["uar"].whole],
                    marker="o",
                    markersize=4,
                    label=one.judgement.row.name,
                    **style,
                )
                bands = [value.interval() if value is not None else None for value in [*values, one.clean["uar"]]]
                if all(bands):
                    axes.fill_between(places, *np.transpose(bands), color=style["color"], alpha=0.12, linewidth=0)
            axes.set_xticks(range(len(ratios) + 1), [*(f"{ratio:g}" for ratio in ratios), "clean"])
            finish_axes(axes, task, "signal-to-noise ratio, dB", "UAR, mean over kinds of noise")
        legend_below(figure, panels)

    alternative = f"UAR over the signal-to-noise ratio at {', '.join(tasks)}, a line for each model."
    svg = draw("noise", alternative, len(tasks), paint, columns=panel_columns(len(tasks)), height=3.2)
    return Drawing("noise", "UAR over signal-to-noise ratio; bands are 95 % over speakers and seeds", alternative, svg)


def _number(one: UnderNoise, section: str, condition: str, figure: str, value: Spread) -> Number:
    low, high = value.interval() or (None, None)
    row = one.judgement.row
    return Number(
        section=section,
        row=row.name,
        task=one.judgement.task,
        split=row.split,
        condition=condition,
        figure=figure,
        value=value.whole,
        deviation=value.deviation,
        low=low,
        high=high,
        seeds=row.seeds,
        clips=one.clips,
        data_sha256=one.judgement.data_sha256,
    )
