"""The gate: smaller, not slower, as good; each of the three alone keeps a candidate out."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from exclaim.card import Head
from exclaim.corpora.manifest_files import read_manifest
from exclaim.errors import ModelError
from exclaim.evaluate.labelling import Labelled, label_clips
from exclaim.learn import admission
from exclaim.learn.admission import (
    AdmissionOptions,
    Candidate,
    Quality,
    admissions,
    keep_admissions,
    qualities,
    read_admissions,
    verdict,
)
from exclaim.learn.pace import Pace
from exclaim.model import Model, load_model

TYPE = Head(task="scream-type", output="scream-type", labels=("negative", "positive"))
STRICT = AdmissionOptions()


def quality(low: float, high: float, figure: str = "uar") -> Quality:
    return Quality(
        task="scream-type",
        figure=figure,
        original=0.8,
        candidate=0.8,
        difference=(low + high) / 2,
        interval=(low, high),
    )


def pace(ratio: float) -> Pace:
    return Pace(0.5 * ratio, 0.5, ratio)


AS_GOOD = (quality(-0.005, 0.01), quality(-0.01, 0.01, "auroc"))


@pytest.mark.parametrize(
    ("sizes", "ratio", "figures", "words"),
    [
        ((100, 100), 1.0, AS_GOOD, ["not smaller"]),
        ((50, 100), 1.04, AS_GOOD, ["slower"]),
        ((50, 100), 1.0, (quality(-0.011, 0.03), AS_GOOD[1]), ["scream-type UAR", "does not exclude a loss"]),
        ((50, 100), 1.0, (AS_GOOD[0], quality(-0.02, 0.0, "auroc")), ["scream-type AUROC"]),
        ((50, 100), 1.0, (), ["not measured"]),
        ((150, 100), 2.0, (quality(-0.2, -0.1),), ["not smaller", "slower", "UAR"]),
    ],
)
def test_each_fault_alone_keeps_a_candidate_out(sizes, ratio, figures, words):
    passed, reason = verdict(sizes, pace(ratio), figures, STRICT)
    assert not passed
    assert all(word in reason for word in words)


def test_what_is_smaller_no_slower_and_as_good_passes():
    passed, reason = verdict((50, 100), pace(1.02), AS_GOOD, STRICT)
    assert passed
    assert reason.startswith("50% of the bytes, 102% of the time")


def test_a_figure_without_an_interval_is_no_proof():
    unknown = Quality(task="a", figure="auroc", original=None, candidate=None, difference=None, interval=None)
    passed, reason = verdict((50, 100), pace(1.0), (AS_GOOD[0], unknown), STRICT)
    assert not passed
    assert "nothing is known" in reason


def test_the_tolerance_is_the_users():
    worse = (quality(-0.03, 0.0),)
    assert not verdict((50, 100), pace(1.0), worse, STRICT)[0]
    assert verdict((50, 100), pace(1.0), worse, AdmissionOptions(tolerance=0.03))[0]


@pytest.fixture
def clips(tmp_path) -> Path:
    """30 clips of 10 speakers: high noise is negative, low noise positive, and a few of each speaker are in between."""
    path = tmp_path / "clips.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(("path", "label", "speaker"))
        for i in range(30):
            noise = np.random.default_rng(i).normal(0, 0.1, 49_000)
            sound = np.diff(noise)[:48_000] if i % 2 else np.convolve(noise, np.ones(8) / 8)[:48_000]
            soundfile.write(tmp_path / f"{i:02}.wav", sound, 16_000)
            table.writerow((f"{i:02}.wav", "negative" if i % 2 else "positive", f"speaker-{i // 3}"))
    return path


@pytest.fixture
def same_time(monkeypatch) -> dict[str, float]:
    """Let every model take a millisecond, or what is written here by its file's name."""
    times: dict[str, float] = {}

    def paces(original: Model, models: Sequence[Model], windows: int) -> list[Pace]:
        found = [times.get(model.path.name, 1.0) for model in (original, *models)]
        return [Pace(ms, found[0], ms / found[0]) for ms in found[1:]]

    monkeypatch.setattr(admission, "paces", paces)
    return times


def labelled(model: Model, clips: Path) -> list[Labelled]:
    return [label_clips(model, read_manifest(clips), "scream-type", "clips")]


def made(make_model: Callable[..., Path], path: Path, *, heads: tuple[Head, ...] = (TYPE,)) -> Model:
    return load_model(make_model(path, heads))


def test_a_candidate_is_measured_beside_its_original(tmp_path, make_network, make_model, clips, same_time):
    original = made(make_model, tmp_path / "original.onnx", heads=(TYPE, _padding_head()))
    smaller = made(make_model, tmp_path / "smaller.onnx")
    steps: list[tuple[int, int]] = []
    (found,) = admissions(
        original,
        [Candidate(smaller, "int8", "a note")],
        labelled(original, clips),
        progress=lambda done, whole: steps.append((done, whole)),
    )
    assert found.passed
    assert found.reason.endswith("; a note")
    assert (found.bytes, found.original_bytes) == (smaller.path.stat().st_size, original.path.stat().st_size)
    assert found.bytes < found.original_bytes
    assert (found.model, found.original, found.method) == ("smaller.onnx", "original.onnx", "int8")
    assert (found.ms, found.original_ms, found.time_ratio) == (1.0, 1.0, 1.0)
    assert [(q.figure, q.original, q.difference, q.interval) for q in found.quality] == [
        ("uar", 1.0, 0.0, (0.0, 0.0)),
        ("auroc", 1.0, 0.0, (0.0, 0.0)),
    ]
    assert steps[-1] == (60, 60)
    assert sorted(steps) == steps


def test_a_slow_or_wrong_candidate_is_kept_out(tmp_path, make_network, make_model, clips, same_time):
    original = made(make_model, tmp_path / "original.onnx", heads=(TYPE, _padding_head()))
    slow, wrong = (made(make_model, tmp_path / name) for name in ("slow.onnx", "wrong.onnx"))
    wrong = _inverted(make_network, make_model, wrong)
    same_time["slow.onnx"] = 1.5
    candidates = [Candidate(slow, "int8"), Candidate(wrong, "weights8")]
    first, second = admissions(original, candidates, labelled(original, clips))
    assert not first.passed
    assert "it is slower" in first.reason
    assert not second.passed
    assert "scream-type UAR changes by -1.0000" in second.reason


def _padding_head() -> Head:
    """A head that nothing asks: it makes the original's file the larger one."""
    return Head(task="other", output="other", labels=tuple(f"label-{i}" for i in range(8)))


def _inverted(make_network, make_model, model: Model) -> Model:
    """The same file with its weights turned round."""
    from exclaim.model import pin, seal

    tilt = -np.repeat([[-10.0, 10.0], [10.0, -10.0]], 64, axis=1) / 64
    make_network(model.path, {"scream-type": tilt})
    seal(model.path, model.card)
    pin(model.path)
    return load_model(model.path)


def test_two_models_that_answered_other_clips_are_not_paired(tmp_path, make_model, clips):
    from exclaim.evaluate.evaluate import hear

    model = made(make_model, tmp_path / "model.onnx")
    (part,) = labelled(model, clips)
    whole = hear(model, part)
    fewer = whole._replace(answers=whole.answers[1:])
    with pytest.raises(ModelError, match="not asked about the same clips"):
        qualities([whole], [fewer], STRICT)


def test_nothing_to_compare_on_is_an_error(tmp_path, make_model):
    model = made(make_model, tmp_path / "model.onnx")
    with pytest.raises(ModelError, match="no clips to compare"):
        admissions(model, [Candidate(model, "int8")], [])


def test_what_was_measured_is_kept_by_file(tmp_path, make_model, clips, same_time):
    original = made(make_model, tmp_path / "original.onnx", heads=(TYPE, _padding_head()))
    one, other = (made(make_model, tmp_path / name) for name in ("one.onnx", "other.onnx"))
    path = tmp_path / "compress.json"
    assert read_admissions(path) == []
    parts = labelled(original, clips)
    first, second = admissions(original, [Candidate(one, "int8"), Candidate(other, "weights8")], parts)
    keep_admissions(path, [first, second])
    same_time["one.onnx"] = 2.0
    (again,) = admissions(original, [Candidate(one, "int8")], parts)
    keep_admissions(path, [again])
    assert read_admissions(path) == [second, again]
    assert not again.passed
    path.write_text("{}")
    with pytest.raises(ModelError, match="remove it to begin anew"):
        read_admissions(path)
