"""Tables II and III: what the report says is what `evaluate --noise` measures, and it is measured once."""

import numpy as np
import pytest
import soundfile

from exclaim.errors import CorpusError
from exclaim.evaluate.noise.bank import noise_bank
from exclaim.evaluate.noise.evaluate import hear_under_noise
from exclaim.evaluate.noise.recordings import noise_in_folder
from exclaim.evaluate.report import noisy as module
from exclaim.evaluate.report.answered import answered, label_test_clips
from exclaim.evaluate.report.noise import noise_sections
from exclaim.evaluate.report.noisy import held_out_noise, noisy, open_banks
from exclaim.evaluate.report.rows import judgements, rows
from exclaim.evaluate.report.under_noise import under_noise
from exclaim.model import load_model

RATIOS = (0.0, 10.0)


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Two seconds of noise of two places."""
    folder = tmp_path_factory.mktemp("places")
    for i, kind in enumerate(("cafe", "bus")):
        (folder / kind).mkdir()
        samples = np.random.default_rng(i).normal(0, 0.05, 32_000)
        soundfile.write(folder / kind / "one.wav", np.convolve(samples, np.ones(1 + 8 * i))[:32_000], 16_000)
    return folder


@pytest.fixture
def heard(make_runs, tmp_path, places):
    def hear(*asked):
        runs = make_runs(*asked)
        answers = {run.sha256: answered(run, tmp_path) for run in runs}
        with open_banks() as bank:
            found = {
                run.sha256: noisy(run, answers[run.sha256], bank(held_out_noise(run, str(places), tmp_path)), RATIOS)
                for run in runs
            }
        judged = judgements(rows(runs, answers), answers, draws=40)
        return runs, [under_noise(one, answers, found, draws=40) for one in judged]

    return hear


def test_the_figures_are_those_of_an_evaluation_under_noise(heard, places, tmp_path):
    (run,), (found,) = heard({"name": "a"})
    model = load_model(run.model)
    with noise_bank(noise_in_folder(places)) as bank:
        labelled = label_test_clips(run, model)["scream-detection"]
        _, table = hear_under_noise(model, labelled, bank, RATIOS, root=tmp_path, draws=40)
    assert found.clips == table.n == 30
    assert found.clean["uar"].whole == pytest.approx(table.clean.uar, abs=1e-6)
    for row in table.rows:
        (one,) = [figures for of, figures in found.noisy.items() if (of.kind, of.snr_db) == (row.kind, row.snr_db)]
        assert one["uar"].whole == pytest.approx(row.uar, abs=1e-6)
        assert (found.clean["uar"] - one["uar"]).interval() == pytest.approx(row.intervals["loss"], abs=1e-6)
    assert any(row.loss for row in table.rows), "noise changes nothing: the test tells nothing"


def test_tables_two_and_three_average_over_kinds_and_ratios(heard):
    _, found = heard({"name": "a"}, {"name": "b", "shift": 1})
    averaged, by_kind = noise_sections(found, ["a note"])
    assert [table.name for table in averaged.tables] == ["table-2-accuracy", "table-2-uar"]
    assert averaged.notes == ("a note",)
    numbers = {(n.row, n.condition, n.figure): n for n in (*averaged.numbers, *by_kind.numbers) if n.source == "ours"}
    for one in found:
        name = one.judgement.row.name
        each = [figures["accuracy"].whole for figures in one.noisy.values()]
        assert numbers[name, "mean", "accuracy"].value == pytest.approx(np.mean(each))
        loss = numbers[name, "mean", "loss of accuracy"]
        assert loss.value == pytest.approx(one.clean["accuracy"].whole - np.mean(each))
        assert loss.low <= loss.value <= loss.high
        bus = [figures["uar"].whole for condition, figures in one.noisy.items() if condition.kind == "bus"]
        assert numbers[name, "bus", "uar"].value == pytest.approx(np.mean(bus))
        assert (name, "bus, 10 dB", "uar") in numbers
    assert [column.text for column in by_kind.tables[0].columns] == ["clean", "cafe", "bus"]


def test_a_run_is_heard_under_noise_once(heard, monkeypatch, places, tmp_path):
    (run,), _ = heard({"name": "a"})
    monkeypatch.setattr(module, "noisy_logits", lambda *_, **__: pytest.fail("heard again"))
    with open_banks() as bank:
        noise = bank(held_out_noise(run, str(places), tmp_path))
        again = noisy(run, answered(run, tmp_path), noise, RATIOS)
        assert len(again.clips) == 30
        with pytest.raises(pytest.fail.Exception, match="heard again"):
            noisy(run, answered(run, tmp_path), noise, (5.0,))


def test_seeds_are_averaged_under_noise_too(heard):
    _, (found,) = heard({"name": "a-1", "seed": 1}, {"name": "a-2", "seed": 2, "shift": 1})
    assert len(found.clean["uar"].of_seeds) == 2
    assert noise_sections([found], ())[0].numbers[0].deviation is not None


def test_nothing_heard_gives_no_tables():
    assert noise_sections([], ["why"]) == ()


def test_clips_that_are_gone_are_an_error(make_runs, tmp_path, places):
    (run,) = make_runs({"name": "a"})
    gone = answered(run, tmp_path)._replace(paths=tuple(f"nowhere-{i}.wav" for i in range(30)))
    with open_banks() as bank, pytest.raises(CorpusError, match="no test clip can be mixed"):
        noisy(run, gone, bank(held_out_noise(run, str(places), tmp_path)), RATIOS)
