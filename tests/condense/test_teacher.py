"""A teacher of whole windows is asked about items that are drawn out to whole ones."""

from pathlib import Path

import numpy as np
import torch

from exclaim.areas import area_means
from exclaim.condense.teacher import Teacher
from exclaim.learn.checkpoint import save_weights
from exclaim.learn.network import network_of
from exclaim.learn.recipe import HeadOptions, NetworkOptions, Recipe
from exclaim.learn.views import dequantise, quantise

LABELS = ("a", "b", "c")


def teacher_of(view: tuple[int, int] | None, folder: Path) -> Teacher:
    options = {"width": 0.125} | ({"view": view} if view else {})
    recipe = Recipe(
        name="teacher",
        task="mood",
        seed=2,
        bursts=("x",),
        heads={"mood": HeadOptions(labels=LABELS)},
        network=NetworkOptions(name="cnn6", options=options),
    )
    save_weights(network_of(recipe), folder / "weights.safetensors")
    return Teacher(recipe, folder / "weights.safetensors", "mood", torch.device("cpu"))


def items(view: tuple[int, int]) -> np.ndarray:
    """Return windows that vary slowly, so that drawing out loses little."""
    rows, columns = np.arange(view[0])[:, None] / view[0], np.arange(view[1])[None] / view[1]
    turns = np.arange(1, 5)[:, None, None]
    return (0.8 * np.sin(2 * np.pi * turns * rows) * np.cos(np.pi * turns * columns)).astype(np.float32)


def test_a_smaller_view_is_drawn_out_to_the_window_it_is_of(tmp_path: Path) -> None:
    whole = items((128, 188))
    small = area_means(128, 64) @ whole @ area_means(188, 64).T
    listener = teacher_of(None, tmp_path)
    assert np.allclose(listener.labels(small, 1.0), listener.labels(whole, 1.0), atol=5e-3)
    assert listener.labels(small, 1.0).std(axis=0).max() > 5e-3, "the items differ, or nothing is compared"
    assert np.allclose(listener.embeddings(quantise(small)), listener.embeddings(quantise(whole)), atol=5e-2)


def test_its_own_view_is_seen_as_it_is(tmp_path: Path) -> None:
    small = dequantise(quantise(items((64, 64))))
    listener = teacher_of((64, 64), tmp_path)
    with torch.inference_mode():
        known = listener._network(torch.from_numpy(small))["mood"].softmax(dim=1).numpy()
    assert np.allclose(listener.labels(small, 1.0), known, atol=1e-5)
