import json
from pathlib import Path

import pytest

from exclaim.cli import main


def run(capsys: pytest.CaptureFixture, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(["corpora", *arguments])
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


@pytest.fixture
def root(tmp_path: Path, tone) -> Path:
    for name in ("000001-03-1", "000002-30-1"):
        tone(tmp_path / f"emogator/data/mp3/{name}.wav", pitch=300 + 100 * int(name[5]))
    return tmp_path


@pytest.fixture
def tone():
    import numpy as np
    import soundfile

    def write(path: Path, pitch: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, 0.5 * np.sin(2 * np.pi * pitch * np.arange(1600) / 16_000), 16_000)

    return write


def test_list_says_what_is_here_and_where_the_rest_comes_from(root: Path, capsys) -> None:
    status, out, _ = run(capsys, "list", "--data", str(root))
    assert status == 0
    assert "2 / 32,130" in out
    assert "not found; from https://www.openslr.org/12" in out


def test_list_as_json_lines(root: Path, capsys) -> None:
    status, out, _ = run(capsys, "list", "--data", str(root), "--json")
    lines = {line["corpus"]: line for line in map(json.loads, out.splitlines())}
    assert status == 0
    assert lines["emogator"]["found"] is True
    assert lines["emogator"]["counts"][0]["clips"] == 2
    assert (lines["ravdess"]["found"], lines["ravdess"]["may_ship"]) == (False, False)


def test_check_of_a_sound_corpus_ends_with_status_0(root: Path, capsys) -> None:
    status, out, err = run(capsys, "check", "--data", str(root))
    assert (status, err) == (0, "")
    assert "emogator at" in out


def test_check_of_a_broken_corpus_ends_with_status_1_and_a_sentence(root: Path, capsys) -> None:
    (root / "emogator/data/mp3/000003-03-1.mp3").write_text("version https://git-lfs.github.com/spec/v1\n")
    status, out, err = run(capsys, "check", "emogator", "--data", str(root), "--json")
    (line,) = map(json.loads, out.splitlines())
    assert status == 1
    assert line["states"] == {"ok": 2, "git-lfs-pointer": 1}
    assert line["problems"][0]["path"].endswith("000003-03-1.mp3")
    assert "1 of 1 corpora are not sound (emogator): 1 of 3 clips are broken (1 git-lfs-pointer)" in err


def test_check_tells_the_first_few_of_many_problems(root: Path, capsys) -> None:
    for who in range(3, 12):
        (root / f"emogator/data/mp3/{who:06}-03-1.wav").write_bytes(b"")
    status, out, _ = run(capsys, "check", "emogator", "--data", str(root))
    assert status == 1
    assert out.count("empty: ") == 5
    assert "... and 4 more like this; --json lists them all" in out


def test_check_counts_what_has_no_counterpart_in_a_task(root: Path, capsys, tone) -> None:
    for number, name in enumerate(("a01", "su01", "su02")):
        tone(root / f"savee/AudioData/DC/{name}.wav", pitch=300 + 50 * number)
    status, out, _ = run(capsys, "check", "savee", "--data", str(root))
    assert status == 0
    assert "speech-emotion: 1 ANG; 2 clips without a counterpart (2 surprise)" in out


def test_check_finds_a_leak_in_ones_own_csv(root: Path, capsys) -> None:
    (root / "mine.csv").write_text(
        "path,label,speaker,split\nemogator/data/mp3/000001-03-1.wav,x,Ann,train\n"
        "emogator/data/mp3/000002-30-1.wav,x,Ann,test\n"
    )
    status, out, err = run(capsys, "check", str(root / "mine.csv"))
    assert status == 1
    assert "speaker csv:Ann is in train and test" in out
    assert "1 leaks of speaker" in err


def test_check_of_ones_own_folder(root: Path, capsys) -> None:
    status, out, _ = run(capsys, "check", str(root))
    assert status == 0
    assert "folder at" in out


def test_what_is_not_there_is_an_error_that_says_where_it_was_looked_for(tmp_path: Path, capsys) -> None:
    status, _, err = run(capsys, "check", "--data", str(tmp_path))
    assert (status, "no corpus was found at" in err) == (1, True)
    status, _, err = run(capsys, "check", "ravdess", "--data", str(tmp_path))
    assert (status, "ravdess (RAVDESS" in err) == (1, True)
    status, _, err = run(capsys, "check", "nonsense", "--data", str(tmp_path))
    assert (status, "corpus 'nonsense' is not known" in err) == (1, True)


def test_the_environment_says_where_the_corpora_are(root: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXCLAIM_DATA", str(root))
    _, out, _ = run(capsys, "list")
    assert f"looked in {root}" in out


@pytest.mark.data
def test_list_finds_the_development_corpora(data_root: Path, capsys) -> None:
    _, out, _ = run(capsys, "list", "--data", str(data_root), "--json")
    found = {line["corpus"] for line in map(json.loads, out.splitlines()) if line["found"]}
    assert {"deeply", "emogator", "esc-10", "librispeech", "noise", "ravdess"} <= found


RECIPE = """
name: spoken
task: speech-emotion
bursts: [savee]
heads: {speech-emotion: {labels: [ANG, DIS, FEA, HAP, NEU, SAD]}}
network: {name: compact}
augment: {ambience: 0}
split: {by: speaker-folds, folds: 4, fold: 3, validation: 0.25}
"""


@pytest.fixture
def spoken(tmp_path: Path, tone) -> Path:
    """Four speakers of SAVEE and a recipe that tests one of them."""
    for number, speaker in enumerate(("DC", "JE", "JK", "KL")):
        for name in ("a01", "n01"):
            tone(tmp_path / f"savee/AudioData/{speaker}/{name}.wav", pitch=300 + 50 * number + (name == "n01") * 20)
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return tmp_path


def test_check_of_a_recipe_says_whom_it_trains_on_and_tests(spoken: Path, capsys) -> None:
    status, out, err = run(capsys, "check", "--recipe", str(spoken / "recipe.yaml"), "--data", str(spoken))
    assert (status, err) == (0, "")
    assert "spoken, tested on: fold 3 of 4 of the recipe's split by speaker (seed 0)" in out
    assert "train: 4 clips, 2 speakers" in out
    assert "validation: 2 clips, 1 speakers" in out
    assert "test: 2 clips, 1 speakers" in out


def test_check_of_a_recipe_finds_the_same_sound_in_two_parts(spoken: Path, capsys) -> None:
    for speaker in ("JE", "JK", "KL"):
        for name in ("a01", "n01"):
            sound = (spoken / f"savee/AudioData/DC/{name}.wav").read_bytes()
            (spoken / f"savee/AudioData/{speaker}/{name}.wav").write_bytes(sound)
    arguments = ("check", "--recipe", str(spoken / "recipe.yaml"), "--data", str(spoken))
    status, out, err = run(capsys, *arguments, "--json")
    found = json.loads(out)
    assert status == 1
    assert {leak["kind"] for leak in found["leaks"]} == {"audio"}
    assert found["leaks"][0]["parts"] == ["train", "validation", "test"]
    assert "leaks between the parts of spoken, first audio" in err
    status, out, _ = run(capsys, *arguments)
    assert "is in train and validation and test" in out


def test_a_recipe_names_its_corpora_itself(spoken: Path, capsys) -> None:
    status, _, err = run(capsys, "check", "savee", "--recipe", str(spoken / "recipe.yaml"))
    assert (status, "the recipe names its corpora; give one of the two" in err) == (1, True)


def test_get_of_what_a_person_has_to_ask_for_says_so(capsys) -> None:
    status, _, err = run(capsys, "get", "savee")
    assert (status, "savee needs a person: register at" in err) == (1, True)
