"""Runs that were trained on a condensed set: the report names the set, and the corpus of the test clips."""

from exclaim.card import CorpusUse
from exclaim.evaluate.report import answered as heard
from exclaim.evaluate.report.report import ReportOptions, make_report
from exclaim.evaluate.report.runs import find_runs

CREMA = (CorpusUse(name="crema-d-logmel", licence="ODbL-1.0"),)


def test_the_test_clips_are_the_corpus_and_the_training_data_is_the_set(make_run, tmp_path):
    make_run("on-dm-10", bursts=("dm-10.safetensors",), corpora=CREMA)
    (run,) = find_runs([tmp_path / "runs"]).runs
    assert run.on_set == "dm-10"
    assert heard.test_data(run) == "crema-d-logmel, test part of the recipe's split (by speaker, seed 0)"
    found = make_report([tmp_path / "runs"], ReportOptions(data=tmp_path, noise=None, repeats=0, draws=10))
    sections = {section.id: section for section in found.sections}
    (line,) = sections["table-1"].tables[0].blocks[0].lines[:1]
    assert "learnt from the condensed set dm-10 (ODbL-1.0), made of crema-d-logmel" in line.detail
    assert "learnt from the condensed set dm-10 (ODbL-1.0)" in sections["runs"].how[0]
    said = [*sections["table-1"].how, *(number.data for number in sections["table-1"].numbers if number.data)]
    assert any("crema-d-logmel" in words for words in said)
    assert not any("safetensors" in words for words in said)


def test_runs_on_corpora_are_named_with_their_licences_and_no_set(make_run, tmp_path):
    make_run("plain", corpora=(CorpusUse(name="emogator", licence="Apache-2.0"),))
    (run,) = find_runs([tmp_path / "runs"]).runs
    assert run.on_set is None
    assert heard.test_data(run).startswith("csv, ")
    assert heard.answered(run, tmp_path).answers
    found = make_report([tmp_path / "runs"], ReportOptions(data=tmp_path, noise=None, repeats=0, draws=10))
    sections = {section.id: section for section in found.sections}
    assert "learnt from emogator (Apache-2.0)" in sections["runs"].how[0]
    assert "learnt from" not in sections["table-1"].tables[0].blocks[0].lines[0].detail
