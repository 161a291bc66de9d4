"""Two models clip by clip, as a page: what the difference is, how sure it is, and which clips turned."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exclaim.errors import CorpusError, RecipeError
from exclaim.evaluate.answers import ClipAnswer, data_hash, read_answers
from exclaim.evaluate.figures import Judged, judged
from exclaim.evaluate.paired import Difference, agreement, flips, mcnemar, paired_difference
from exclaim.evaluate.report.answered import answered, in_one_order
from exclaim.evaluate.report.pair_tables import PAIR_FIGURES, difference_drawing, figure_table, flip_table, recall_table
from exclaim.evaluate.report.report import Report, Stage
from exclaim.evaluate.report.runs import find_runs, is_run_folder
from exclaim.evaluate.report.section import Number, Section, short_hash, signed

__all__ = ["Side", "is_pairable", "make_pair", "same_clips"]

_EXAMPLES = 3


class Side(NamedTuple):
    """One of the two models."""

    name: str
    answers: dict[str, tuple[ClipAnswer, ...]]  # by task


def is_pairable(path: Path) -> bool:
    """Tell whether a path is one model's answers: a run folder, or a CSV."""
    return is_run_folder(path) or (Path(path).is_file() and Path(path).suffix.lower() == ".csv")


def _read(path: Path, root: Path, stage: Stage) -> Side:
    if is_run_folder(path):
        found = find_runs([path])
        run = found.runs[0]
        return Side(run.recipe.name, answered(run, root, stage(f"{run.recipe.name}: test clips")).answers)
    if not Path(path).is_file():
        raise RecipeError(
            f"{path}: is neither a run folder nor a file; expected what `exclaim train` or `exclaim "
            "evaluate --answers` wrote"
        )
    answers = read_answers(path)
    return Side(Path(path).stem, {answers[0].task: in_one_order(answers)})


def make_pair(paths: Sequence[Path], root: Path, *, draws: int = 1000, stage: Stage) -> Report:
    """Return the comparison of two models on the same clips, task by task.

    Args:
        paths: two run folders or files of answers.
        root: of the corpora.
        draws: of the intervals.
        stage: told of progress.

    Raises:
        RecipeError: when there are not two, or they are not what was expected.
        CorpusError: when they have no task in common, or answered other clips.
    """
    if len(paths) != 2:
        raise RecipeError(f"{len(paths)} to pair; expected two runs, or two files of answers")
    first, second = (_read(Path(path), root, stage) for path in paths)
    if first.name == second.name:
        first, second = first._replace(name=f"{first.name} (first)"), second._replace(name=f"{second.name} (second)")
    tasks = [task for task in first.answers if task in second.answers]
    if not tasks:
        raise CorpusError(
            f"{first.name} answers {', '.join(first.answers)} and {second.name} {', '.join(second.answers)}: "
            "they have no task in common"
        )
    sections, refused = [], []
    for task in tasks:
        try:
            same_clips(first.name, first.answers[task], second.name, second.answers[task])
        except CorpusError as error:
            refused.append(error)
            continue
        sections.append(_section(task, first, second, draws))
    if not sections:
        raise refused[0]
    overview = Section(
        id="glance",
        title="At a glance",
        lead=f"Differences are {first.name} less {second.name}.",
        notes=tuple([*(_sentence(first, second, section) for section in sections), *map(str, refused)]),
    )
    title = f"{first.name} and {second.name}"
    return Report(title, "two models on the same clips, clip by clip", (overview, *sections))


def same_clips(first_name: str, first: Sequence[ClipAnswer], second_name: str, second: Sequence[ClipAnswer]) -> None:
    """Refuse answers to other clips, or to other questions.

    Raises:
        CorpusError: that says how many clips only one has, how many have another label, and a few of them.
    """
    if set(first[0].probabilities) != set(second[0].probabilities):
        raise CorpusError(
            f"{first_name} knows the labels {', '.join(first[0].probabilities)}, {second_name} "
            f"{', '.join(second[0].probabilities)}: their answers are not to one question"
        )
    if data_hash(first) == data_hash(second):
        return
    here, there = {a.sha256: a for a in first}, {a.sha256: a for a in second}
    only_here = [here[key].path for key in here if key not in there]
    only_there = [there[key].path for key in there if key not in here]
    relabelled = [here[key].path for key in here if key in there and here[key].label != there[key].label]
    told = [
        f"{len(paths)} {what} ({', '.join(sorted(paths)[:_EXAMPLES])}{' ...' * (len(paths) > _EXAMPLES)})"
        for paths, what in (
            (only_here, f"only {first_name} heard"),
            (only_there, f"only {second_name} heard"),
            (relabelled, "have another label"),
        )
        if paths
    ]
    raise CorpusError(
        f"{first_name} and {second_name} answered other clips of {first[0].task}: "
        f"{'; '.join(told) or 'some come more often in one than in the other'}; pair models with the same test part"
    )


def _aligned(first: Side, second: Side, task: str) -> tuple[Judged, Judged, tuple[ClipAnswer, ...]]:
    """Return both sides' answers in one order of clips and of labels."""
    order = list(first.answers[task][0].probabilities)
    one, other = (sorted(side.answers[task], key=lambda a: (a.sha256, a.label, a.path)) for side in (first, second))
    own, theirs = judged(one), judged(other)
    if list(theirs.labels) != order:
        places = [theirs.labels.index(label) for label in order]
        numbers = np.argsort(places)
        theirs = theirs._replace(
            labels=tuple(order),
            truth=numbers[theirs.truth],
            answers=numbers[theirs.answers],
            probabilities=theirs.probabilities[:, places],
        )
    return own, theirs, tuple(one)


def _section(task: str, first: Side, second: Side, draws: int) -> Section:
    own, theirs, clips = _aligned(first, second, task)
    found = paired_difference(
        own.truth,
        own.probabilities,
        theirs.probabilities,
        own.clusters,
        first_answers=own.answers,
        second_answers=theirs.answers,
        draws=draws,
        figures=tuple(PAIR_FIGURES),
    )
    right, other_right = own.answers == own.truth, theirs.answers == theirs.truth
    test = mcnemar(right, other_right)
    alike = agreement(own.probabilities, theirs.probabilities, own.answers, theirs.answers)
    gained, lost = flips(own.truth, own.answers, own.probabilities, theirs.answers, theirs.probabilities)
    names = (first.name, second.name)
    people = len({clip.speaker for clip in clips} - {None})
    both = int((right & other_right).sum())
    notes = (
        f"Both right: {both:,}; {first.name} alone: {test.only_first:,}; {second.name} alone: {test.only_second:,}; "
        f"both wrong: {len(clips) - both - test.only_first - test.only_second:,}. McNemar's exact p is {test.p:.3g}, "
        "as if every clip were another speaker's; the intervals know better.",
        f"They answer alike on {alike.share:.1%} of the clips"
        + (f" (Cohen's kappa {alike.kappa:.3f})" if alike.kappa is not None else "")
        + f"; Kullback-Leibler divergence of the second's probabilities from the first's: {alike.kl:.3f} nats.",
    )
    data = data_hash(clips)
    numbers = [*_numbers(task, names, found, len(clips), data)]
    told = {"p of McNemar": test.p, "only the first right": test.only_first, "only the second right": test.only_second}
    told |= {"agreement": alike.share, "kappa": alike.kappa, "KL divergence": alike.kl}
    numbers += [
        Number(
            section=task,
            row=" and ".join(names),
            task=task,
            figure=figure,
            value=value,
            clips=len(clips),
            data_sha256=data,
        )
        for figure, value in told.items()
    ]
    return Section(
        id=f"pair-{task}",
        title=task,
        lead=f"{len(clips):,} clips{f' of {people} speakers' if people else ''}, each heard by both.",
        tables=(
            figure_table(task, names, found),
            recall_table(task, names, own, theirs),
            flip_table(task, names, own, theirs, clips, gained, lost),
        ),
        drawings=(difference_drawing(task, names, found),),
        notes=notes,
        how=(
            f"data {short_hash(data)}; 95 % percentile intervals from {draws} draws of speakers, the same for both "
            "models; ECE of the most probable label over 15 bins; sureness of a flip is the lower of both models' "
            "probabilities for what they answered",
        ),
        numbers=tuple(numbers),
    )


def _sentence(first: Side, second: Side, section: Section) -> str:
    number = next(n for n in section.numbers if n.figure == "difference of uar")
    if number.low is None or number.high is None:
        return f"{number.task}: UAR differs by {signed(number.value)}; one speaker tells nothing of others."
    between = f"{signed(number.value)} ({signed(number.low)} to {signed(number.high)})"
    if number.low > 0 or number.high < 0:
        better = first.name if number.low > 0 else second.name
        return f"{number.task}: {better} is better; UAR differs by {between}."
    return f"{number.task}: these clips cannot tell them apart; UAR differs by {between}."


def _numbers(task: str, names: tuple[str, str], found: dict[str, Difference], clips: int, data: str) -> list[Number]:
    numbers = []
    for figure, one in found.items():
        shared = {"section": f"pair-{task}", "task": task, "clips": clips, "data_sha256": data}
        low, high = one.interval or (None, None)
        numbers += [
            Number(**shared, row=names[0], figure=figure, value=one.first),
            Number(**shared, row=names[1], figure=figure, value=one.second),
            Number(
                **shared,
                row=f"{names[0]} less {names[1]}",
                figure=f"difference of {figure}",
                value=one.difference,
                low=low,
                high=high,
            ),
        ]
    return numbers
