"""An ablation as records for ``docs/results.json``."""

from collections.abc import Sequence

from exclaim.evaluate.results import Record
from exclaim.learn.ablation import Ablation, Compared

__all__ = ["ablation_records"]

_WORDS = {"uar": "UAR", "auroc": "AUROC"}


def ablation_records(
    ablation: Ablation, compared: Sequence[Compared], *, command: str, tree: str, date: str
) -> list[Record]:
    """Return records for each arm, task and figure: the mean over seeds, and the difference to the reference."""
    records = []
    for found in compared:
        arm = ablation.arms[found.arm]
        for figure, word in _WORDS.items():
            seeds = f"{len(found.seeds)} seeds" if len(found.seeds) > 1 else "1 seed"
            spread = found.alone[figure]
            scatter = f", standard deviation {spread.deviation:.4f}" if spread.deviation is not None else ""
            shared = {
                "data": f"{found.clips} test clips of {found.speakers} speakers",
                "data_sha256": found.data_sha256,
                "command": command,
                "source_tree": tree,
                "date": date,
            }
            prefix = f"ablation.{ablation.name}.{found.task}.{found.arm}.{figure}"
            records.append(
                Record(
                    id=prefix,
                    metric=f"{word} of {found.task}, arm {found.arm} ({arm.factor}: {arm.says})",
                    value=round(spread.whole, 6),
                    interval=spread.interval(),
                    protocol=f"mean over {seeds}{scatter}; 95 % intervals over speakers and seeds",
                    **shared,
                )
            )
            difference = found.difference and found.difference[figure]
            if difference:
                records.append(
                    Record(
                        id=f"{prefix}.difference",
                        metric=f"{word} of {found.task}, arm {found.arm} less arm {ablation.reference}",
                        value=difference.difference,
                        interval=difference.interval,
                        protocol=f"{seeds} against {difference.second_seeds}, paired by clip; 95 % intervals over "
                        "speakers and seeds",
                        **shared,
                    )
                )
    return records
