"""Fixtures that several test modules share."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

PROJECT = Path(__file__).parents[1]
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

# How long an example takes tells of the machine's load, not of the code.
settings.register_profile("noisy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("noisy machine")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The development corpora (``EXCLAIM_DATA``, by default ``../shared/data``); skips where they are
    absent.
    """
    root = Path(os.environ.get("EXCLAIM_DATA", PROJECT / "../shared/data")).resolve()
    if not (root / "emogator").is_dir():
        pytest.skip(f"no corpora at {root}; set EXCLAIM_DATA to run this test")
    return root


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A Chromium without a window; skips where there is none."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, of the extra `dev`")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield running
        running.close()


@pytest.fixture(scope="session")
def set_card() -> Callable[..., Any]:
    """Return the card of a small condensed set of scream types; keyword arguments are its other fields."""
    from exclaim.card import CorpusUse
    from exclaim.corpora.condensed_card import SetCard

    def card(**fields: Any) -> SetCard:
        return SetCard(
            **{
                "name": "tiny",
                "task": "scream-type",
                "labels": ("negative", "positive"),
                "items": 4,
                "view": (16, 24),
                "stored": "uint8",
                "method": "random",
                "recipe": "ab" * 32,
                "sources": (CorpusUse(name="emogator", licence="Apache-2.0"),),
                "licence": "Apache-2.0",
                "source_items": 100,
                "source_bytes": 100 * 188 * 128,
                "split": {"by": "speaker"},
                "start": "noise",
            }
            | fields
        )

    return card


@pytest.fixture(scope="session")
def make_network() -> Callable[..., Path]:
    """Write a tiny ONNX network without a card: a head's logits are linear in the windows' band means.

    ``make_network(path, heads)`` takes {output: weights (c, 128)} and the options ``bias`` {output: (c,)},
    ``input_shape`` and ``input_name``; "embedding" is the mean of 16 groups of bands.
    """
    onnx = pytest.importorskip("onnx", reason="needs the extra `learn` to write test models")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper

    def write(
        path: Path,
        heads: dict[str, np.ndarray],
        bias: dict[str, np.ndarray] | None = None,
        input_shape: tuple[int, int] = (128, 188),
        input_name: str = "log_mel",
    ) -> Path:
        bands = input_shape[0]
        groups = np.repeat(np.eye(16, dtype=np.float32), -(-bands // 16), axis=0)[:bands] / (bands / 16)
        weights = {"embedding": groups.T, **heads}
        nodes = [helper.make_node("ReduceMean", [input_name], ["bands"], axes=[2], keepdims=0)]
        constants = []
        for name, matrix in weights.items():
            offset = (bias or {}).get(name, np.zeros(len(matrix)))
            constants.append(numpy_helper.from_array(np.ascontiguousarray(matrix, np.float32), f"{name}.weight"))
            constants.append(numpy_helper.from_array(np.asarray(offset, np.float32), f"{name}.bias"))
            nodes.append(helper.make_node("Gemm", ["bands", f"{name}.weight", f"{name}.bias"], [name], transB=1))
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            nodes,
            "tiny",
            [value(input_name, onnx.TensorProto.FLOAT, ["batch", *input_shape])],
            [value(name, onnx.TensorProto.FLOAT, ["batch", len(m)]) for name, m in weights.items()],
            constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString())
        return path

    return write


@pytest.fixture(scope="session")
def make_model(make_network: Callable[..., Path]) -> Callable[..., Path]:
    """Write a tiny sealed and pinned model file; ``make_model(path)`` has both scream heads.

    Its detection says "scream" for windows whose mean is above -0.5 (loud, broad sounds); its type says
    "negative" where the upper half of the bands is louder than the lower one. Its speech detection says "speech" for
    windows whose lowest quarter of bands has a mean above -0.5, loud and broad ones among them; its emotion is anger
    where of that quarter the lower half is the louder one, sadness where it is the quieter one.
    """
    from exclaim.card import Card, Head, Thresholds
    from exclaim.model import pin, seal

    detection = Head(
        task="scream-detection",
        output="scream-detection",
        labels=("other", "scream"),
        thresholds=Thresholds(on=0.5, off=0.3),
    )
    kind = Head(task="scream-type", output="scream-type", labels=("negative", "positive"), abstain_below=0.6)

    def write(path: Path, heads: tuple[Head, ...] = (detection, kind), **fields: Any) -> Path:
        loud = np.array([[0.0], [20.0]]) * np.full((1, 128), 1 / 128)
        tilt = np.repeat([[-10.0, 10.0], [10.0, -10.0]], 64, axis=1) / 64
        low = np.zeros((2, 128))
        low[1, :32] = 20 / 32
        pitch = np.zeros((6, 128))
        pitch[0, :32] = np.repeat([10.0, -10.0], 16) / 16
        pitch[5] = -pitch[0]
        rows = {
            "scream-detection": (loud, [0.0, 10.0]),
            "scream-type": (tilt, [0.0, 0.0]),
            "speech-detection": (low, [0.0, 10.0]),
            "speech-emotion": (pitch, np.zeros(6)),
        }
        default = (np.random.default_rng(0).normal(size=(8, 128)), np.zeros(8))
        weights = {h.output: rows.get(h.task, default)[0][: len(h.labels)] for h in heads}
        bias = {h.output: np.asarray(rows.get(h.task, default)[1])[: len(h.labels)] for h in heads}
        make_network(path, weights, bias)
        seal(path, Card(**{"name": "tiny", "version": "0", "heads": heads, **fields}))
        pin(path)
        return path

    return write


@pytest.fixture(scope="session")
def make_talk() -> Callable[..., np.ndarray]:
    """Make what the model of ``make_model`` takes for speech: low noise at 16 kHz that comes and goes as syllables do.

    ``make_talk(seconds)`` sounds angry to it, ``make_talk(seconds, angry=False)`` sad.
    """

    def talk(seconds: float, *, angry: bool = True, peak: float = 0.3) -> np.ndarray:
        count = round(seconds * 16_000)
        spectrum = np.fft.rfft(np.random.default_rng(count).normal(size=count))
        hertz = np.fft.rfftfreq(count, 1 / 16_000)
        lower, upper = (hertz > 60) & (hertz < 390), (hertz >= 390) & (hertz < 740)
        spectrum *= lower * (1.0 if angry else 0.03) + upper * (0.03 if angry else 1.0)
        sound = np.fft.irfft(spectrum, count) * (0.7 + 0.3 * np.sin(2 * np.pi * 4 * np.arange(count) / 16_000))
        return (peak * sound / np.abs(sound).max()).astype(np.float32)

    return talk


@pytest.fixture(scope="session")
def write_pictures() -> Callable[..., None]:
    """Write CREMA-D as pictures, ``write_pictures(root, labels)``: 12 actors, 4 sentences, an emotion a bright stripe.

    With ``voices=True`` an actor is a further stripe, higher up.
    """
    from PIL import Image

    def write(root: Path, labels: tuple[str, ...], *, voices: bool = False) -> None:
        folder = root / "crema-d-logmel"
        folder.mkdir()
        rng = np.random.default_rng(0)
        for actor in range(1001, 1013):
            for number, emotion in enumerate(labels):
                for sentence in ("DFA", "IEO", "IOM", "ITH"):
                    grey = rng.integers(1, 90, (128, 188)).astype(np.uint8)
                    begin = 10 + 40 * number + int(rng.integers(-8, 9))
                    grey[begin : begin + 20, 20:140] += 140
                    if voices:
                        grey[90 + 3 * (actor - 1001) :][:3] += 100
                    Image.fromarray(grey).save(folder / f"{actor}_{sentence}_{emotion}_XX.png")

    return write
