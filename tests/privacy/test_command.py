"""The verb: tables of what was found, records, and what is wrong in a sentence."""

from collections.abc import Callable
from pathlib import Path

import pytest

from exclaim.cli import main
from exclaim.evaluate.results import read_records
from exclaim.learn.places import Places


def call(path: Path, places: Places, *more: str) -> int:
    folders = ["--data", str(places.data), "--runs", str(places.runs), "--cache", str(places.cache)]
    with pytest.raises(SystemExit) as ended:
        main(["attack", str(path), *folders, "--accelerator", "cpu", *more])
    return ended.value.code or 0


def test_shadows_apart_then_figures_and_records(
    make_recipe: Callable[..., Path], places: Places, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path, records = make_recipe(targets=["full", "noise"]), tmp_path / "results.json"
    assert call(path, places, "--shadow", "0", "--shadow", "2") == 0
    assert "shadows 1, 3, 4, 5 are missing" in capsys.readouterr().out
    assert not (places.runs / "tiny-privacy/privacy.json").exists()
    assert call(path, places, "--record", str(records)) == 0
    told = capsys.readouterr().out
    assert "membership of the half" in told
    assert "noise: Does not pass." in told
    found = {record.id: record for record in read_records(records)}
    for target in ("full", "noise"):
        one = found[f"privacy-tiny-privacy.{target}.membership-of-the-half.true-positives-at-1"]
        assert "(chance 0.01)" in one.metric
        assert "6 shadows" in one.protocol
        assert one.command == "exclaim attack tiny-privacy.yaml"
        assert one.interval is not None
    assert "privacy-tiny-privacy.noise.nearest-clip.log-mel" in found
    assert len({record.metric for record in found.values()}) == len(found)


def test_speakers_are_attacked_by_their_networks_too(
    make_recipe: Callable[..., Path], places: Places, capsys: pytest.CaptureFixture
) -> None:
    assert call(make_recipe(halves="speakers", targets=["noise"]), places) == 0
    told = capsys.readouterr().out
    assert "speakers by the network's confidence" in " ".join(told.split())
    assert "speakers by nearest item, calibrated" in " ".join(told.split())


def test_what_is_wrong_is_a_sentence(
    make_recipe: Callable[..., Path], places: Places, capsys: pytest.CaptureFixture
) -> None:
    assert call(make_recipe(), places, "--shadow", "1", "--compare") == 1
    assert "--shadow makes shadows and --compare makes none" in capsys.readouterr().err
    assert call(make_recipe(halves="days"), places) == 1
    assert "days" in capsys.readouterr().err
