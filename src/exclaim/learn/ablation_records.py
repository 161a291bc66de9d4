"""An ablation as records for ``docs/results.json``."""

from collections.abc import Sequence

from exclaim.evaluate.paired import Spread
from exclaim.evaluate.results import Record
from exclaim.learn.ablation import Ablation, Compared

__all__ = ["ablation_records"]

_WORDS = {"uar": "UAR", "auroc": "AUROC"}


def ablation_records(
    ablation: Ablation, compared: Sequence[Compared], *, command: str, tree: str, date: str
) -> list[Record]:
    """Return records for each arm, task and figure: the mean over seeds, and the difference to the reference.

    Of arms on condensed sets also what they keep of the whole corpus, and DD-Ranking's scores.
    """
    records = []
    for found in compared:
        arm = ablation.arms[found.arm]
        records += _kept_records(ablation, found, command=command, source_tree=tree, date=date)
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
            named = f"{word} of {found.task}, {ablation.name}, arm {found.arm}"
            records.append(
                Record(
                    id=prefix,
                    metric=f"{named} ({arm.factor}: {arm.says})",
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
                        metric=f"{named} less arm {ablation.reference}",
                        value=difference.difference,
                        interval=difference.interval,
                        protocol=f"{seeds} against {difference.second_seeds}, paired by clip; 95 % intervals over "
                        "speakers and seeds",
                        **shared,
                    )
                )
    return records


def _kept_records(ablation: Ablation, found: Compared, **how: str) -> list[Record]:
    if found.kept is None or ablation.whole is None:
        return []
    prefix, kept = f"ablation.{ablation.name}.{found.task}", found.kept
    recipe = ablation.whole.recipe.rpartition("/")[2].removesuffix(".yaml")
    seeds = f"{len(found.seeds)} seeds against {kept.seeds} of the whole corpus"
    drawn = "95 % intervals over speakers and seeds"

    def record(name: str, metric: str, spread: Spread, protocol: str, unit: str = "") -> Record:
        return Record(
            id=f"{prefix}.{name}",
            metric=metric,
            value=round(spread.whole, 6),
            unit=unit,
            interval=spread.interval(),
            protocol=f"{protocol}; {drawn}",
            data=f"{found.clips} test clips of {found.speakers} speakers",
            data_sha256=found.data_sha256,
            **how,
        )

    records = []
    if found.arm == ablation.reference:
        protocol = f"mean over {kept.seeds} seeds of {recipe}" if kept.seeds > 1 else f"1 seed of {recipe}"
        records.append(
            record("whole.uar", f"UAR of {found.task}, trained on the whole corpus ({recipe})", kept.whole, protocol)
        )
    records.append(
        record(
            f"{found.arm}.kept",
            f"UAR of {found.task}, {ablation.name}, arm {found.arm} / trained on the whole corpus ({recipe})",
            kept.ratio,
            f"{seeds}, paired by clip",
        )
    )
    named = ((kept.label_robust, "label"), (kept.augmentation_robust, "augmentation"))
    return records + [
        record(
            f"{found.arm}.{word}-robust",
            f"{word}-robust score of DD-Ranking (arXiv 2505.13300), arm {found.arm}, of UAR",
            score,
            f"{kept.ranked} seeds at least, weight 0.5; 26.9 % is a random subset as good as the whole corpus",
            "%",
        )
        for score, word in named
        if score is not None
    ]
