"""The curves of a run's attacks on logarithmic axes, where few false positives are what counts."""

from collections.abc import Mapping

from exclaim.evaluate.report.curves import colour_of
from exclaim.evaluate.report.figure import SOFT, draw, finish_axes, legend_below
from exclaim.privacy.recipe import Target
from exclaim.privacy.roc import Roc

__all__ = ["NAMES", "draw_curves"]

NAMES: dict[Target, str] = {
    "full": "whole half",
    "subset": "random subset",
    "noise": "set from noise",
    "real": "set from real clips",
}
_LEAST = 1e-3  # share of false or true positives that is drawn


def draw_curves(name: str, curves: Mapping[tuple[Target, str], Roc]) -> str:
    """Return an SVG of a panel for each attack and a line for each target; on the dotted line an attack only guesses.

    Raises:
        ModuleNotFoundError: when matplotlib is not installed.
    """
    attacks = list(dict.fromkeys(attack for _, attack in curves))
    targets = list(dict.fromkeys(target for target, _ in curves))

    def paint(figure, panels) -> None:
        for axes, attack in zip(panels, attacks, strict=True):
            axes.plot([_LEAST, 1], [_LEAST, 1], color=SOFT, linewidth=0.9, linestyle=":")
            for (target, other), curve in curves.items():
                if other == attack:
                    style = colour_of(targets.index(target))
                    axes.plot(curve.false_positives, curve.true_positives, label=NAMES[target], **style)
            axes.set(xscale="log", yscale="log", xlim=(_LEAST, 1), ylim=(_LEAST, 1))
            finish_axes(axes, attack, "false positives", "true positives")
        legend_below(figure, panels)

    alternative = f"True over false positives of {', '.join(attacks)}, a line for each target, on logarithmic axes."
    columns = min(len(attacks), 3)
    return draw(f"{name}-roc", alternative, len(attacks), paint, width=3.6 * columns, columns=columns)
