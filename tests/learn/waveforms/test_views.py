"""Training views of waveforms, and whole clips as they are answered."""

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs transformers, of the extra `speech`")
import torch
from torch import nn

from exclaim.audio import read_audio
from exclaim.learn.examples import load_corpora
from exclaim.learn.recipe import load_recipe
from exclaim.learn.store import build_store
from exclaim.learn.waveforms.answers import WaveformValidation, clip_outputs
from exclaim.learn.waveforms.views import WaveformViews

NETWORK = {"name": "speech-encoder", "options": {"checkpoint": "x"}}


@pytest.fixture
def made(write_recipe, speech, tmp_path):
    def make(seconds=0.5, **more):
        recipe = load_recipe(write_recipe("teacher", NETWORK, **more))
        corpora = load_corpora(recipe, speech)
        store = build_store(corpora.clips, tmp_path / "cache")
        views = WaveformViews(recipe, store, corpora.bursts["train"], corpora.ambience["train"], seconds)
        return recipe, corpora, views

    return make


def test_a_view_is_a_pure_function_of_its_number(made):
    _, corpora, views = made()
    first, again, other = (list(views.batches(view, 8)) for view in (0, 0, 1))
    assert sum(len(batch.windows) for batch in first) == views.windows == len(corpora.bursts["train"])
    assert all(np.array_equal(a.windows, b.windows, equal_nan=True) for a, b in zip(first, again, strict=True))
    assert not all(
        a.windows.shape == b.windows.shape and np.array_equal(a.windows, b.windows, equal_nan=True)
        for a, b in zip(first, other, strict=True)
    )
    assert all(batch.targets["speech-emotion"].shape == (len(batch.windows), 6) for batch in first)


def test_clips_are_cropped_and_their_ends_marked(made):
    _, _, views = made(seconds=0.5)
    for batch in views.batches(0, 8):
        assert batch.windows.shape[1] <= 8000
        ends = (~np.isnan(batch.windows)).sum(axis=1)
        assert all(np.isfinite(row[:end]).all() for row, end in zip(batch.windows, ends, strict=True))
        assert ends.max() == batch.windows.shape[1]
        assert ends.min() >= 0.3 * 16_000 - 1


def test_without_augmentation_a_view_holds_the_clips_themselves(made):
    calm = {"ambience": 0.0, "white_noise": 0.0, "gain_db": [0, 0]}
    _, corpora, views = made(seconds=2.0, augment=calm)
    found = {row[~np.isnan(row)].tobytes() for batch in views.batches(3, 5) for row in batch.windows}
    assert found == {read_audio(example.clip.path).tobytes() for example in corpora.bursts["train"]}


class Mean(nn.Module):
    """Answers with how many samples it heard and their sum."""

    def forward(self, waveforms):
        inside = ~torch.isnan(waveforms)
        return {"speech-emotion": torch.stack([inside.sum(1).float(), torch.nan_to_num(waveforms).sum(1)], 1)}


def test_a_clip_longer_than_is_heard_at_once_is_the_mean_over_its_pieces(made):
    _, corpora, _ = made()
    clips = [example.clip for example in corpora.bursts["test"]]
    lengths = [len(read_audio(clip.path)) for clip in clips]
    whole = [output["speech-emotion"] for output in clip_outputs(Mean(), clips, 1.0, torch.device("cpu"))]
    assert [int(output[0]) for output in whole] == lengths
    cut = [output["speech-emotion"] for output in clip_outputs(Mean(), clips, 0.05, torch.device("cpu"))]
    assert {float(output[0]) for output in cut} == {800.0}
    assert max(lengths) > 800


def test_validation_answers_each_clip_with_its_label(made):
    recipe, corpora, _ = made()
    validation = WaveformValidation(recipe, corpora.bursts["validation"], 1.0)
    found = validation.answers(Mean(), torch.device("cpu"))["speech-emotion"]
    assert len(found.logits) == len(found.labels) == len(corpora.bursts["validation"])
    assert len(validation.speakers) == 3
    truth = [int(example.targets["speech-emotion"].argmax()) for example in corpora.bursts["validation"]]
    assert found.labels.tolist() == truth
