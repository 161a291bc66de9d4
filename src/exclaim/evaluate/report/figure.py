"""Drawings as SVG: text stays text, colours follow the page's, and the same numbers give the same bytes."""

import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["DASHES", "GRID", "INK", "SERIES", "SOFT", "draw", "finish_axes", "legend_below", "panel_columns"]

# Each colour of a drawing is one of the page's: alone, the file shows these; inside the page, what the page has for it.
INK, SOFT, GRID = "#1a2129", "#5b6875", "#d9dee3"
SERIES = ("#0b66c3", "#c4501b", "#12805c", "#8e3fb0", "#a87400", "#c12f63", "#4a5a68", "#2a9aa8", "#6b7d12", "#7a4a2b")
DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)))
_NAMES = {INK: "ink", SOFT: "soft", GRID: "grid"} | {colour: f"series-{i}" for i, colour in enumerate(SERIES)}
_FONT = "system-ui, sans-serif"
_LINES = "stroke-linejoin: round; stroke-linecap: butt"
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "exclaim",
    "font.family": "sans-serif",
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": SOFT,
    "axes.edgecolor": GRID,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": SOFT,
    "ytick.labelcolor": SOFT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.7,
    "path.simplify": False,
}


def draw(
    name: str,
    alternative: str,
    panels: int,
    paint: Callable[["Figure", Sequence["Axes"]], None],
    *,
    width: float = 9.0,
    height: float = 3.4,
    columns: int | None = None,
) -> str:
    """Return a drawing as an SVG element.

    Args:
        name: unique on the page; ids inside begin with it.
        alternative: what it shows, in words.
        panels: how many sets of axes there are.
        paint: draws on the figure and its axes.
        width: of all, in inches.
        height: of a row of panels, in inches.
        columns: panels beside each other; None: all of them.
    """
    import matplotlib
    from matplotlib.figure import Figure

    columns = min(panels, columns or panels)
    lines = -(-panels // columns)
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, "backend": "agg", **_STYLE}):
        figure = Figure(figsize=(width, height * lines), layout="constrained")
        axes = figure.subplots(lines, columns, squeeze=False).ravel()
        for unused in axes[panels:]:
            unused.set_axis_off()
        paint(figure, axes[:panels])
        text = io.StringIO()
        nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(text, format="svg", transparent=True, metadata=nothing)
    return _cleaned(text.getvalue(), name, alternative)


def finish_axes(axes: "Axes", title: str = "", x: str = "", y: str = "") -> None:
    """Give axes their words."""
    axes.set_title(title, color=INK)
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def legend_below(figure: "Figure", panels: Sequence["Axes"]) -> None:
    """Put one legend under all panels, each name once."""
    named = {}
    for axes in panels:
        handles, labels = axes.get_legend_handles_labels()
        for handle, label in zip(handles, labels, strict=True):
            named.setdefault(label, handle)
    figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=min(len(named), 4))


def panel_columns(panels: int) -> int:
    """Return how many of so many panels stand beside each other, so that no row is nearly empty."""
    return 3 if panels % 3 == 0 else 2


def _cleaned(svg: str, name: str, alternative: str) -> str:
    """Return what matplotlib wrote as an element for a page: no prologue, ids of its own, the page's colours."""
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<defs>\s*<style.*?</style>\s*</defs>\s*", "", svg, flags=re.DOTALL)  # it would style the page too
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', svg))
    svg = re.sub(r' id="([^"]+)"', lambda found: found[0] if found[1] in used else "", svg)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    for colour, role in _NAMES.items():
        svg = svg.replace(colour, f"var(--{role}, {colour})")
    svg = re.sub(r"font-family: [^;\"]*", f"font-family: {_FONT}", svg)
    svg = re.sub(r"(font: [^;\"]*?px) [^;\"]*", rf"\g<1> {_FONT}", svg)
    words = alternative.replace("&", "&amp;").replace("<", "&lt;")
    head, rest = svg.split(">", 1)
    width, height = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', head).groups()
    head = head.replace(f'width="{width}pt" height="{height}pt"', f'style="{_LINES}; {_size(float(width))}"')
    return f'{head} role="img" aria-labelledby="{name}-words"><title id="{name}-words">{words}</title>{rest}'


def _size(points: float) -> str:
    """Return the style that makes a drawing as wide as there is room, never wider than drawn."""
    return f"width: 100%; max-width: {points * 4 / 3:.0f}px; height: auto"
