"""The threshold is as high as the budget of false alarms asks, on sound that neither training nor the test hears."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from exclaim.card import Card, Head, Thresholds
from exclaim.errors import CorpusError
from exclaim.learn.alarm_budget import budget_thresholds
from exclaim.learn.examples import load_corpora
from exclaim.learn.export import export
from exclaim.learn.recipe import AlarmBudget, load_recipe
from exclaim.model import Model, load_model, pin_of

RECIPE = Path(__file__).parents[2] / "recipes/scream-detection-1.yaml"


class Loudness(torch.nn.Module):
    """Hears a scream in whatever is loud."""

    def forward(self, log_mel: torch.Tensor) -> dict[str, torch.Tensor]:
        loud = log_mel.flatten(1).mean(dim=1, keepdim=True)
        return {"scream-detection": torch.cat([-2 * loud, 2 * loud], dim=1), "embedding": loud}


@pytest.fixture(scope="module")
def split(small_corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = load_recipe(RECIPE, {"split": {"validation": 0.25, "test": 0.25}})
    corpora = load_corpora(recipe, small_corpora)
    parts = {
        part: {
            "speakers": sorted({e.clip.speaker_key or e.clip.recording_key or "" for e in corpora.bursts[part]}),
            "ambience": sorted({clip.recording_key or "" for clip in corpora.ambience[part]}),
        }
        for part in corpora.bursts
    }
    path = tmp_path_factory.mktemp("split") / "split.json"
    path.write_text(json.dumps(parts))
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("model") / "loudness.onnx"
    head = Head(
        task="scream-detection",
        output="scream-detection",
        labels=("other", "scream"),
        thresholds=Thresholds(on=0.5, off=0.3),
    )
    export(Loudness(), path, Card(name="loudness", version="1", heads=(head,)))
    return load_model(path, pin=pin_of(path))


@pytest.mark.slow
def test_a_smaller_budget_asks_for_a_higher_threshold(model: Model, small_corpora: Path, split: Path) -> None:
    thresholds = [
        budget_thresholds(model, AlarmBudget(false_alarms_per_hour=budget, hours=0.05), small_corpora, split)
        for budget in (1e6, 0)
    ]
    assert thresholds[0][0] < thresholds[1][0]
    assert all(off < on for on, off in thresholds)
    np.testing.assert_allclose(thresholds[1][1] / thresholds[1][0], 0.6)


def test_without_the_corpora_it_says_so(model: Model, tmp_path: Path, split: Path) -> None:
    with pytest.raises(CorpusError, match=r"noise|emogator"):
        budget_thresholds(model, AlarmBudget(false_alarms_per_hour=1, hours=0.05), tmp_path, split)
