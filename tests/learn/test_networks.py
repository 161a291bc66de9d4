"""The networks: published counts, the common contract, the registry."""

import pytest
import torch
from torch import nn

from exclaim.errors import RecipeError
from exclaim.learn.networks import build, names, registry
from exclaim.learn.networks.resize import Resize

HEADS = {"scream-detection": 2, "vocal-burst": 10}
ONE_HEAD = {"scream-type": 2}

EVERY = [
    ("cnn6", {"width": 0.125}),
    ("cnn6", {"width": 0.125, "view": (64, 64), "normalise": "instance"}),
    ("compact", {"width": 0.25}),
    ("compact", {"width": 0.25, "pool": (2, 2)}),
    ("compact", {"channels": "4 8 12 16 20 24"}),
    ("mobilenet-v3-large", {"width": 0.4, "pool": (2, 2)}),
    ("mobilenet-v3-small", {}),
    ("mobilenet-v3-small", {"in_channels": 1, "pool": [2, 2]}),
    ("paper-student", {}),
    ("paper-student", {"in_channels": 1}),
    ("recurrent", {}),
    ("recurrent", {"units": 16, "pool": (3, 2)}),
    ("resnet18", {"pool": (4, 4)}),
    ("resnet9", {"width": 0.125, "view": [64, 64]}),
    ("vgg15", {"width": 0.25, "view": (64, 64)}),
]


def parameters(name: str, **options: object) -> int:
    return sum(parameter.numel() for parameter in build(name, ONE_HEAD, **options).parameters())


def multiply_accumulates(network: nn.Module, image: torch.Tensor) -> int:
    """Count those of convolutions and linear layers for one image."""
    total = 0

    def add(module: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        nonlocal total
        total += output[0].numel() * module.weight[0].numel()

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            module.register_forward_hook(add)
    network.eval()
    with torch.no_grad():
        network(image)
    return total


@pytest.mark.parametrize(
    ("name", "options", "count"),
    [
        # Malik et al., table IV: torchvision's two-class ResNet-18 and a 5 x 5 convolution from one to three channels
        ("resnet18", {}, 11_177_538 + 78),
        ("resnet18", {"pool": (2, 2)}, 11_177_616),
        # the same table, whose count is that of 142 to 149 frames; 3 s are 188
        ("paper-student", {"frames": 144}, 712_778),
        ("paper-student", {"frames": 142}, 712_778),
        ("paper-student", {"frames": 149}, 712_778),
        ("paper-student", {}, 958_538),
        ("paper-student", {"in_channels": 1}, 957_950),
        # torchvision's with two classes: 2,542,856 less 998 of its 1000 outputs
        ("mobilenet-v3-small", {}, 2_542_856 - 998 * 1025),
        ("mobilenet-v3-small", {"in_channels": 1}, 1_519_906 - 2 * 9 * 16),
        # torchvision's large one less 998 of its 1000 outputs and two of its three channels
        ("mobilenet-v3-large", {}, 5_483_032 - 998 * 1281 - 2 * 9 * 16),
    ],
)
def test_published_counts(name, options, count):
    assert parameters(name, **options) == count


@pytest.mark.parametrize(("width", "millions", "digit"), [(0.4, 0.983, 1e-3), (0.5, 1.43, 1e-2), (1, 4.88, 1e-2)])
def test_the_widths_of_efficientat_have_its_published_counts(width, millions, digit):
    """mn04, mn05 and mn10 for 527 classes, as its releases print them, some cut and some rounded."""
    network = build("mobilenet-v3-large", {"audioset": 527}, width=width)
    assert sum(parameter.numel() for parameter in network.parameters()) / 1e6 == pytest.approx(millions, abs=digit)


@pytest.mark.parametrize(
    ("name", "classes", "count"),
    [
        # Kong et al.'s 4,837,455 less the normalisation of 64 mel bands, which our windows do not need
        ("cnn6", 527, 4_837_455 - 2 * 64),
        # the DAWNBench network's for CIFAR-10 less two of three channels
        ("resnet9", 10, 6_573_130 - 2 * 9 * 64),
        # torchvision's features of VGG-16 less biases and two of three channels, with scales and offsets; two linear
        ("vgg15", 10, 14_714_688 - 4_224 - 2 * 9 * 64 + 2 * 4_224 + 513 * 512 + 513 * 10),
    ],
)
@pytest.mark.parametrize("normalise", ["batch", "group", "instance"])
def test_counts_of_the_networks_that_distil(name, classes, count, normalise):
    network = build(name, {"task": classes}, normalise=normalise)
    assert sum(parameter.numel() for parameter in network.parameters()) == count


@pytest.mark.parametrize("units", [16, 64])
def test_recurrent_counts(units):
    halves, across = 2 * 3 * units * (units + units + 2), 2 * 4 * units + 2  # the recurrent unit; the head
    stem, collapse = 2 * 8 * 25 + 2 * 8, 48 * 8 + 2 * 48 + 48 * units + 2 * units
    blocks = sum(
        channels * kernel**2 + 2 * channels + channels * out + 2 * out
        for channels, out, kernel in [(8, 16, 3), (16, 16, 3), (16, 32, 3), (32, 32, 3), (32, 48, 5), (48, 48, 5)]
    )
    assert parameters("recurrent", units=units) == stem + blocks + collapse + halves + across


def test_channels_name_what_a_width_makes():
    wide, named = (build("compact", ONE_HEAD, **o) for o in ({"width": 0.5}, {"channels": "8 16 32 48 96 128"}))
    shapes = [{key: value.shape for key, value in network.state_dict().items()} for network in (wide, named)]
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("frames", [141, 150])
def test_the_printed_count_holds_for_142_to_149_frames_only(frames):
    assert parameters("paper-student", frames=frames) != 712_778


@pytest.mark.parametrize(("width", "count"), [(1, 239_090), (0.5, 67_194), (0.25, 20_794)])
def test_compact_counts(width, count):
    assert parameters("compact", width=width) == count


@pytest.mark.parametrize("width", [1, 0.5, 0.25])
@pytest.mark.parametrize(("bands", "rows"), [(1, 4), (2, 2), (3, 2), (4, 1), (8, 1)])
def test_a_coarser_view_leaves_the_collapse_fewer_rows(width, bands, rows):
    fewer = (4 - rows) * round(192 * width)  # one weight for each row and channel
    assert parameters("compact", width=width, pool=(bands, 2)) == parameters("compact", width=width) - fewer


def test_a_compact_network_keeps_the_names_of_its_weights_in_every_view():
    whole, coarse = (build("compact", ONE_HEAD, width=0.25, pool=pool).state_dict() for pool in ((1, 1), (2, 2)))
    assert list(whole) == list(coarse)
    assert {key for key in whole if whole[key].shape != coarse[key].shape} == {"collapse.0.weight"}


@pytest.mark.parametrize(
    ("name", "adapter", "count"),
    [
        # torchvision publishes 1.814 and 0.057 thousand million for 224 x 224 pixels and 1000 classes
        ("resnet18", 75 * 224 * 224, "1.814"),
        ("mobilenet-v3-small", 0, "0.057"),
    ],
)
def test_published_multiply_accumulates(name, adapter, count):
    network = build(name, {"imagenet": 1000})
    total = multiply_accumulates(network, torch.zeros(1, 1, 224, 224)) - adapter
    assert f"{total / 1e9:.3f}" == count


@pytest.mark.parametrize(("width", "millions"), [(1, 30), (0.5, 10), (0.25, 5)])
def test_compact_networks_are_cheap(width, millions):
    network = build("compact", ONE_HEAD, width=width)
    assert multiply_accumulates(network, torch.zeros(1, 128, 188)) < millions * 1e6


def test_a_coarser_view_costs_less():
    window = torch.zeros(1, 128, 188)
    whole, coarse = (multiply_accumulates(build("resnet18", ONE_HEAD, pool=p), window) for p in ((1, 1), (2, 2)))
    assert whole > 3.5 * coarse


def test_mobilenet_v3_large_costs_what_efficientat_publishes():
    """0.54 thousand million for mn10 and 10 s: 128 bands, 1000 frames; 527 classes."""
    network = build("mobilenet-v3-large", {"audioset": 527})
    assert f"{multiply_accumulates(network, torch.zeros(1, 1, 128, 1000)) / 1e9:.2f}" == "0.54"


def test_a_coarser_view_of_a_compact_network_costs_less():
    window = torch.zeros(1, 128, 188)
    whole, bands, both = (
        multiply_accumulates(build("compact", ONE_HEAD, width=0.5, pool=p), window) for p in ((1, 1), (2, 1), (2, 2))
    )
    assert whole > 1.9 * bands > 1.9 * 1.9 * both


def test_every_family_is_under_test():
    assert set(names()) == {name for name, _ in EVERY}


@pytest.mark.parametrize(("name", "options"), EVERY)
class TestContract:
    def test_answers(self, name, options):
        network = build(name, HEADS, **options).eval()
        windows = torch.rand(3, 128, 188) * 2 - 1
        with torch.no_grad():
            answers = network(windows)
            images = network(windows.unsqueeze(1))
            alone = network(windows[1:2])
        assert set(answers) == {*HEADS, "embedding"}
        assert answers["scream-detection"].shape == (3, 2)
        assert answers["vocal-burst"].shape == (3, 10)
        assert answers["embedding"].shape[0] == 3
        assert answers["embedding"].dim() == 2
        for key, values in answers.items():
            torch.testing.assert_close(images[key], values)
            torch.testing.assert_close(alone[key], values[1:2], rtol=1e-4, atol=1e-5)

    def test_the_embedding_is_what_the_heads_see(self, name, options):
        network = build(name, HEADS, **options).eval()
        with torch.no_grad():
            answers = network(torch.rand(2, 128, 188))
            again = network.heads.layers["vocal-burst"](answers["embedding"])
        torch.testing.assert_close(answers["vocal-burst"], again)

    def test_every_parameter_learns(self, name, options):
        torch.manual_seed(1)
        network = build(name, HEADS, **options)
        answers = network(torch.rand(4, 128, 188) * 2 - 1)
        sum((answers[head] ** 2).sum() for head in HEADS).backward()
        still = [key for key, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
        assert still == []

    def test_a_seed_gives_the_same_weights(self, name, options):
        weights = []
        for _ in range(2):
            torch.manual_seed(7)
            weights.append(build(name, HEADS, **options).state_dict())
        assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_pooling_is_the_mean_of_cells():
    torch.manual_seed(0)
    whole = build("resnet18", ONE_HEAD).eval()
    coarse = build("resnet18", ONE_HEAD, pool=(2, 4)).eval()
    coarse.load_state_dict(whole.state_dict())
    windows = torch.rand(1, 128, 188)
    means = windows.reshape(1, 64, 2, 47, 4).mean(dim=(2, 4))
    with torch.no_grad():
        torch.testing.assert_close(coarse(windows)["scream-type"], whole(means)["scream-type"])


def test_a_resized_view_is_the_mean_over_equal_areas():
    windows = torch.rand(2, 128, 188)
    even, odd = Resize((64, 47))(windows), Resize((128, 80))(windows)
    torch.testing.assert_close(even[:, 0], windows.reshape(2, 64, 2, 47, 4).mean(dim=(2, 4)))
    # 188 frames over 80 cells: 2.35 each, so the first cell holds two frames whole and .35 of the third
    torch.testing.assert_close(odd[:, 0, :, 0], (windows[..., 0] + windows[..., 1] + 0.35 * windows[..., 2]) / 2.35)
    torch.testing.assert_close(odd.mean(dim=3)[:, 0], windows.mean(dim=2))
    assert Resize((64, 64))(windows[:, :64, :64]).equal(windows[:, None, :64, :64]), "cells pass as they are"


@pytest.mark.parametrize("name", ["cnn6", "resnet9", "vgg15"])
def test_cells_and_whole_windows_are_answered_alike(name):
    network = build(name, ONE_HEAD, width=0.25, view=(64, 64)).eval()
    windows = torch.rand(2, 128, 188)
    with torch.no_grad():
        whole, cells = network(windows), network(Resize((64, 64))(windows))
    torch.testing.assert_close(whole["scream-type"], cells["scream-type"])


@pytest.mark.parametrize("name", ["cnn6", "resnet9", "vgg15"])
def test_networks_that_distil_keep_nothing_but_parameters(name):
    """A trajectory of parameters then holds all that an answer depends on."""
    assert not list(build(name, ONE_HEAD, width=0.25).buffers())
    assert list(build(name, ONE_HEAD, width=0.25, normalise="batch").buffers())


def test_a_compact_network_hears_a_steady_noise_as_no_change():
    """Its second channel is each band relative to its mean: nothing where every frame is alike."""
    network = build("compact", ONE_HEAD, width=0.25).eval()
    seen = []
    network.stem.register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    steady = torch.linspace(-1, 1, 128)[:, None].expand(1, 128, 188)
    with torch.no_grad():
        network(steady)
    torch.testing.assert_close(seen[0][:, 0], steady)
    torch.testing.assert_close(seen[0][:, 1], torch.zeros(1, 128, 188), rtol=0, atol=1e-6)


def test_a_newcomer_is_one_file(tmp_path, monkeypatch):
    (tmp_path / "newcomer.py").write_text(
        "from exclaim.learn.networks.compact import Compact\n"
        "def newcomer(heads, *, depth=1):\n"
        "    return Compact(heads, width=0.125 * depth)\n"
        "NETWORKS = {'newcomer': newcomer}\n"
    )
    from exclaim.learn import networks

    monkeypatch.setattr(networks, "__path__", [*networks.__path__, str(tmp_path)])
    registry._constructors.cache_clear()
    try:
        assert "newcomer" in names()
        assert build("newcomer", ONE_HEAD, depth=2)(torch.zeros(2, 128, 188))["scream-type"].shape == (2, 2)
    finally:
        registry._constructors.cache_clear()


@pytest.mark.parametrize(
    ("name", "heads", "options", "message"),
    [
        ("resnet81", ONE_HEAD, {}, "expected one of cnn6, compact, mobilenet-v3-large, mobilenet-v3-small, paper"),
        ("compact", {}, {}, "expected at least one head"),
        ("compact", {"scream-type": 1}, {}, "two classes or more"),
        ("compact", {"embedding": 2}, {}, "none named 'embedding'"),
        ("compact", {"a.b": 2}, {}, "a head cannot be named so"),
        ("compact", ONE_HEAD, {"widht": 2}, "does not know widht; its options are channels, dropout, pool, width"),
        ("compact", ONE_HEAD, {"width": 0}, "expected a factor from 0.125 to 4"),
        ("compact", ONE_HEAD, {"channels": "8 16 32"}, "expected 6 numbers from 1 to 1024"),
        ("compact", ONE_HEAD, {"channels": "8 16 32 48 96 0"}, "expected 6 numbers from 1 to 1024"),
        ("compact", ONE_HEAD, {"channels": "8 16 32 48 96 128", "width": 0.5}, "no width beside them"),
        ("mobilenet-v3-large", ONE_HEAD, {"width": 5}, "expected a factor from 0.1 to 4"),
        ("recurrent", ONE_HEAD, {"units": 4}, "a whole number from 8 to 512"),
        ("compact", ONE_HEAD, {"dropout": 1.5}, "expected a share from 0 to below 1"),
        ("resnet18", ONE_HEAD, {"pool": (0, 2)}, "two whole numbers"),
        ("resnet18", ONE_HEAD, {"pool": 2}, "two whole numbers"),
        ("paper-student", ONE_HEAD, {"in_channels": 2}, "expected 1 or 3"),
        ("paper-student", ONE_HEAD, {"frames": 37}, "expected at least 38"),
        ("mobilenet-v3-small", ONE_HEAD, {"in_channels": 2}, "expected 1 or 3"),
        ("cnn6", ONE_HEAD, {"view": (64, 200)}, "two whole numbers"),
        ("cnn6", ONE_HEAD, {"view": 64}, "two whole numbers"),
        ("cnn6", ONE_HEAD, {"normalise": "layer"}, "expected group, instance or batch"),
        ("resnet9", ONE_HEAD, {"width": 9}, "expected a factor from 0.125 to 4"),
        ("vgg15", ONE_HEAD, {"view": (64, 16)}, "expected 32 a side at least"),
    ],
)
def test_what_cannot_be_built_is_refused(name, heads, options, message):
    with pytest.raises(RecipeError, match=message):
        build(name, heads, **options)
