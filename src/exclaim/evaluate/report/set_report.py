"""From condensed sets to a report: cards, attacks, every item to look at and some to listen to."""

from collections.abc import Sequence

from exclaim.errors import ConfigError
from exclaim.evaluate.report.report import Report, Stage
from exclaim.evaluate.report.set_card import card_section, glance_section
from exclaim.evaluate.report.set_curves import learning_section
from exclaim.evaluate.report.set_privacy import privacy_section
from exclaim.evaluate.report.set_sheet import items_section, means_section, shown
from exclaim.evaluate.report.sets import ReadSet
from exclaim.inversion import check_installed

__all__ = ["ITEMS", "make_set_report"]

ITEMS = 10  # of a label, unless more are asked for


def make_set_report(sets: Sequence[ReadSet], *, items: int = ITEMS, stage: Stage) -> Report:
    """Return the report of condensed sets.

    Args:
        sets: that stand side by side.
        items: of each label that are shown; 0: all, as far as a page goes.
        stage: told of progress.

    Raises:
        ConfigError: when there are more labels than pictures on a page.
    """
    try:
        check_installed()
        silent = ""
    except ConfigError as error:
        silent = f"Nothing can be heard here: {error}."
    limit = shown(sets, items, sounds=not silent)
    parts = [items_section(found, limit, i, stage(f"{found.name}: sounds")) for i, found in enumerate(sets, 1)]
    if silent:
        parts = [part._replace(notes=(*part.notes, silent)) for part in parts]
    sections = (
        glance_section(sets),
        card_section(sets),
        privacy_section(sets),
        *parts,
        means_section(sets),
        learning_section(sets),
    )
    tasks = ", ".join(dict.fromkeys(found.card.task for found in sets))
    names = ", ".join(found.name for found in sets)
    title = f"Condensed set {names}" if len(sets) == 1 else "Condensed sets"
    subtitle = f"{sets[0].card.items:,} windows for {tasks}" if len(sets) == 1 else f"{names}: {tasks}"
    return Report(title, subtitle, tuple(section for section in sections if section))
