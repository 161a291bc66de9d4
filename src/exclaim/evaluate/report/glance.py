"""What there is to know before reading on: every model's UAR beside the others', and the best in a sentence."""

from collections.abc import Mapping, Sequence

from exclaim.evaluate.report.clean import gap_note, order_of_tasks
from exclaim.evaluate.report.figure import GRID, INK, SERIES, SOFT, draw, finish_axes
from exclaim.evaluate.report.rows import Judgement, Row
from exclaim.evaluate.report.section import Drawing, Section, share

__all__ = ["glance_section"]


def glance_section(found: Sequence[Judgement], twins: Mapping[str, Row]) -> Section:
    """Return the overview."""
    tasks = order_of_tasks(found)
    drawings = tuple(_forest(task, [one for one in found if one.task == task]) for task in tasks)
    sentences = [sentence for task in tasks if (sentence := _best(task, found))]
    gap = gap_note(found, twins)
    return Section(
        id="glance",
        title="At a glance",
        lead=(
            "UAR on test clips with 95 % intervals; small strokes are seeds. Filled: speaker-independent. Hollow: a "
            "random split, which knows the test voices from training. Dotted: what guessing gives."
        ),
        drawings=drawings,
        notes=tuple([*sentences, *([gap] if gap else [])]),
    )


def _best(task: str, found: Sequence[Judgement]) -> str | None:
    of_task = [one for one in found if one.task == task and one.row.split == "speaker"]
    if not of_task:
        return None
    best = max(of_task, key=lambda one: one.figures["uar"].whole)
    interval = best.figures["uar"].interval()
    between = f" ({share(interval[0])} to {share(interval[1])})" if interval else ""
    return f"{task}: {best.row.name} has the highest UAR, {share(best.figures['uar'].whole)}{between}."


def _forest(task: str, found: Sequence[Judgement]) -> Drawing:
    def paint(_, panels) -> None:
        axes = panels[0]
        chance = 1 / len(found[0].labels)
        axes.axvline(chance, color=SOFT, linewidth=0.9, linestyle=":")
        for place, one in enumerate(found):
            uar = one.figures["uar"]
            known = one.row.split == "random"
            if (interval := uar.interval()) is not None:
                axes.plot(interval, (place, place), color=SOFT if known else SERIES[0], linewidth=2.2, alpha=0.55)
            for value in uar.of_seeds if len(uar.of_seeds) > 1 else ():
                axes.plot(value, place, "|", color=SOFT, markersize=7, markeredgewidth=1)
            face = "none" if known else SERIES[0]
            axes.plot(uar.whole, place, "o", markersize=7, color=SOFT if known else SERIES[0], markerfacecolor=face)
            axes.annotate(share(uar.whole), (1.01, place), xycoords=("axes fraction", "data"), va="center", color=INK)
        axes.set_yticks(range(len(found)), [one.row.name for one in found], color=INK)
        axes.set_ylim(len(found) - 0.4, -0.6)
        axes.grid(visible=True, axis="x", color=GRID)
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        finish_axes(axes, task, "UAR")

    name = f"glance-{task}"
    told = "; ".join(f"{one.row.name} {share(one.figures['uar'].whole)}" for one in found)
    alternative = f"UAR at {task}: {told}."
    svg = draw(name, alternative, 1, paint, width=7.6, height=1.0 + 0.34 * len(found))
    return Drawing(name, "", alternative, svg)
