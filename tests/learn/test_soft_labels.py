"""Soft labels: how they blend with labels, and what a table on disk must say to be believed."""

from pathlib import Path

import numpy as np
import pytest

from exclaim.corpora.clip import Clip
from exclaim.errors import RecipeError, StoreError
from exclaim.learn.examples import Example
from exclaim.learn.soft_labels import SoftLabels, load_soft_labels, save_soft_labels, soften, tempered


def clip(name: str) -> Clip:
    return Clip(path=Path(f"/corpus/{name}.wav"), corpus="folder")


def example(name: str, target: list[float], weight: float = 1.0) -> Example:
    targets = {"detection": np.array(target, np.float32), "type": np.array([1, 0], np.float32)}
    return Example(clip(name), targets, {"detection": weight, "type": 1.0}, positive=target[1] > 0.5)


TABLE = SoftLabels(
    source="yamnet-scores",
    head="detection",
    labels=("other", "scream"),
    teacher="a" * 64,
    data="b" * 64,
    figures={"validation.uar": 0.75},
    distributions={
        f"/corpus/{name}.wav": np.array([1 - value, value], np.float32)
        for name, value in (("labelled", 0.4), ("unlabelled", 0.25), ("balanced", 0.0))
    },
)


def test_a_label_is_blended_with_its_soft_label_and_counts_as_it_did():
    (soft,) = soften([example("labelled", [0, 1])], TABLE, "detection", 0.3)
    assert soft.targets["detection"] == pytest.approx([0.3 * 0.6, 0.7 + 0.3 * 0.4])
    assert soft.weights == {"detection": 1.0, "type": 1.0}
    assert soft.positive
    (heavy,) = soften([example("balanced", [0, 1], weight=2.5)], TABLE, "detection", 0.5)
    assert heavy.targets["detection"] == pytest.approx([0.5, 0.5])
    assert heavy.weights["detection"] == 2.5


def test_a_clip_without_label_takes_the_soft_label_and_counts_its_weight():
    (soft,) = soften([example("unlabelled", [0.5, 0.5], weight=0.0)], TABLE, "detection", 0.3)
    assert soft.targets["detection"] == pytest.approx([0.75, 0.25])
    assert soft.weights["detection"] == pytest.approx(0.3)


def test_other_heads_and_clips_that_were_not_asked_stay_as_they_are():
    before = [example("labelled", [0, 1]), example("stranger", [0, 1]), example("stranger", [0.5, 0.5], 0.0)]
    after = soften(before, TABLE, "detection", 0.3)
    assert after[1] is before[1]
    assert after[2] is before[2]
    assert np.array_equal(after[0].targets["type"], [1, 0])
    assert np.array_equal(before[0].targets["detection"], [0, 1])  # what was given is not touched


def test_weight_zero_keeps_the_labels_and_weight_one_takes_the_soft_ones():
    hard = [example("labelled", [0, 1])]
    assert soften(hard, TABLE, "detection", 0.0)[0].targets["detection"] == pytest.approx([0, 1])
    assert soften(hard, TABLE, "detection", 1.0)[0].targets["detection"] == pytest.approx([0.6, 0.4])


def test_a_table_of_another_head_or_of_other_labels_is_refused():
    with pytest.raises(RecipeError, match=r"are for detection \(other, scream\); expected type"):
        soften([example("labelled", [0, 1])], TABLE, "type", 0.3)
    three = example("labelled", [0, 1])._replace(targets={"detection": np.full(3, 1 / 3, np.float32)})
    with pytest.raises(RecipeError, match="expected detection with 3 labels"):
        soften([three], TABLE, "detection", 0.3)


def test_a_table_comes_back_as_it_was_written(tmp_path):
    save_soft_labels(TABLE, tmp_path / "made" / "table.npz")
    found = load_soft_labels(tmp_path / "made" / "table.npz", teacher="a" * 64, data="b" * 64)
    assert found._replace(distributions={}) == TABLE._replace(distributions={})
    assert found.of(clip("labelled")) == pytest.approx([0.6, 0.4])
    assert found.of(clip("stranger")) is None
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["table.npz"]


def test_an_empty_table_comes_back_too(tmp_path):
    save_soft_labels(TABLE._replace(distributions={}), tmp_path / "table.npz")
    assert load_soft_labels(tmp_path / "table.npz").distributions == {}


@pytest.mark.parametrize("name", ["teacher", "data"])
def test_a_stale_table_is_refused(name, tmp_path):
    save_soft_labels(TABLE, tmp_path / "table.npz")
    with pytest.raises(StoreError, match=f"is stale: its {name} is"):
        load_soft_labels(tmp_path / "table.npz", **{name: "c" * 64})


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut short"], ids=["empty", "text", "cut"])
def test_what_is_no_table_is_refused(content, tmp_path):
    (tmp_path / "table.npz").write_bytes(content)
    with pytest.raises(StoreError, match="is no table of soft labels"):
        load_soft_labels(tmp_path / "table.npz")


def test_rows_that_are_no_distributions_are_refused(tmp_path):
    broken = {path: 2 * row for path, row in TABLE.distributions.items()}
    save_soft_labels(TABLE._replace(distributions=broken), tmp_path / "table.npz")
    with pytest.raises(StoreError, match="does not hold a distribution over 2 labels"):
        load_soft_labels(tmp_path / "table.npz")


def test_a_temperature_divides_the_logits_behind_a_distribution():
    logits = np.array([2.0, -1.0, 0.5], np.float32)
    told = np.exp(logits) / np.exp(logits).sum()
    table = TABLE._replace(distributions={"clip": told})
    softer = tempered(table, 2.0).distributions["clip"]
    assert softer == pytest.approx(np.exp(logits / 2) / np.exp(logits / 2).sum(), abs=1e-6)
    assert tempered(table, 1.0) is table
    assert tempered(TABLE, 0.5).of(clip("labelled")) == pytest.approx([0.36 / 0.52, 0.16 / 0.52])
    assert np.isfinite(tempered(TABLE, 3.0).of(clip("balanced"))).all()
