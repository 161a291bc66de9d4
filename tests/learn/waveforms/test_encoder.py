"""The network: padding changes nothing, what is frozen stays, layers and frames are weighted."""

import copy
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs transformers, of the extra `speech`")
import torch

from exclaim.learn.waveforms.encoder import SpeechEncoder
from exclaim.learn.waveforms.options import EncoderOptions
from exclaim.learn.waveforms.pretrained import describe, load_pretrained_weights
from exclaim.learn.waveforms.sound import padded

KINDS = ("wav2vec2", "hubert", "wavlm")
LAYER_NORM = {
    "feat_extract_norm": "layer",
    "do_stable_layer_norm": True,
    "conv_bias": True,
}  # as the large ones have it


def network(folder: Path, **options) -> SpeechEncoder:
    torch.manual_seed(1)
    made = SpeechEncoder({"emotion": 3}, describe(folder), EncoderOptions(checkpoint=str(folder), **options))
    load_pretrained_weights(made.encoder, describe(folder).kind, folder)
    return made.eval()


def clips(*lengths: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(scale=0.1 + number, size=length).astype(np.float32) for number, length in enumerate(lengths)]


def answers(made: SpeechEncoder, waveforms: np.ndarray) -> dict[str, np.ndarray]:
    with torch.no_grad():
        return {name: values.numpy() for name, values in made(torch.from_numpy(waveforms)).items()}


@pytest.mark.parametrize("pool", ["attention", "mean"])
@pytest.mark.parametrize("configuration", [{}, LAYER_NORM], ids=["group", "layer"])
@pytest.mark.parametrize("kind", KINDS)
def test_padding_never_changes_an_answer(kind, configuration, pool, save_checkpoint, tmp_path):
    made = network(save_checkpoint(tmp_path, kind, **configuration), pool=pool)
    sounds = clips(3000, 1400, 3000, 700)
    together = answers(made, padded(sounds))
    wider = answers(made, np.pad(padded(sounds), ((0, 0), (0, 2345)), constant_values=np.nan))
    for number, sound in enumerate(sounds):
        alone = answers(made, sound[None])
        for name in alone:
            np.testing.assert_allclose(together[name][number], alone[name][0], atol=2e-5)
            np.testing.assert_allclose(wider[name][number], alone[name][0], atol=2e-5)
    assert np.abs(together["embedding"][0] - together["embedding"][1]).max() > 1e-3, "clips are told apart"


@pytest.mark.parametrize("kind", KINDS)
def test_a_click_and_silence_have_finite_answers(kind, checkpoints):
    made = network(checkpoints / kind)
    sounds = [np.ones(1, np.float32), np.zeros(2000, np.float32), np.zeros(made.least_samples, np.float32)]
    for values in answers(made, padded(sounds)).values():
        assert np.isfinite(values).all()
    assert answers(made, padded(sounds[:1]))["emotion"].shape == (1, 3)


@pytest.mark.parametrize("normalise", [True, False])
def test_level_is_heard_only_where_clips_are_not_normalised(normalise, save_checkpoint, tmp_path):
    folder = save_checkpoint(tmp_path, "hubert", **LAYER_NORM)
    (folder / "preprocessor_config.json").write_text(f'{{"do_normalize": {str(normalise).lower()}}}')
    made, sound = network(folder), clips(2000)[0][None]
    soft, loud = (answers(made, sound * np.float32(gain))["emotion"] for gain in (0.01, 1))
    assert np.allclose(soft, loud, atol=1e-3) == normalise


@pytest.mark.parametrize("frozen", [False, True])
def test_what_is_frozen_gets_no_gradient_and_drops_nothing(frozen, checkpoints):
    made = network(checkpoints / "wav2vec2", frozen=frozen).train()
    made(torch.from_numpy(padded(clips(2000, 1500))))["emotion"].sum().backward()
    moved = {".".join(name.split(".")[:2]) for name, weight in made.named_parameters() if weight.grad is not None}
    assert "encoder.feature_extractor" not in moved
    assert ("encoder.encoder" in moved) == (not frozen)
    assert {"mixture", "score.weight", "heads.layers"} <= moved
    states = [made._features(*made._prepared(torch.from_numpy(padded(clips(2000))))) for _ in range(2)]
    assert states[0].equal(states[1]), "the convolutions drop nothing in training"
    assert made.encoder.training != frozen


@pytest.mark.parametrize("kind", KINDS)
def test_it_learns_in_bfloat16_with_weights_in_single_precision(kind, checkpoints):
    made, sounds = network(checkpoints / kind), torch.from_numpy(padded(clips(2000, 1500)))
    exact = made(sounds)["emotion"]
    with torch.autocast("cpu", torch.bfloat16):
        found = made(sounds)["emotion"]
        found.float().square().sum().backward()
    torch.testing.assert_close(found.float(), exact, atol=0.05, rtol=0.05)
    gradients = [weight.grad for weight in made.parameters() if weight.grad is not None]
    assert all(gradient.dtype == torch.float32 and gradient.isfinite().all() for gradient in gradients)
    assert made.encoder.encoder.layers[0].attention.q_proj.weight.grad.abs().sum() > 0


def test_the_weighting_of_layers_is_learned_and_starts_even(checkpoints):
    made = network(checkpoints / "hubert")
    assert torch.softmax(made.mixture, 0).tolist() == pytest.approx([1 / 3] * 3)
    sound = clips(2000)[0][None]
    even = answers(made, sound)["embedding"]
    with torch.no_grad():
        made.mixture[0] = 50.0
    first = answers(made, sound)["embedding"]
    assert np.abs(first - even).max() > 1e-3
    with torch.no_grad():
        projected = made.encoder.feature_projection(made._features(*made._prepared(torch.from_numpy(sound))))
    assert projected.shape[1] == made.frames(torch.tensor(2000))


def test_a_copy_is_a_network_of_its_own(checkpoints):
    """An averaged network is a copy: what it hears must not end in the first one's hands."""
    made = network(checkpoints / "wavlm")
    copied = copy.deepcopy(made)
    sound = clips(2000)[0][None]
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(1)
    np.testing.assert_allclose(
        answers(copied, sound)["emotion"], answers(network(checkpoints / "wavlm"), sound)["emotion"]
    )


@pytest.mark.parametrize("kind", KINDS)
def test_it_answers_as_transformers_does_with_its_own_states(kind, checkpoints):
    """The states are those that transformers gives for the clip alone: the last one is its own output."""
    made = network(checkpoints / kind)
    sound = torch.from_numpy(clips(2000)[0][None])
    normalised = (sound - sound.mean()) / torch.sqrt(sound.var(unbiased=False) + 1e-7)
    with torch.no_grad():
        expected = made.encoder(normalised, output_hidden_states=True)
        heard = torch.ones(1, expected.last_hidden_state.shape[1], dtype=torch.bool)
        found = made._states(made._features(*made._prepared(sound)), heard)
    assert len(found) == len(expected.hidden_states) == 3
    for one, other in zip(found, expected.hidden_states, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
