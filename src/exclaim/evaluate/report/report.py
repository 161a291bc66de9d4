"""From run folders to a report: heard once, judged, put in order."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from exclaim.errors import ExclaimError, RecipeError
from exclaim.evaluate.report.answered import Answered, Progress, answered
from exclaim.evaluate.report.clean import clean_section
from exclaim.evaluate.report.comparison import comparison_section
from exclaim.evaluate.report.confusion import confusion_section
from exclaim.evaluate.report.curves import calibration_section, coverage_section, training_section
from exclaim.evaluate.report.detection import STREAM_FILES, detection_section, read_streamed
from exclaim.evaluate.report.gate import gate_section
from exclaim.evaluate.report.glance import glance_section
from exclaim.evaluate.report.latency import Timing, latency_section, time_rows
from exclaim.evaluate.report.noise import noise_sections
from exclaim.evaluate.report.noisy import Noisy, held_out_noise, noisy, open_banks
from exclaim.evaluate.report.projection import pairs_to_project, project, projection_section
from exclaim.evaluate.report.provenance import run_line
from exclaim.evaluate.report.rows import Judgement, Row, judgements, rows, twins
from exclaim.evaluate.report.runs import RunFolder, Skipped, find_runs
from exclaim.evaluate.report.section import Section
from exclaim.evaluate.report.size import size_section
from exclaim.evaluate.report.teaching import teaching_section
from exclaim.evaluate.report.under_noise import under_noise

__all__ = ["Report", "ReportOptions", "Stage", "make_report"]

_LOG = logging.getLogger(__name__)

Stage = Callable[[str], Progress]  # given a stage's name, returns what is told of its progress


class ReportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What is measured for a report."""

    data: Path  # the corpora
    noise: str | None = "noise"  # a corpus or a folder of noise for tables II and III; None: they are left out
    snrs_db: tuple[float, ...] = (0.0, 10.0)  # signal-to-noise ratios
    repeats: int = 50  # runs of each model for figure 9; 0: it is left out
    draws: int = 1000  # of the intervals
    streams: tuple[Path, ...] = ()  # what `evaluate --stream --json` printed, besides stream*.json in the run folders


class Report(NamedTuple):
    """What a page shows."""

    title: str
    subtitle: str
    sections: tuple[Section, ...]
    skipped: tuple[Skipped, ...] = ()


def _quietly(name: str) -> Progress:
    return lambda done, whole: None


def make_report(paths: Sequence[Path], options: ReportOptions, stage: Stage = _quietly) -> Report:
    """Return the report of runs.

    Args:
        paths: run folders, or folders of run folders.
        options: what is measured.
        stage: told of progress.

    Raises:
        RecipeError: when there is no finished run, or none whose model and test clips can be read.
    """
    runs, skipped = find_runs(paths)
    answers, unheard = _heard(runs, options, stage)
    skipped += unheard
    runs = tuple(run for run in runs if run.sha256 in answers)
    if not runs:
        told = "; ".join(f"{name}: {reason}" for name, reason in skipped)
        raise RecipeError(f"none of the runs can be reported: {told}")
    found_rows = rows(runs, answers)
    pairs = twins(found_rows)
    tell = stage("intervals")
    judged = judgements(found_rows, answers, draws=options.draws)
    tell(1, 1)
    timing = _timed(found_rows, options, stage)
    sections = [
        glance_section(judged, pairs),
        clean_section(judged, pairs),
        comparison_section(judged, timing),
        teaching_section(judged),
        *_noise(runs, judged, answers, options, stage),
        size_section(found_rows),
        _projection(judged, answers, stage),
        timing and latency_section(found_rows, timing),
        confusion_section(judged),
        coverage_section(judged),
        calibration_section(judged),
        detection_section(read_streamed([*_streams(runs), *options.streams])),
        gate_section(runs),
        training_section(found_rows),
        _runs_section(found_rows, skipped),
    ]
    tasks = ", ".join(dict.fromkeys(one.task for one in judged))
    subtitle = f"{len(runs)} {'run' if len(runs) == 1 else 'runs'} of {len(found_rows)} recipes: {tasks}"
    return Report("Report of runs", subtitle, tuple(section for section in sections if section), skipped)


def _heard(
    runs: Sequence[RunFolder], options: ReportOptions, stage: Stage
) -> tuple[dict[str, Answered], tuple[Skipped, ...]]:
    """Return the answers of each run that can be heard, by its model's hash, and the others with the reason."""
    answers: dict[str, Answered] = {}
    skipped = []
    for run in runs:
        try:
            answers[run.sha256] = answered(run, options.data, stage(f"{run.recipe.name}: test clips"))
        except ExclaimError as error:
            skipped.append(Skipped(run.folder.name, str(error)))
    return answers, tuple(skipped)


def _noise(
    runs: Sequence[RunFolder],
    judged: Sequence[Judgement],
    answers: dict[str, Answered],
    options: ReportOptions,
    stage: Stage,
) -> tuple[Section | None, ...]:
    """Return tables II and III; a run that cannot be heard under noise is not in them, and why is said."""
    if options.noise is None:
        return ()
    found: dict[str, Noisy] = {}
    notes: dict[str, None] = {}
    with open_banks() as bank:
        for run in runs:
            try:
                noise = held_out_noise(run, options.noise, options.data)
                tell = stage(f"{run.recipe.name}: under noise")
                found[run.sha256] = noisy(run, answers[run.sha256], bank(noise), options.snrs_db, tell)
                notes |= dict.fromkeys(found[run.sha256].notes)
            except ExclaimError as error:
                notes[f"{run.recipe.name} is not in tables II and III: {error}"] = None
    heard = [under_noise(one, answers, found, draws=options.draws) for one in judged]
    sections = noise_sections([one for one in heard if one is not None], tuple(notes))
    if not sections and notes:
        return (Section(id="table-2", title="Tables II and III: noise", lead="Not measured.", notes=tuple(notes)),)
    return sections


def _projection(judged: Sequence[Judgement], answers: dict[str, Answered], stage: Stage) -> Section | None:
    found = {pair.task: project(pair, answers, stage(f"figure 7: {pair.task}")) for pair in pairs_to_project(judged)}
    return projection_section(found)


def _timed(found: Sequence[Row], options: ReportOptions, stage: Stage) -> Timing | None:
    if not options.repeats:
        return None
    tell = stage("models in turn: time and memory")
    tell(0, 1)
    try:
        return time_rows(found, options.repeats)
    except ExclaimError as error:
        _LOG.warning("times are left out: %s", error)
        return None
    finally:
        tell(1, 1)


def _streams(runs: Sequence[RunFolder]) -> list[Path]:
    return [path for run in runs for path in sorted(run.folder.glob(STREAM_FILES))]


def _runs_section(found: Sequence[Row], skipped: Sequence[Skipped]) -> Section:
    return Section(
        id="runs",
        title="The runs",
        lead="What is reported here, and what is not.",
        notes=tuple(f"{name} is not in this report: it {_sentence(reason)}" for name, reason in skipped),
        how=tuple(run_line(row) for row in found),
    )


def _sentence(reason: str) -> str:
    return reason if reason.startswith(("is ", "holds ")) else f"cannot be read: {reason}"
