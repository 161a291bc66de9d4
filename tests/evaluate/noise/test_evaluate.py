"""The table under noise: figures of each condition, what is lost against the clean clips, and how sure that is."""

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from exclaim.corpora.registry import load_corpus
from exclaim.errors import CorpusError
from exclaim.evaluate.bootstrap import difference_intervals
from exclaim.evaluate.evaluate import evaluate, judge_heard
from exclaim.evaluate.labelling import label_clips
from exclaim.evaluate.metrics import uar
from exclaim.evaluate.noise.bank import noise_bank
from exclaim.evaluate.noise.evaluate import hear_under_noise
from exclaim.evaluate.noise.hearing import noisy_logits
from exclaim.evaluate.noise.recordings import noise_in_folder
from exclaim.model import predict_head

SNRS = (-10.0, 10.0)


def burst(seconds: float, seed: int) -> np.ndarray:
    return 0.5 * np.random.default_rng(seed).uniform(-1, 1, int(seconds * 16_000)).astype(np.float32)


@pytest.fixture
def noise(write_noise):
    rng = np.random.default_rng(9)
    return noise_in_folder(
        write_noise({"bus/a.wav": rng.normal(size=64_000) / 9, "hum/b.wav": np.sin(np.arange(64_000) / 9)})
    )


@pytest.fixture
def crowd(write_clips):
    """Full-length noise is a scream to the tiny model, half a second of it is not; some labels are wrong."""
    rows = []
    for i in range(40):
        label = ("scream" if i % 2 == 0 else "other") if i % 10 else "other"
        rows.append((label, f"speaker-{i % 8}", burst(3.0 if i % 2 == 0 else 0.3 + 0.02 * i, i)))
    return load_corpus("csv", write_clips(rows))


def heard(model, manifest, noise, snrs=SNRS, **options):
    with noise_bank(noise) as bank:
        labelled = label_clips(model, manifest, "scream-detection")
        return hear_under_noise(model, labelled, bank, snrs, **{"draws": 200, **options})


def answers_by_hand(model, manifest, noise):
    """Truth, and for clean and each condition the probabilities and the answers at the card's threshold."""
    head = model.card.head("scream-detection")
    with noise_bank(noise) as bank:
        found = list(noisy_logits(model, [clip.path for clip in manifest], bank, SNRS))
    logits = [[one.clean.logits[head.output] for one in found]]
    logits += [[one.noisy[i].logits[head.output] for one in found] for i in range(4)]
    judged = [predict_head(head, np.stack(rows)) for rows in logits]
    truth = np.array([clip.label == "scream" for clip in manifest]).astype(int)
    return truth, [(p[:, 1], np.array([label == "scream" for label in labels]).astype(int)) for p, labels, _ in judged]


def test_figures_agree_with_scikit_learn(tiny, crowd, noise):
    _, table = heard(tiny, crowd, noise)
    truth, (clean, *noisy) = answers_by_hand(tiny, crowd, noise)
    assert [(row.kind, row.snr_db) for row in table.rows] == [(k, s) for k in ("bus", "hum") for s in SNRS]
    recall = sklearn_metrics.balanced_accuracy_score(truth, clean[1])
    assert table.clean.uar == pytest.approx(recall, abs=1e-6)
    assert table.clean.loss is None
    losses = []
    for row, (scores, answers) in zip(table.rows, noisy, strict=True):
        under = sklearn_metrics.balanced_accuracy_score(truth, answers)
        assert row.uar == pytest.approx(under, abs=1e-6)
        assert row.auroc == pytest.approx(sklearn_metrics.roc_auc_score(truth, scores), abs=1e-6)
        assert row.loss == pytest.approx(recall - under, abs=1e-6)
        recalls = sklearn_metrics.recall_score(truth, answers, average=None)
        assert list(row.recalls.values()) == pytest.approx(recalls, abs=1e-6)
        losses.append(row.loss)
    assert max(losses) > 0.1  # the noise is heard
    for snr, mean in zip(SNRS, table.means, strict=True):
        rows = [row for row in table.rows if row.snr_db == snr]
        assert (mean.kind, mean.snr_db) == (None, snr)
        for name in ("uar", "auroc", "loss"):
            assert getattr(mean, name) == pytest.approx(np.mean([getattr(row, name) for row in rows]), abs=2e-6)


def test_the_loss_is_paired_over_speakers(tiny, crowd, noise):
    """Against the bootstrap of differences itself, one draw at a time."""
    _, table = heard(tiny, crowd, noise, seed=4)
    with_seed = {"seed": 4}
    with noise_bank(noise) as bank:
        found = list(noisy_logits(tiny, [clip.path for clip in crowd], bank, SNRS, **with_seed))
    head = tiny.card.head("scream-detection")
    truth = np.array([clip.label == "scream" for clip in crowd]).astype(int)

    def answers(rows):
        _, labels, _ = predict_head(head, np.stack(rows))
        return np.array([label == "scream" for label in labels]).astype(int)

    def statistic(given):
        return lambda chosen: {"loss": uar(truth[chosen], given[chosen], 2)}

    clean = statistic(answers([one.clean.logits[head.output] for one in found]))
    clusters = [clip.speaker_key for clip in crowd]
    for i, row in enumerate(table.rows):
        noisy = statistic(answers([one.noisy[i].logits[head.output] for one in found]))
        expected = difference_intervals(clean, noisy, clusters, seed=4, draws=200)["loss"]
        assert row.intervals["loss"] == pytest.approx(expected, abs=1e-6)


def test_the_clean_evaluation_beside_it_is_the_plain_one(tiny, crowd, noise):
    under, table = heard(tiny, crowd, noise)
    assert judge_heard(tiny, under, draws=20) == evaluate(tiny, crowd, task="scream-detection", draws=20)
    assert table.n == 40
    assert table.recordings == {"bus": ("a.wav",), "hum": ("b.wav",)}


def test_the_same_call_gives_the_same_table_and_the_hash_knows_the_noise(tiny, crowd, noise, write_noise):
    _, table = heard(tiny, crowd, noise)
    assert heard(tiny, crowd, noise, threads=1)[1] == table
    other = noise_in_folder(write_noise({"bus/a.wav": np.random.default_rng(1).normal(size=64_000) / 9}))
    assert heard(tiny, crowd, other)[1].data_sha256 != table.data_sha256


def test_clips_that_cannot_be_mixed_are_named_and_the_clean_row_is_without_them(tiny, write_clips, noise):
    rows = [("scream" if i % 2 else "other", f"s{i % 3}", burst(3.0 if i % 2 else 0.3, i)) for i in range(30)]
    rows[0] = ("other", "s0", np.zeros(4_000, np.float32))
    found, table = heard(tiny, load_corpus("csv", write_clips(rows)), noise)
    assert len(found.answers) == 30
    assert table.n == 29
    assert table.excluded_reasons == {"is digital silence, which has no level": 1}
    assert "1 clips are not in the noise table: is digital silence, which has no level" in table.notes


def test_one_speaker_gives_no_intervals(tiny, write_clips, noise):
    rows = [("scream" if i % 2 else "other", "only", burst(0.5, i)) for i in range(4)]
    _, table = heard(tiny, load_corpus("csv", write_clips(rows)), noise)
    assert set(table.rows[0].intervals.values()) == {None}


def test_nothing_but_silence_is_an_error(tiny, write_clips, noise):
    manifest = load_corpus("csv", write_clips([("other", "a", np.zeros(4_000, np.float32))]))
    with pytest.raises(CorpusError, match="no clip can be mixed with noise"):
        heard(tiny, manifest, noise)
