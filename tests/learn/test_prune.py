"""Pruned networks: what is silent can go unheard, the strong stay, and a run takes them over."""

import pytest
import torch
from torch import Tensor, nn

from exclaim.errors import RecipeError
from exclaim.learn.checkpoint import save_weights, take_over_weights
from exclaim.learn.networks import build
from exclaim.learn.prune import channel_numbers, channel_strengths, channels_left, fitted, pruned, recalibrated

HEADS = {"scream-type": 2, "vocal-burst": 5}
WHOLE = (8, 16, 32, 48, 96, 128)
FEWER = (4, 8, 20, 24, 40, 64)


def lived_in(**options: object) -> nn.Module:
    """A network whose batch normalisation has seen something."""
    torch.manual_seed(0)
    network = build("compact", HEADS, **options).train()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.2, 0.2)
        for _ in range(2):
            network(torch.rand(4, 128, 188) * 2 - 1)
    return network.eval()


def named(channels: tuple[int, ...]) -> str:
    return " ".join(map(str, channels))


def silence(network: nn.Module, kept: list[Tensor]) -> None:
    """Let every channel that is not kept be nothing, wherever it is written or filtered."""
    from exclaim.learn.networks.compact import block_groups

    normalisations = {"stem.1": 0, "collapse.1": 4, "collapse.3": 5}
    for block, (read, written) in enumerate(block_groups()):
        normalisations |= {f"blocks.{block}.convolutions.1": read, f"blocks.{block}.convolutions.4": written}
    modules = dict(network.named_modules())
    with torch.no_grad():
        for name, group in normalisations.items():
            gone = torch.ones(len(modules[name].weight), dtype=torch.bool)
            gone[kept[group]] = False
            modules[name].weight[gone] = 0
            modules[name].bias[gone] = 0
        silent = torch.ones(len(modules["collapse.3"].weight), dtype=torch.bool)
        silent[kept[5]] = False
        for layer in network.heads.layers.values():  # which then take nothing from it, and so know it to be weak
            layer.weight[:, silent.repeat(2)] = 0


@pytest.mark.parametrize("pool", [(1, 1), (2, 2)])
def test_without_its_silent_channels_a_network_answers_the_same(pool):
    network = lived_in(width=0.5, pool=pool)
    generator = torch.Generator().manual_seed(3)
    kept = [
        torch.randperm(whole, generator=generator)[:few].sort().values for whole, few in zip(WHOLE, FEWER, strict=True)
    ]
    silence(network, kept)
    smaller = build("compact", HEADS, channels=named(FEWER), pool=pool).eval()
    smaller.load_state_dict(pruned(network.state_dict(), FEWER))
    windows = torch.rand(3, 128, 188) * 2 - 1
    with torch.no_grad():
        expected, found = network(windows), smaller(windows)
    for head in HEADS:
        torch.testing.assert_close(found[head], expected[head], rtol=1e-4, atol=1e-5)
    both = torch.cat([kept[5], kept[5] + 128])
    torch.testing.assert_close(found["embedding"], expected["embedding"][:, both], rtol=1e-4, atol=1e-5)


def test_channels_are_counted_and_their_strength_is_what_their_readers_make_of_them():
    weights = lived_in(width=0.5).state_dict()
    assert channel_numbers(weights) == WHOLE
    strengths = channel_strengths(weights)
    assert all((group > 0).all() for group in strengths)
    # a channel of the last stage, which three blocks and the collapse read
    tripled = {name: tensor.clone() for name, tensor in weights.items()}
    for name in ("blocks.7", "blocks.8", "blocks.9"):
        tripled[f"{name}.convolutions.3.weight"][:, 5] *= -3
    tripled["collapse.2.weight"][:, 5] *= 3
    again = channel_strengths(tripled)
    torch.testing.assert_close(again[4][5], 3 * strengths[4][5])
    again[4][5] = strengths[4][5]
    torch.testing.assert_close(again, strengths)


def test_what_a_channel_of_the_embedding_is_worth_is_what_the_heads_give_it():
    weights = lived_in(width=0.5).state_dict()
    heads = torch.cat([weights[f"heads.layers.{head}.weight"] for head in HEADS])
    expected = heads.abs().sum(dim=0)
    torch.testing.assert_close(channel_strengths(weights)[5], expected[:128] + expected[128:])


def test_recalibration_gives_batch_normalisation_the_windows_own_means():
    network, windows = lived_in(width=0.25), torch.rand(70, 128, 188) * 0.5
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    seen = []
    copied = recalibrated(network, windows)
    copied.stem[0].register_forward_hook(lambda module, inputs, output: seen.append(output))
    with torch.no_grad():
        copied(windows)
    parts = [part.mean(dim=(0, 2, 3)) for part in seen[0].split(64)]  # each batch counts once
    torch.testing.assert_close(copied.stem[1].running_mean, torch.stack(parts).mean(dim=0), rtol=1e-3, atol=1e-4)
    assert not any(module.training for module in copied.modules())
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_the_weakest_go_in_whichever_group_they_are():
    strengths = [torch.ones(n) for n in WHOLE]
    strengths[4][:60] = 0.1  # of 96 in the last stage
    assert channels_left(strengths, 60 / sum(WHOLE)) == (8, 16, 32, 48, 36, 128)


def test_a_quarter_of_each_group_stays():
    strengths = [torch.ones(n) for n in WHOLE]
    strengths[3] = torch.cat([torch.full((47,), 1e-6), torch.ones(1)])
    assert channels_left(strengths, 47 / sum(WHOLE))[3] == 12


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_about_the_share_that_was_asked_for_is_gone(share):
    generator = torch.Generator().manual_seed(0)
    left = channels_left([torch.rand(n, generator=generator) for n in WHOLE], share)
    assert all(n % 4 == 0 for n in left)
    assert sum(left) == pytest.approx((1 - share) * sum(WHOLE), abs=6 * 4 + 0.02 * sum(WHOLE))


def test_a_narrower_network_begins_with_the_strongest_channels(tmp_path):
    save_weights(network := lived_in(width=0.5), tmp_path / "best.safetensors")
    smaller = build("compact", HEADS, channels=named(FEWER))
    assert take_over_weights(smaller, tmp_path / "best.safetensors") == []
    expected = pruned(network.state_dict(), FEWER)
    assert all(torch.equal(value, expected[name]) for name, value in smaller.state_dict().items())


def test_other_weights_are_taken_over_as_they_are():
    weights = lived_in(width=0.25).state_dict()
    for other in (build("compact", HEADS, width=0.5), build("compact", HEADS, width=0.25), build("recurrent", HEADS)):
        assert fitted(weights, other.state_dict()) is weights


def test_what_cannot_be_pruned_is_said():
    weights = lived_in(width=0.25).state_dict()
    with pytest.raises(RecipeError, match="only a network of the name compact"):
        channel_numbers(build("recurrent", HEADS).state_dict())
    with pytest.raises(RecipeError, match="expected from 1 to"):
        pruned(weights, (8, 16, 32, 48, 96, 128))
    with pytest.raises(RecipeError, match="above 0 and below 1"):
        channels_left(channel_strengths(weights), 1.0)
