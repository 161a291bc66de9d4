"""A detector on hours of sound: what it misses over how often it cries wolf, from what `evaluate --stream` measured."""

import logging
from collections.abc import Sequence
from pathlib import Path

import msgspec

from exclaim.evaluate.bootstrap import Interval
from exclaim.evaluate.report.curves import colour_of
from exclaim.evaluate.report.figure import INK, draw, finish_axes
from exclaim.evaluate.report.section import Block, Cell, Column, Drawing, Line, Number, Section, Table, share

__all__ = ["STREAM_FILES", "Streamed", "detection_section", "read_streamed"]

_LOG = logging.getLogger(__name__)
STREAM_FILES = "stream*.json"  # in a run folder
_ID = "detection"
_LEAST_RATE = 0.01  # an hour; the axis is logarithmic and nothing can be shown at zero


class _Point(msgspec.Struct, frozen=True):
    threshold: float
    recall: float | None
    false_alarms_per_hour: float
    false_alarms_interval: Interval
    delay_median: float | None = None


class _Figures(msgspec.Struct, frozen=True):
    hours: float
    events: int
    at_card: _Point
    wanted_recall: float
    at_recall: _Point | None
    curve: tuple[_Point, ...]


class Streamed(msgspec.Struct, frozen=True):
    """What a report shows of an evaluation on recordings; what else the file says is not read."""

    task: str
    model: str
    data: str
    data_sha256: str
    figures: _Figures
    protocol: str = ""
    notes: tuple[str, ...] = ()


def read_streamed(paths: Sequence[Path]) -> tuple[Streamed, ...]:
    """Return evaluations on recordings; a file that is none is left out and logged."""
    found = []
    for path in paths:
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=Streamed))
        except (OSError, msgspec.MsgspecError) as error:
            _LOG.warning("%s is not what `exclaim evaluate --stream --json` prints and is left out: %s", path, error)
    return tuple(found)


def detection_section(found: Sequence[Streamed]) -> Section | None:
    """Return the DET curves; None where there is nothing to show."""
    found = [one for one in found if one.figures.events]
    if not found:
        return None

    def paint(_, panels) -> None:
        axes = panels[0]
        for i, one in enumerate(found):
            points = [point for point in one.figures.curve if point.recall is not None]
            rates = [max(point.false_alarms_per_hour, _LEAST_RATE) for point in points]
            style = colour_of(i)
            axes.step(rates, [1 - point.recall for point in points], where="post", label=one.model, **style)
            card = one.figures.at_card
            if card.recall is not None:
                axes.plot(max(card.false_alarms_per_hour, _LEAST_RATE), 1 - card.recall, "o", color=style["color"])
        axes.set_xscale("log")
        axes.set_ylim(0, 1)
        finish_axes(axes, "", "false alarms an hour", "share of events missed")
        axes.title.set_color(INK)
        axes.legend()

    alternative = "Share of events missed over false alarms an hour, a line for each model; lower left is better."
    svg = draw("det", alternative, 1, paint, width=6.4, height=3.8)
    columns = (
        Column("recall", "share of events found, at the card's threshold"),
        Column("false alarms an hour", "at the card's threshold, with their Poisson interval"),
        Column("median delay, s", "from onset to alarm"),
        Column("false alarms an hour at the recall wanted"),
    )
    lines = [_line(one) for one in found]
    return Section(
        id=_ID,
        title="Hours of sound",
        lead="A detector's two ways to fail. The point on each line is the threshold in the model's card.",
        tables=(Table(_ID, "At the card's threshold, and at a wanted recall", columns, (Block("", tuple(lines)),)),),
        drawings=(Drawing("det", "DET: misses over false alarms", alternative, svg),),
        notes=tuple(dict.fromkeys(note for one in found for note in one.notes)),
        how=tuple(dict.fromkeys(f"{one.data}, data {one.data_sha256[:12]}: {one.protocol}" for one in found)),
        numbers=tuple(number for one in found for number in _numbers(one)),
    )


def _rate(point: _Point | None) -> Cell:
    if point is None:
        return Cell("", "not reached")
    low, high = point.false_alarms_interval
    return Cell(f"{point.false_alarms_per_hour:.2f}", f"{low:.2f} to {high:.2f}")


def _line(one: Streamed) -> Line:
    figures = one.figures
    card = figures.at_card
    wanted = _rate(figures.at_recall)
    cells = (
        Cell(share(card.recall)),
        _rate(card),
        Cell("" if card.delay_median is None else f"{card.delay_median:.2f}"),
        wanted._replace(detail=f"at {figures.wanted_recall:.0%}: {wanted.detail}"),
    )
    return Line(one.model, cells, f"{one.task}; {one.data}; {figures.events} events in {figures.hours:.1f} h")


def _numbers(one: Streamed) -> list[Number]:
    figures = one.figures
    points = {
        "at the card's threshold": figures.at_card,
        f"at a recall of {figures.wanted_recall:.0%}": figures.at_recall,
    }
    found = []
    for condition, point in points.items():
        if point is None:
            continue
        low, high = point.false_alarms_interval
        of_point = {"section": _ID, "row": one.model, "task": one.task, "condition": condition}
        of_point |= {"data": one.data, "data_sha256": one.data_sha256}
        found += [
            Number(**of_point, figure="recall", value=point.recall),
            Number(
                **of_point, figure="false alarms", unit="1/h", value=point.false_alarms_per_hour, low=low, high=high
            ),
            Number(**of_point, figure="median delay", unit="s", value=point.delay_median),
        ]
    return found
