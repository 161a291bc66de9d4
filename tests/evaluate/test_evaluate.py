"""Judging a model: figures, what is left out, and manifests that cannot give everything."""

import msgspec
import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from exclaim.card import Head
from exclaim.corpora.clip import Clip
from exclaim.corpora.registry import load_corpus
from exclaim.errors import CorpusError, ModelError
from exclaim.evaluate.clips import clip_logits
from exclaim.evaluate.evaluate import evaluate
from exclaim.evaluate.labelling import clip_label
from exclaim.model import load_model, predict_head


def burst(level: float, seed: int = 0, seconds: float = 3.0) -> np.ndarray:
    return level * np.random.default_rng(seed).uniform(-1, 1, int(seconds * 16_000)).astype(np.float32)


def crowd(n: int = 40) -> list:
    """Full-length noise is a scream to the tiny model, half a second of it is not; every tenth label is
    wrong.
    """
    rows = []
    for i in range(n):
        loud = i % 2 == 0
        label = ("scream" if loud else "other") if i % 10 else "other"
        rows.append((label, f"speaker-{i % 8}", burst(0.5, i, 3.0 if loud else 0.3)))
    return rows


def test_figures_agree_with_scikit_learn(write_clips, tiny):
    manifest = load_corpus("csv", write_clips(crowd()))
    found = evaluate(tiny, manifest, task="scream-detection", draws=50)
    head = tiny.card.head("scream-detection")
    truth = np.array([clip.label == "scream" for clip in manifest]).astype(int)
    logits = np.stack([a.logits["scream-detection"] for a in clip_logits(tiny, [c.path for c in manifest])])
    probabilities, labels, _ = predict_head(head, logits)
    answers = np.array([label == "scream" for label in labels]).astype(int)
    assert 0 < answers.sum() < 40
    assert found.n == 40
    assert found.excluded == 0
    assert found.speakers == 8
    assert found.support == {"other": 24, "scream": 16}
    assert found.accuracy == pytest.approx(sklearn_metrics.accuracy_score(truth, answers), abs=1e-6)
    balanced = sklearn_metrics.balanced_accuracy_score(truth, answers)
    assert found.uar == found.balanced_accuracy == pytest.approx(balanced, abs=1e-6)
    assert found.macro_f1 == pytest.approx(sklearn_metrics.f1_score(truth, answers, average="macro"), abs=1e-6)
    assert found.auroc == pytest.approx(sklearn_metrics.roc_auc_score(truth, probabilities[:, 1]), abs=1e-6)
    np.testing.assert_array_equal(found.confusion, sklearn_metrics.confusion_matrix(truth, answers))
    for name, interval in found.intervals.items():
        assert interval[0] <= getattr(found, name) <= interval[1], name


def test_the_same_call_gives_the_same_record(write_clips, tiny):
    manifest = load_corpus("csv", write_clips(crowd(12)))
    assert evaluate(tiny, manifest, draws=20) == evaluate(tiny, manifest, draws=20)


def test_the_data_hash_knows_labels_and_sounds(write_clips, tiny, tmp_path):
    rows = crowd(6)
    hashes = set()
    for name, changed in (
        ("a", rows),
        ("b", [("scream", *rows[0][1:]), *rows[1:]]),
        ("c", [(*rows[0][:2], burst(0.1)), *rows[1:]]),
        ("d", [(rows[0][0], "someone", rows[0][2]), *rows[1:]]),
    ):
        manifest = load_corpus("csv", write_clips(changed, tmp_path / name))
        hashes.add(evaluate(tiny, manifest, task="scream-detection", draws=5).data_sha256)
    assert len(hashes) == 3  # who spoke is not part of it


def test_the_head_is_found_by_the_labels(write_clips, tiny, tmp_path):
    detection = load_corpus("csv", write_clips([("other", "a", burst(0.1)), ("scream", "b", burst(0.2))]))
    assert evaluate(tiny, detection, draws=5).task == "scream-detection"
    rows = [("Anger", "a", burst(0.1)), ("Triumph", "b", burst(0.2))]
    kind = load_corpus("csv", write_clips(rows, tmp_path / "type"))
    found = evaluate(tiny, kind, draws=5)
    assert found.task == "scream-type"
    assert found.support == {"negative": 1, "positive": 1}


def test_labels_of_no_head_and_of_two_heads_ask_for_the_task(write_clips, tiny, tmp_path):
    nobody = load_corpus("csv", write_clips([("zzz", "a", burst(0.1))]))
    with pytest.raises(ModelError, match=r"no head has labels.*--task: scream-detection, scream-type"):
        evaluate(tiny, nobody)
    with pytest.raises(ModelError, match="no head 'vocal-burst'"):
        evaluate(tiny, nobody, task="vocal-burst")
    both = load_corpus("csv", write_clips([("scream", "a", burst(0.1)), ("Pain", "a", burst(0.1))], tmp_path / "b"))
    with pytest.raises(ModelError, match="more than one head"):
        evaluate(tiny, both)


def test_unknown_labels_are_counted_not_judged(write_clips, tiny):
    rows = [*crowd(8), ("zzz", "a", burst(0.1)), ("", "a", burst(0.1)), ("Awe", "a", burst(0.1))]
    found = evaluate(tiny, load_corpus("csv", write_clips(rows)), task="scream-detection", draws=5)
    assert found.n == 8
    assert found.excluded == 3
    assert found.excluded_reasons == {
        "label 'zzz' is not known for scream-detection": 1,
        "label (none) has no place in scream-detection": 1,
        "label Awe has no place in scream-detection": 1,
    }


def test_only_unknown_labels_are_an_error(write_clips, tiny):
    manifest = load_corpus("csv", write_clips([("Awe", "a", burst(0.1))] * 3))
    with pytest.raises(CorpusError, match=r"none of 3 clips has a label of scream-type .*3 x label Awe"):
        evaluate(tiny, manifest, task="scream-type")


def test_one_unreadable_clip_of_many_is_counted(write_clips, tiny):
    found = evaluate(tiny, load_corpus("csv", write_clips([*crowd(30), ("scream", "a", None)])), draws=5)
    assert (found.n, found.excluded, found.excluded_reasons) == (30, 1, {"cannot be read": 1})


def test_more_than_five_in_a_hundred_unreadable_is_an_error(write_clips, tiny):
    manifest = load_corpus("csv", write_clips([*crowd(15), ("scream", "a", None)]))
    with pytest.raises(CorpusError, match="1 of 16 clips cannot be read, more than 5 %"):
        evaluate(tiny, manifest)


def test_one_class_gives_what_can_be_given(write_clips, tiny):
    found = evaluate(tiny, load_corpus("csv", write_clips([row for row in crowd() if row[0] == "other"])), draws=20)
    assert found.auroc is None
    assert "auroc" not in found.intervals
    assert found.uar == found.accuracy == found.recalls["other"]
    assert found.recalls["scream"] is None
    assert any("no clip is scream" in note for note in found.notes)
    assert any("there is no AUROC" in note for note in found.notes)
    msgspec.json.encode(found)


def test_one_speaker_gives_no_intervals(write_clips, tiny):
    rows = [(label, "only", samples) for label, _, samples in crowd(10)]
    found = evaluate(tiny, load_corpus("csv", write_clips(rows)), draws=20)
    assert found.intervals["uar"] is None
    assert any("one speaker" in note for note in found.notes)


def test_clips_without_speakers_count_for_themselves(write_clips, tiny):
    rows = [(label, "", samples) for label, _, samples in crowd(10)]
    found = evaluate(tiny, load_corpus("csv", write_clips(rows)), draws=20)
    assert found.speakers is None
    assert found.intervals["accuracy"] is not None
    assert any("name no speaker" in note for note in found.notes)


def test_abstentions_are_answered_for_uar_and_reported_apart(write_clips, tmp_path, make_model):
    kind = Head(task="scream-type", output="scream-type", labels=("negative", "positive"), abstain_below=0.999)
    model = load_model(make_model(tmp_path / "shy.onnx", heads=(kind,)))
    rows = [("negative" if i % 2 else "positive", str(i), burst(0.3, i, 0.5 + 0.1 * i)) for i in range(8)]
    found = evaluate(model, load_corpus("csv", write_clips(rows)), draws=20)
    assert found.coverage == 0
    assert found.risk is None
    assert sum(map(sum, found.confusion)) == 8
    assert found.uar is not None


def test_below_the_level_floor_nothing_is_detected(write_clips, tmp_path, make_model):
    model = load_model(make_model(tmp_path / "deaf.onnx", level_floor_db=30.0))
    found = evaluate(model, load_corpus("csv", write_clips(crowd(10))), draws=5)
    assert [row[1] for row in found.confusion] == [0, 0]


def test_a_head_that_the_corpora_do_not_know_is_judged_by_its_own_labels():
    head = Head(task="my-task", output="x", labels=("Yes", "no"))
    assert clip_label(head, Clip(path="a", corpus="csv", label=" yes ")) == "Yes"
    assert clip_label(head, Clip(path="a", corpus="csv", label="maybe")) is None


def test_the_risk_coverage_curve_is_kept_in_a_hundred_points(write_clips, tiny):
    found = evaluate(tiny, load_corpus("csv", write_clips(crowd(130))), task="scream-detection", draws=2)
    curve = np.array(found.risk_coverage)
    assert len(curve) <= 101
    assert (np.diff(curve[:, 0]) > 0).all()
    assert curve[-1] == pytest.approx([1, 1 - found.accuracy], abs=1e-6)
    at_70 = curve[np.argmax(curve[:, 0] >= 0.7)]
    assert 1 - found.selective_accuracy == pytest.approx(at_70[1], abs=0.02)  # the curve skips points


def test_sex_and_age_are_judged_where_the_manifest_tells_them(write_clips, tiny):
    path = write_clips(crowd(16))
    lines = path.read_text().splitlines()
    told = [f"{line},{'female' if i % 2 else 'male'},{20 + i}" for i, line in enumerate(lines[1:])]
    path.write_text("\n".join([f"{lines[0]},sex,age", *told]))
    found = evaluate(tiny, load_corpus("csv", path), task="scream-detection", draws=5)
    assert [(group.attribute, group.group, group.n) for group in found.groups] == [
        ("sex", "female", 8),
        ("sex", "male", 8),
        ("age", "20-39", 16),
    ]
    everyone = found.groups[-1]
    assert everyone.recalls == found.recalls
    assert everyone.uar == found.uar
