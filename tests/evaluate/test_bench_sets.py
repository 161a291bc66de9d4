"""Training on a set alone, as a device does it, beside training on the whole corpus."""

import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
import yaml
from PIL import Image

from exclaim.card import CorpusUse
from exclaim.corpora.condensed import write_set
from exclaim.corpora.condensed_card import SetCard
from exclaim.errors import ModelError, RecipeError
from exclaim.evaluate import bench_sets, instructions
from exclaim.evaluate.bench_records import set_bench_records
from exclaim.evaluate.bench_sets import SetBenchOptions, bench_set

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA is kept as described on Linux")
LABELS = ("ANG", "SAD")
RECIPE = {
    "task": "speech-emotion",
    "heads": {"speech-emotion": {"labels": list(LABELS)}},
    "network": {"name": "cnn6", "options": {"width": 0.125, "view": [16, 24]}},
    "split": {"validation": 0.25, "test": 0.25},
    "augment": {"ambience": 0},
}


@pytest.fixture
def options(tmp_path: Path, set_card: Callable[..., SetCard]) -> SetBenchOptions:
    """A set of four items among the runs, a corpus of sixteen pictures, and a recipe for each."""
    rng = np.random.default_rng(0)
    (tmp_path / "runs/tiny").mkdir(parents=True)
    corpus = tmp_path / "data/crema-d-logmel"
    corpus.mkdir(parents=True)
    for actor in range(1001, 1009):
        for label in LABELS:
            grey = rng.integers(1, 200, (128, 188)).astype(np.uint8)
            Image.fromarray(grey).save(corpus / f"{actor}_DFA_{label}_XX.png")
    split = {"validation": 0.25, "test": 0.25}
    crema = (CorpusUse(name="crema-d-logmel", licence="ODbL-1.0"),)
    card = set_card(task="speech-emotion", labels=LABELS, sources=crema, split=split)
    items = rng.integers(0, 256, (4, 16, 24)).astype(np.uint8)
    write_set(tmp_path / "runs/tiny/tiny.safetensors", items, np.eye(2, dtype=np.float32)[[0, 0, 1, 1]], card)
    on_set = RECIPE | {"name": "on-tiny", "bursts": ["tiny.safetensors"]}
    whole = RECIPE | {"name": "whole", "bursts": ["crema-d-logmel"]}
    on_set["schedule"] = {"epochs": 2, "passes": 3, "batch": 4}
    whole["schedule"] = {"epochs": 5, "batch": 4}
    (tmp_path / "on-tiny.yaml").write_text(yaml.safe_dump(on_set))
    (tmp_path / "whole.yaml").write_text(yaml.safe_dump(whole))
    return SetBenchOptions(
        recipe=tmp_path / "on-tiny.yaml",
        whole=tmp_path / "whole.yaml",
        data=tmp_path / "data",
        runs=tmp_path / "runs",
        cache=tmp_path / "cache",
    )


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_device_trains_on_the_set_alone_in_512_mb(
    options: SetBenchOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit is the system's, so a training that ends has kept it; the child has no way to the corpus."""
    monkeypatch.setattr(instructions.shutil, "which", lambda name: None)
    stages: list[str] = []
    found = bench_set(msgspec.structs.replace(options, memory_limit=512_000_000), stages.append)
    assert stages == ["training on the set alone", "an epoch of training on the whole corpus"]
    assert (found.items, found.on_set.windows) == (4, 2 * 3 * 4)
    assert found.wall_seconds > found.on_set.seconds
    assert found.epochs == 5
    assert found.on_whole.windows % 5 == 0
    assert 5 * 4 <= found.on_whole.windows <= 5 * 14
    assert 50e6 < found.on_set.peak_bytes < 600e6
    assert not (tmp_path / "runs/on-tiny").exists(), "the project's runs are left alone"
    records = {r.id: r for r in set_bench_records(found, command="c", tree="t", date="d")}
    ratio = records["bench.on-tiny.ratio.windows"].value
    assert ratio == pytest.approx(found.on_set.windows / found.on_whole.windows, abs=1e-6)
    assert "512 MB" in records["bench.on-tiny.set.memory"].protocol
    assert records["bench.on-tiny.set.instructions"].value is None, "nothing counts them here"
    assert "times 5" in records["bench.on-tiny.whole.seconds"].protocol


@pytest.mark.slow
def test_what_needs_more_than_the_limit_fails(options: SetBenchOptions) -> None:
    small = msgspec.structs.replace(options, whole=None, memory_limit=60_000_000)
    with pytest.raises(ModelError, match="in 60 MB ended with"):
        bench_set(small)


def test_a_set_of_fewer_cells_is_compared_with_the_same_network(
    options: SetBenchOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the records say how many cells each side saw."""
    monkeypatch.setattr(instructions.shutil, "which", lambda name: None)
    other = options.whole.with_name("finer.yaml")
    other.write_text("base: whole.yaml\nname: finer\nnetwork: {options: {view: [32, 48]}}")
    found = bench_set(msgspec.structs.replace(options, whole=other))
    assert (found.on_set.view, found.on_whole.view) == ((16, 24), (32, 48))
    records = {r.id: r for r in set_bench_records(found, command="c", tree="t", date="d")}
    assert "windows of 16 x 24 cells" in records["bench.on-tiny.set.seconds"].data
    assert records["bench.on-tiny.whole.seconds"].data.endswith("windows of 32 x 48 cells")


def test_another_network_is_no_comparison(options: SetBenchOptions) -> None:
    other = options.whole.with_name("other.yaml")
    other.write_text("base: whole.yaml\nnetwork: {options: {width: 0.25}}")
    with pytest.raises(RecipeError, match="trains another network"):
        bench_set(msgspec.structs.replace(options, whole=other))
    with pytest.raises(RecipeError, match="trains on no condensed set"):
        bench_set(msgspec.structs.replace(options, recipe=options.whole))


def test_some_steps_are_the_first_of_a_view() -> None:
    class Views:
        windows = 10

        def batches(self, view: int, size: int):
            yield from (range(begin, min(begin + size, 10)) for begin in range(0, 10, size))

    few, all_of_them = bench_sets._First(Views(), 2, 4), bench_sets._First(Views(), 0, 4)
    assert (few.windows, len(list(few.batches(0, 4)))) == (8, 2)
    assert (all_of_them.windows, len(list(all_of_them.batches(0, 4)))) == (10, 3)
