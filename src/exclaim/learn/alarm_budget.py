"""A detection's threshold from a budget of false alarms, counted on soundscapes of the validation part."""

import tempfile
from pathlib import Path

import numpy as np

from exclaim.episodes import EpisodeOptions
from exclaim.evaluate.stream.detector import Heard, sweep
from exclaim.evaluate.stream.render import write_soundscapes
from exclaim.evaluate.stream.soundscape import SoundscapeOptions
from exclaim.evaluate.stream.sources import find_sources
from exclaim.evaluate.stream.track import hear
from exclaim.learn.calibrate import threshold_for_false_alarms
from exclaim.learn.recipe import AlarmBudget
from exclaim.listen import Analysis
from exclaim.model import Model

__all__ = ["budget_thresholds"]

_LONGEST = 1800.0  # seconds of a soundscape
_SEED = 7_919  # the same sound for every model


def budget_thresholds(model: Model, budget: AlarmBudget, root: Path, split: Path) -> tuple[float, float]:
    """Return the lowest thresholds (on, off) that keep the budget on sound without screams.

    Args:
        model: with one head that detects; its thresholds say how off follows on.
        budget: false alarms an hour, and how many hours are listened to.
        root: folder of the corpora.
        split: the run's ``split.json``.

    Raises:
        RecipeError: when no threshold keeps the budget.
        CorpusError: when a corpus is not there.
    """
    analysis = Analysis([model])
    count = max(1, round(budget.hours * 3600 / _LONGEST))
    calm = SoundscapeOptions(seconds=min(_LONGEST, budget.hours * 3600), screams_per_hour=0)
    with tempfile.TemporaryDirectory() as folder:
        sources = find_sources(root, split, "validation", "emogator")
        write_soundscapes(Path(folder) / "calm", sources, calm, count=count, seed=_SEED, command="")
        recordings = sorted((Path(folder) / "calm").glob("*.flac"))
        heard = [Heard(path.name, hear(path, analysis), ()) for path in recordings]
    curve = sweep(analysis.rules.detection, heard, EpisodeOptions())
    hours = sum(recording.track.seconds for recording in heard) / 3600
    return threshold_for_false_alarms(
        np.array([point.threshold for point in curve]),
        np.array([point.false_alarms for point in curve]),
        hours,
        budget.false_alarms_per_hour,
    )
