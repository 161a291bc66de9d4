"""From a run's folder to candidates, what was measured of them, and the recipe that fine-tunes a pruned one."""

from pathlib import Path

import msgspec
import pytest
import torch
import yaml
from torch import nn

from exclaim.card import Card, CorpusUse, Head
from exclaim.corpora.registry import load_corpus
from exclaim.errors import CorpusError, RecipeError
from exclaim.learn.admission import read_admissions
from exclaim.learn.checkpoint import save_weights
from exclaim.learn.compress import CompressOptions, compress, parts_of, share_of
from exclaim.learn.export import export
from exclaim.learn.networks import build
from exclaim.learn.places import Places
from exclaim.learn.recipe import load_recipe
from exclaim.learn.train import train
from exclaim.model import Model, load_model, pin

RECIPE = {
    "name": "tones",
    "task": "scream-type",
    "bursts": ["emogator"],
    "heads": {"scream-type": {"labels": ["negative", "positive"]}},
    "network": {"name": "compact", "options": {"width": 0.5}},
    "split": {"validation": 0.25, "test": 0.25},
    "schedule": {"epochs": 1, "batch": 16, "learning_rate": 0.003},
    "augment": {"ambience": 0},
}


@pytest.fixture(autouse=True)
def same_time(monkeypatch) -> None:
    """Let every model take a millisecond; how they are timed has tests of its own."""
    from exclaim.learn import admission
    from exclaim.learn.pace import Pace

    monkeypatch.setattr(admission, "paces", lambda original, models, windows: [Pace(1.0, 1.0, 1.0)] * len(models))


def lived_in() -> nn.Module:
    torch.manual_seed(0)
    network = build("compact", {"scream-type": 2}, width=0.5).train()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.2, 1.5)
        for _ in range(20):  # long enough for the running means to be those of the windows
            network(torch.rand(6, 128, 188) * 2 - 1)
    return network.eval()


@pytest.fixture
def run(tmp_path, small_corpora) -> Path:
    """A run's folder as training leaves it, but for the training; the recipe lies in ``recipes``."""
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes/tones.yaml").write_text(yaml.safe_dump(RECIPE))
    folder = tmp_path / "runs/tones"
    folder.mkdir(parents=True)
    recipe = load_recipe(tmp_path / "recipes/tones.yaml")
    (folder / "recipe.json").write_bytes(msgspec.json.encode(recipe))
    speakers = load_corpus("emogator", small_corpora).speakers
    split = {"train": speakers[:12], "validation": speakers[12:18], "test": speakers[18:]}
    (folder / "split.json").write_bytes(msgspec.json.encode({part: {"speakers": s} for part, s in split.items()}))
    save_weights(network := lived_in(), folder / "best.safetensors")
    head = Head(task="scream-type", output="scream-type", labels=("negative", "positive"))
    corpora = tuple(CorpusUse(name=name, licence="any") for name in ("emogator", "vivae"))  # vivae is not there
    export(network, folder / "tones.onnx", Card(name="tones", version="1", heads=(head,), corpora=corpora))
    pin(folder / "tones.onnx")
    return folder


def loaded(run: Path) -> Model:
    return load_model(run / "tones.onnx")


def test_the_parts_are_those_of_the_split(run, small_corpora):
    parts = parts_of(loaded(run), small_corpora)
    assert len(parts.training.speakers) == 12
    assert len(parts.validation.speakers) == 6
    assert not set(parts.training.speakers) & set(parts.validation.speakers)


def test_without_a_corpus_there_is_nothing_to_judge_on(run, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusError, match=r"none is there: corpus emogator .* corpus vivae"):
        parts_of(loaded(run), tmp_path / "empty")


def test_both_eight_bit_forms_are_made_and_measured(run, small_corpora):
    original = loaded(run)
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    found = compress(original, run, parts_of(original, small_corpora), CompressOptions(calibration=8))
    assert [one.method for one in found] == ["int8", "weights8"]
    assert read_admissions(run / "compress.json") == found
    for one in found:
        made = load_model(run / "compressed" / one.model)
        assert made.card.parents[0].sha256 == original.sha256
        assert one.bytes == made.path.stat().st_size
        assert [quality.figure for quality in one.quality] == ["uar", "auroc"]
        assert one.data == "emogator, validation speakers: 36 clips"
    assert found[1].bytes < 0.5 * found[1].original_bytes
    assert all((run / name).read_bytes() == data for name, data in before.items())


def test_what_is_made_may_lie_elsewhere(run, small_corpora, tmp_path):
    original, elsewhere = loaded(run), tmp_path / "elsewhere"
    before = sorted(run.iterdir())
    compress(original, elsewhere, parts_of(original, small_corpora), CompressOptions(methods=("prune:0.5",)))
    assert (elsewhere / "compressed/tones-prune-50.onnx").is_file()
    assert sorted(run.iterdir()) == before


def test_a_pruned_network_is_made_and_its_recipe_written(run, small_corpora):
    original, recipe = loaded(run), run.parent.parent / "recipes/tones.yaml"
    options = CompressOptions(methods=("prune:0.5",))
    (found,) = compress(original, run, parts_of(original, small_corpora), options, recipe)
    assert found.bytes < 0.6 * found.original_bytes
    assert "not fine-tuned" in found.reason
    assert (run / "compressed/tones-prune-50.onnx").is_file()
    tuning = load_recipe(recipe.parent / "tones-prune-50.yaml")
    assert tuning.network.weights_from == "tones.yaml"
    channels = tuning.network.options["channels"]
    assert tuning.network.options == {"channels": channels}
    assert sum(map(int, str(channels).split())) < 0.6 * (8 + 16 + 32 + 48 + 96 + 128)
    (again,) = compress(original, run, parts_of(original, small_corpora), options)
    assert "--recipe" in again.reason


@pytest.mark.slow
def test_what_was_fine_tuned_is_what_is_measured(run, small_corpora, tmp_path):
    """The recipe that compressing writes trains as it stands, from the pruned weights of the run."""
    original, recipe = loaded(run), tmp_path / "recipes/tones.yaml"
    parts, options = parts_of(original, small_corpora), CompressOptions(methods=("prune:0.5",))
    compress(original, run, parts, options, recipe)
    places = Places(data=small_corpora, runs=tmp_path / "runs", cache=tmp_path / "cache")
    tuned = train(recipe.parent / "tones-prune-50.yaml", places, "cpu")
    assert "weights of tones taken over, but for none" in (tuned.folder / "log.txt").read_text()
    assert [parent.sha256 for parent in load_model(tuned.model).card.parents] == [original.sha256]
    (found,) = compress(original, run, parts, options, recipe)
    assert found.sha256 == load_model(tuned.model).sha256
    assert found.reason.endswith("; fine-tuned")


def test_what_cannot_be_done_is_said_before_anything_is_made(run, small_corpora):
    original = loaded(run)
    parts = parts_of(original, small_corpora)
    with pytest.raises(RecipeError, match="'int4' is not known; expected int8, weights8 or prune:SHARE"):
        compress(original, run, parts, CompressOptions(methods=("int8", "int4")))
    assert not (run / "compressed").exists()
    (run / "best.safetensors").unlink()
    with pytest.raises(RecipeError, match="only a run's folder can be pruned"):
        compress(original, run, parts, CompressOptions(methods=("prune:0.5",)))


@pytest.mark.parametrize("method", ["prune:", "prune:1", "prune:half", "prune:-0.5"])
def test_a_share_is_a_number_between_nothing_and_all(method):
    with pytest.raises(RecipeError, match="above 0 and below 1"):
        share_of(method)


def test_a_share_too_small_to_take_a_channel_is_refused(run, small_corpora):
    original = loaded(run)
    with pytest.raises(RecipeError, match="leaves every channel where it is"):
        compress(original, run, parts_of(original, small_corpora), CompressOptions(methods=("prune:0.001",)))
