"""An evaluation on streams as records for ``docs/results.json``."""

from exclaim.evaluate.bootstrap import Interval
from exclaim.evaluate.records import identifier
from exclaim.evaluate.results import Record
from exclaim.evaluate.stream.evaluate import StreamEvaluation

__all__ = ["stream_records"]


def stream_records(found: StreamEvaluation, *, command: str, tree: str, date: str) -> list[Record]:
    """Return a record for each figure that the recordings could tell.

    Args:
        found: the evaluation.
        command: that measures it again.
        tree: hash of the sources (:func:`~exclaim.evaluate.results.source_tree`).
        date: UTC, ISO 8601.
    """
    figures = found.figures
    prefix = f"stream.{identifier(found.model)}.{identifier(found.data)}"
    events = f"{figures.events} events" + ("" if figures.sources is None else f" of {figures.sources} sources")
    data = f"{found.data}: {figures.hours:.2f} h, {events}, {sum(figures.others.values())} other sounds"

    def record(name: str, metric: str, value: float | None, unit: str = "", interval: Interval | None = None) -> Record:
        return Record(
            id=f"{prefix}.{name}",
            metric=f"{metric} of {found.model} {found.model_version}",
            value=None if value is None else round(value, 6),
            unit=unit,
            interval=None if interval is None else (round(interval[0], 6), round(interval[1], 6)),
            protocol=found.protocol,
            data=data,
            data_sha256=found.data_sha256,
            command=command,
            source_tree=tree,
            date=date,
        )

    card, asked = figures.at_card, figures.at_recall
    records = [
        record(
            "false-alarms",
            f"false alarms an hour at the card's threshold ({card.threshold:.3g})",
            card.false_alarms_per_hour,
            "an hour",
            card.false_alarms_interval,
        ),
        record("recall", "recall at the card's threshold", card.recall, "", figures.recall_interval),
        record("delay-median", "delay from onset to alarm, median,", card.delay_median, "s"),
        record("delay-90", "delay from onset to alarm, 90 % of the events found,", card.delay_90, "s"),
    ]
    if asked is not None:
        at = f"{figures.wanted_recall:.0%} recall (threshold {asked.threshold:.3g})"
        records.append(
            record(
                "false-alarms-at-recall",
                f"false alarms an hour at {at}",
                asked.false_alarms_per_hour,
                "an hour",
                asked.false_alarms_interval,
            )
        )
    records += [
        record(
            f"false-alarms.{identifier(count.label)}",
            f"false alarms an hour that {found.type_model} takes for {count.label}, at the card's threshold,",
            count.false_alarms_per_hour,
            "an hour",
            count.false_alarms_interval,
        )
        for count in figures.types
    ]
    records += [record(f"f1.{identifier(name)}", f"F1 by {name},", c.f1) for name, c in figures.matchings.items()]
    return [r for r in records if r.value is not None]
