"""Where a checkpoint is, what it is, and what is refused."""

import shutil

import msgspec
import pytest

pytest.importorskip("transformers", reason="needs transformers, of the extra `speech`")
from safetensors.torch import load_file, save_file

from exclaim.errors import ModelError, RecipeError
from exclaim.learn.waveforms.encoder import SpeechEncoder
from exclaim.learn.waveforms.options import EncoderOptions
from exclaim.learn.waveforms.pretrained import describe, find_checkpoint, load_pretrained_weights, weight_files

COMMIT = "0123456789abcdef" * 2 + "01234567"


def encoder_of(folder):
    made = SpeechEncoder({"emotion": 2}, describe(folder), EncoderOptions(checkpoint=str(folder))).encoder
    load_pretrained_weights(made, describe(folder).kind, folder)
    return made.state_dict()


@pytest.fixture
def checkpoint(checkpoints, tmp_path):
    return shutil.copytree(checkpoints / "wav2vec2", tmp_path / "checkpoint")


def test_a_folder_is_found_by_path_and_in_the_folder_of_pretrained_networks(checkpoint, tmp_path, monkeypatch):
    assert find_checkpoint(str(checkpoint)) == checkpoint
    assert find_checkpoint("checkpoint", models=tmp_path) == checkpoint
    monkeypatch.setenv("EXCLAIM_MODELS", str(tmp_path))
    assert find_checkpoint("checkpoint") == checkpoint


def test_a_hub_name_without_a_revision_is_no_folder(tmp_path):
    with pytest.raises(ModelError, match="a name on the hub needs the commit to fetch as its revision"):
        find_checkpoint("facebook/wav2vec2-base", models=tmp_path)


def test_a_revision_of_what_is_no_hub_name_is_refused(checkpoint):
    with pytest.raises(RecipeError, match="expected OWNER/NAME"):
        find_checkpoint(str(checkpoint), COMMIT)


def test_a_name_on_the_hub_is_fetched_by_its_commit_once(checkpoint, monkeypatch):
    asked = []

    def snapshot(name, *, revision, allow_patterns, local_files_only):
        asked.append((name, revision, local_files_only))
        assert not any("bin" in pattern for pattern in allow_patterns)
        if len(asked) == 1:
            raise OSError("not in the cache")
        return str(checkpoint)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    assert find_checkpoint("owner/name", COMMIT) == checkpoint
    assert asked == [("owner/name", COMMIT, True), ("owner/name", COMMIT, False)]
    assert find_checkpoint("owner/name", COMMIT) == checkpoint
    assert asked[2:] == [("owner/name", COMMIT, True)], "what the cache holds is not asked for"


def test_without_network_one_sentence_says_what_to_fetch_and_where_to_put_it(tmp_path, monkeypatch):
    def unreachable(*arguments, **options):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    monkeypatch.setenv("EXCLAIM_MODELS", str(tmp_path))
    with pytest.raises(ModelError) as caught:
        find_checkpoint("owner/name", COMMIT)
    said = str(caught.value)
    assert "\n" not in said
    assert COMMIT in said
    assert "config.json" in said
    assert "model.safetensors" in said
    assert str(tmp_path / "name") in said


@pytest.mark.parametrize("name", ["pytorch_model.bin", "checkpoint_best.pt"])
def test_pickles_are_refused(name, checkpoint):
    (checkpoint / "model.safetensors").rename(checkpoint / name)
    with pytest.raises(ModelError, match="pickle, which can run any code"):
        describe(checkpoint)


def test_a_folder_without_weights_is_refused(checkpoint):
    (checkpoint / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"has no model\.safetensors"):
        describe(checkpoint)


def test_it_is_known_by_its_files(checkpoint):
    first = describe(checkpoint)
    assert first == describe(checkpoint)
    tensors = load_file(checkpoint / "model.safetensors")
    save_file({name: tensor + 1 for name, tensor in tensors.items()}, checkpoint / "model.safetensors")
    other = describe(checkpoint)
    (checkpoint / "preprocessor_config.json").write_text('{"do_normalize": false}')
    third = describe(checkpoint)
    assert len({first.sha256, other.sha256, third.sha256}) == 3
    assert (first.normalise, third.normalise) == (True, False)


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("config.json", "{", "can be read"),
        ("config.json", '{"model_type": "whisper"}', "is a 'whisper'; expected one of wav2vec2, hubert, wavlm"),
        ("preprocessor_config.json", '{"sampling_rate": 8000}', "8000 Hz; expected a network for 16000 Hz"),
        ("model.safetensors.index.json", "[]", "no index of weights"),
    ],
)
def test_what_is_not_understood_is_refused(file, content, said, checkpoint):
    (checkpoint / file).write_text(content)
    with pytest.raises(ModelError, match=said):
        describe(checkpoint)


def test_weights_of_another_network_are_refused_and_not_drawn_at_random(checkpoint):
    config = msgspec.json.decode((checkpoint / "config.json").read_bytes())
    (checkpoint / "config.json").write_bytes(msgspec.json.encode(config | {"num_hidden_layers": 3}))
    with pytest.raises(ModelError, match=r"absent or of another shape, such as encoder\.layers\.2"):
        encoder_of(checkpoint)


def test_a_damaged_file_is_refused(checkpoint):
    (checkpoint / "model.safetensors").write_bytes(b"\x08\x00")
    with pytest.raises(ModelError, match="holds no safetensors"):
        encoder_of(checkpoint)


def test_names_of_a_task_and_of_older_releases_are_understood(checkpoint):
    expected = encoder_of(checkpoint)
    tensors = load_file(checkpoint / "model.safetensors")
    renamed = {
        "wav2vec2."
        + name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for name, tensor in tensors.items()
    }
    assert any("weight_g" in name for name in renamed)
    save_file(renamed | {"lm_head.bias": next(iter(tensors.values()))[:1].clone()}, checkpoint / "model.safetensors")
    found = encoder_of(checkpoint)
    assert all(found[name].equal(tensor) for name, tensor in expected.items())


def test_weights_may_lie_in_several_files(checkpoint):
    expected = encoder_of(checkpoint)
    tensors = load_file(checkpoint / "model.safetensors")
    names = sorted(tensors)
    parts = {"one.safetensors": names[::2], "two.safetensors": names[1::2]}
    for file, part in parts.items():
        save_file({name: tensors[name] for name in part}, checkpoint / file)
    (checkpoint / "model.safetensors").unlink()
    index = {"weight_map": {name: file for file, part in parts.items() for name in part}}
    (checkpoint / "model.safetensors.index.json").write_bytes(msgspec.json.encode(index))
    assert [path.name for path in weight_files(checkpoint, "it")] == list(parts)
    found = encoder_of(checkpoint)
    assert all(found[name].equal(tensor) for name, tensor in expected.items())
