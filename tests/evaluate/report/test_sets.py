"""Condensed sets on a page: the card, items to look at and to listen to, what attacks reached, how it was learnt."""

import base64
import io
import json
import re
from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
from PIL import Image

from exclaim import inversion
from exclaim.areas import area_means
from exclaim.card import CorpusUse, Parent
from exclaim.corpora.condensed import write_set
from exclaim.corpora.condensed_card import SetCard
from exclaim.errors import ConfigError, CorpusError
from exclaim.evaluate.report import set_sheet
from exclaim.evaluate.report.report import Report
from exclaim.evaluate.report.section import Section
from exclaim.evaluate.report.set_report import make_set_report
from exclaim.evaluate.report.set_sheet import MOST_PICTURES, MOST_SOUNDS
from exclaim.evaluate.report.set_sounds import write_sounds
from exclaim.evaluate.report.sets import find_sets, is_set
from exclaim.evaluate.report.window_files import window_image
from exclaim.evaluate.report.write import PAGE, write_report
from exclaim.features import log_mel

LABELS = ("ANG", "Surprise (Positive)")
CARD = SetCard(
    name="toy",
    task="speech-emotion",
    labels=LABELS,
    items=6,
    view=(32, 47),
    stored="uint8",
    method="distribution-matching",
    recipe="1" * 64,
    options={"iterations": 150},
    sources=(CorpusUse(name="crema-d-logmel", licence="ODbL-1.0"),),
    licence="ODbL-1.0",
    source_items=400,
    source_bytes=400 * 188 * 128,
    split={"by": "speaker", "seed": 3, "validation": 0.12, "test": 0.15},
    networks=("cnn6 (width 0.25)",),
    start="noise",
)
FREQUENCIES = (300, 500, 900, 1400, 2000, 3000)


def tones() -> np.ndarray:
    """Six items, each a tone higher than the one before."""
    times = np.arange(48_000) / 16_000
    bands, frames = area_means(128, 32), area_means(188, 47)
    windows = [bands @ log_mel(0.3 * np.sin(2 * np.pi * f * times)) @ frames.T for f in FREQUENCIES]
    return np.rint((np.stack(windows) + 1) * 127.5).astype(np.uint8)


@pytest.fixture
def make_set(tmp_path):
    """Write a set of tones, three of each label: ``make_set(name, soft=...)``; other keywords are the card's fields."""

    def write(name: str = "toy", *, soft: bool = False, history: int = 0, windows=None, targets=None, **fields) -> Path:
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        kinds = {"soft_labels": "teacher", "teacher": Parent(name="ear", sha256="2" * 64)} if soft else {}
        card = msgspec.structs.replace(CARD, name=name, **(kinds | fields))
        if targets is None:
            targets = np.eye(2, dtype=np.float32)[[0, 0, 0, 1, 1, 1]]
            if soft:
                targets = targets * 0.5 + 0.25
        write_set(folder / f"{name}.safetensors", tones() if windows is None else windows, targets, card)
        lines = [{"iteration": 50 * (i + 1), "loss": 2 / (i + 1)} for i in range(history)]
        if lines:
            (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        return folder / f"{name}.safetensors"

    return write


@pytest.fixture
def silent(monkeypatch):
    """Make nothing audible, which takes a second for each item."""

    def missing() -> None:
        raise ConfigError("windows become sounds with librosa; install it with `pip install 'exclaim[sounds]'`")

    monkeypatch.setattr("exclaim.evaluate.report.set_report.check_installed", missing)


def made(*paths: Path, items: int = 10) -> Report:
    return make_set_report(find_sets(paths), items=items, stage=lambda name: lambda done, whole: None)


def sections(report: Report) -> dict[str, Section]:
    return {section.id: section for section in report.sections}


def card(report: Report) -> dict[str, list[str]]:
    """Return what the card's table says, by row: words and smaller words, set by set."""
    lines = sections(report)["card"].tables[0].blocks[0].lines
    return {line.name: [f"{cell.text}; {cell.detail}" for cell in line.cells] for line in lines}


def pixels(address: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("L"), int)


def test_the_card_is_told_in_words(make_set, silent):
    path = make_set(soft=True)
    told = card(made(path))
    assert told["method"] == ["distribution matching: a label's mean features made alike; iterations 150"]
    assert told["made of"] == ["400 training clips; crema-d-logmel (ODbL-1.0)"]
    assert told["may be passed on under"] == ["ODbL-1.0; "]
    size = path.stat().st_size
    assert told["size"][0].startswith(f"{size:,} bytes; {100 * size / CARD.source_bytes:.2f} % of the clips' features")
    assert told["an item"] == ["32 x 47 cells; bands x frames, of a window's 128 x 188; a byte a cell"]
    assert told["teacher"] == ["ear; model 222222222222"]
    assert told["networks"] == ["cnn6 (width 0.25); first weights drawn anew all the time"]
    assert told["held out of it"] == ["speakers; 12 % of them to choose by, 15 % to test, seed 3"]
    assert told["items"] == ["6; 3 of each label"]
    assert "learning rate" not in told, "none was learnt"
    numbers = {number.figure: number.value for number in sections(made(path))["card"].numbers}
    assert numbers["size"] == size
    assert numbers["share of bytes"] == pytest.approx(size / CARD.source_bytes)


def test_warnings_stand_at_the_top(make_set, silent):
    found = made(make_set(start="real", warnings=("Its items began as clips.",)))
    assert any("a warning: Its items began as clips." in note for note in found.sections[0].notes)
    assert any("who passes on this page" in note for note in sections(found)["items-1"].notes)
    plain = made(make_set("other"))
    assert not any("warning" in note for note in plain.sections[0].notes)
    assert not any("who passes on this page" in note for note in sections(plain)["items-1"].notes)


def test_nobody_has_attacked_it_until_somebody_did(make_set, silent):
    first, second = make_set("first"), make_set("second", privacy={"speakers": {"auc": 0.55}})
    found = sections(made(first))["privacy"]
    assert "Nobody has attacked it yet" in found.lead
    assert not found.tables
    both = sections(made(first, second))["privacy"]
    (note,) = both.notes
    assert note.startswith("first, privacy: nobody has attacked it yet")


def test_whatever_attacks_reached_is_shown(make_set, silent):
    figure = {"value": 0.012, "low": 0.004, "high": 0.019, "chance": 0.01}
    how = "32 sets like this one, each of a half of the clips"
    privacy = {
        "passes": False,
        "says": "Does not pass. Speakers were not attacked.",
        "speakers": {"auc": 0.55, "by": ["embedding", "mel"]},
        "clips": {
            "how": how,
            "membership of the half": {"auc": figure | {"low": None, "high": None}, "true_positives_at_1": figure},
            "membership of the half by nearest item": {"auc": figure, "true_positives_at_1": figure | {"high": 0.018}},
            "nearest clip, log-mel": {"distance": 13.5, "unit": "dB", "of strangers": 6.2, "nearer": figure},
        },
        "attacks": [{"target": "noise", "attack": "membership", "true_positives_at_1": figure, "members": 1200}],
    }
    report = made(make_set(privacy=privacy))
    assert card(report)["privacy"] == ["does not pass, see below; "]
    assert "toy, privacy: Does not pass. Speakers were not attacked." in report.sections[0].notes
    found = sections(report)["privacy"]
    assert found.how == (f"toy: clips, how: {how}",)
    attacks, nearest, besides = found.tables
    (block,) = attacks.blocks
    assert {(line.name, line.detail): [tuple(cell)[:2] for cell in line.cells[:2]] for line in block.lines} == {
        ("by likelihood ratio (LiRA)", "decided"): [("0.012", ""), ("1.20 %", "0.40 to 1.90")],
        ("by nearest item", ""): [("0.012", "0.004 to 0.019"), ("1.20 %", "0.40 to 1.80")],
    }
    (line,) = nearest.blocks[0].lines
    assert line.name == "log-mel"
    assert [cell.text for cell in line.cells] == ["13.500 dB", "6.200 dB", "\N{EN DASH}", "\N{EN DASH}", "0.012"]
    shown = {line.name: (line.cells[0].text, line.cells[0].detail) for line in besides.blocks[0].lines}
    assert shown == {
        "speakers, auc": ("0.550", ""),
        "speakers, by": ("embedding, mel", ""),
        "attacks, noise membership, true positives at 1": ("0.012", "0.004 to 0.019\nchance 0.010"),
        "attacks, noise membership, members": ("1,200", ""),
    }
    numbers = {number.figure: (number.value, number.low, number.high) for number in found.numbers}
    assert numbers["attacks, noise membership, true positives at 1"] == (0.012, 0.004, 0.019)
    assert numbers["speakers, auc"] == (0.55, None, None)
    assert "passes" not in numbers


def test_every_item_stands_in_its_labels_row(make_set, silent):
    targets = np.array([[0.7, 0.3], [0.2, 0.8], [0.9, 0.1], [0.4, 0.6], [0.55, 0.45], [0.05, 0.95]], np.float32)
    (sheet,) = sections(made(make_set(soft=True, targets=targets)))["items-1"].sheets
    assert [shelf.heading for shelf in sheet.shelves] == ["anger (ANG)", "Surprise (Positive)"]
    names = [[picture.name for picture in shelf.pictures] for shelf in sheet.shelves]
    assert names == [["1", "2", "3"], ["4", "5", "6"]], "whatever the teacher takes them for"
    first = sheet.shelves[0].pictures[0]
    assert first.told == "ANG .70 Surprise (Positive) .30"
    assert [share for _, share in first.shares] == pytest.approx([0.7, 0.3], abs=1e-3)
    assert [colour for colour, _ in first.shares] == [colour for colour, _ in sheet.key]
    assert "anger (ANG) 0.70" in first.alternative


def test_where_it_is_not_known_what_items_were_made_for_the_largest_share_counts(make_set, silent):
    targets = np.array([[0.7, 0.3], [0.2, 0.8], [0.9, 0.1]], np.float32)
    section = sections(made(make_set(soft=True, windows=tones()[:3], items=3, targets=targets)))["items-1"]
    names = [[picture.name for picture in shelf.pictures] for shelf in section.sheets[0].shelves]
    assert names == [["1", "3"], ["2"]]
    assert "largest share" in section.lead


def test_a_set_with_one_label_an_item_has_no_bars(make_set, silent):
    (sheet,) = sections(made(make_set()))["items-1"].sheets
    assert not sheet.key
    assert not any(picture.shares or picture.told for shelf in sheet.shelves for picture in shelf.pictures)


def test_a_picture_is_the_window_low_bands_at_the_bottom():
    window = -np.ones((16, 24), np.float32)
    window[2, 5] = 1
    shown = pixels(window_image(window))
    assert shown.shape == (16, 24)
    assert np.argwhere(shown > 200).tolist() == [[16 - 1 - 2, 5]]


def test_few_items_of_a_label_unless_more_are_asked_for(make_set, silent):
    path = make_set()
    few, all_of_them = sections(made(path, items=2))["items-1"], sections(made(path, items=0))["items-1"]
    assert [len(shelf.pictures) for shelf in few.sheets[0].shelves] == [2, 2]
    assert few.sheets[0].shelves[0].detail == "3 items, the first 2"
    assert any("`--items 0` shows all" in note for note in few.notes)
    assert [len(shelf.pictures) for shelf in all_of_them.sheets[0].shelves] == [3, 3]
    assert not any("--items" in note for note in all_of_them.notes)


def test_a_page_is_bounded_whatever_the_set_holds(make_set, silent, tmp_path):
    """Noise does not compress: 800 whole windows of it are more than a page shows."""
    rng = np.random.default_rng(0)
    windows = rng.integers(0, 256, (800, 128, 188)).astype(np.uint8)
    targets = np.eye(2, dtype=np.float32)[np.arange(800) % 2]
    path = make_set(windows=windows, targets=targets, items=800, view=(128, 188))
    found = made(path, items=0)
    shown = [picture for shelf in sections(found)["items-1"].sheets[0].shelves for picture in shelf.pictures]
    assert len(shown) == MOST_PICTURES - 2 * len(LABELS)
    page = write_report(found, tmp_path / "out", command="exclaim report", tree="0" * 64)
    assert 15e6 < page.stat().st_size < 22e6
    assert page.stat().st_size + MOST_SOUNDS * 96_044 * 4 / 3 < 30e6, "the bound that the how-to names"


def test_more_labels_than_pictures_are_refused(make_set, silent, monkeypatch):
    monkeypatch.setattr(set_sheet, "MOST_PICTURES", 3)
    first, second = make_set("first"), make_set("second", seed=1)
    with pytest.raises(ConfigError, match="2 sets have 4 labels, with 3 pictures"):
        made(first, second)


def test_the_first_items_of_a_label_can_be_heard_and_sound_as_they_look(make_set):
    section = sections(made(make_set()))["items-1"]
    pictures = [picture for shelf in section.sheets[0].shelves for picture in shelf.pictures]
    assert [picture.name for picture in pictures if picture.sound] == ["1", "2", "4", "5"]
    assert any("The first 2 of a label can be heard" in note for note in section.notes)
    for picture in (pictures[0], pictures[3]):
        kind, _, data = picture.sound.partition(",")
        assert kind == "data:audio/wav;base64"
        sound, rate = soundfile.read(io.BytesIO(base64.b64decode(data)))
        assert (rate, sound.shape) == (16_000, (48_000,))
        strongest = np.abs(np.fft.rfft(sound)).argmax() / 3
        assert strongest == pytest.approx(FREQUENCIES[int(picture.name) - 1], rel=0.1)


def test_without_librosa_there_is_a_page_that_says_what_is_missing(make_set, silent):
    section = sections(made(make_set()))["items-1"]
    assert not any(picture.sound for shelf in section.sheets[0].shelves for picture in shelf.pictures)
    assert any("exclaim[sounds]" in note for note in section.notes)


def test_the_mean_item_is_the_mean_of_its_labels_items(make_set, silent):
    sheet, apart = sections(made(make_set("first"), make_set("second", seed=1)))["means"].sheets
    assert [shelf.heading for shelf in sheet.shelves] == ["first", "second"]
    own = pixels(sheet.shelves[0].pictures[1].image).astype(float)
    expected = pixels(window_image(tones()[3:].mean(axis=0) / 127.5 - 1))
    assert np.abs(own - expected).max() <= 1
    assert sheet.shelves[0].pictures[1].told == "of 3"
    low, high = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.image.partition(",")[2]))).convert("RGB"), int)
        for picture in apart.shelves[0].pictures
    )
    row = 31 - int(tones()[0].astype(int).sum(axis=1).argmax())  # where the lowest tone is
    assert low[row, 20, 0] > low[row, 20, 2] + 50, "red: louder than in the other label"
    assert high[row, 20, 2] > high[row, 20, 0] + 50, "blue: softer"


def test_the_curve_is_drawn_where_the_run_left_its_numbers(make_set, silent):
    first, second = make_set("first", history=3), make_set("second", method="random")
    found = sections(made(first, second))["learning"]
    assert "second: nothing was learnt" in found.notes[0]
    assert "first" in found.drawings[0].svg
    assert "learning" not in sections(made(second))


def test_metrics_of_something_else_are_no_curve(make_set, silent):
    path = make_set()
    (path.parent / "metrics.jsonl").write_text('{"epoch": 1, "loss": 2.0}\n{"epoch": 2, "loss": 1.0}\n')
    assert "learning" not in sections(made(path))


def test_sets_stand_side_by_side(make_set, silent):
    found = made(make_set("first"), make_set("second", method="random", networks=(), start="real"))
    assert found.title == "Condensed sets"
    assert card(found)["began as"] == ["noise; ", "clips of real people; "]
    assert card(found)["networks"][1] == "; "
    assert {"items-1", "items-2"} <= set(sections(found))


def test_sets_of_one_name_are_told_apart(make_set, silent, tmp_path):
    path = make_set()
    other = tmp_path / "toy.safetensors"
    write_set(other, tones(), np.eye(2, dtype=np.float32)[[0, 0, 0, 1, 1, 1]], msgspec.structs.replace(CARD, seed=1))
    names = [found.name for found in find_sets([path, other, path])]
    assert len(set(names)) == 2
    assert all(re.fullmatch(r"toy \([0-9a-f]{6}\)", name) for name in names)


def test_a_run_folder_is_the_set_that_was_condensed_in_it(make_set, tmp_path):
    path = make_set()
    assert is_set(path)
    assert is_set(path.parent)
    assert find_sets([path.parent])[0].path.name == "toy.safetensors"
    assert not is_set(path.parent.parent)
    (path.parent / "toy.onnx").touch()
    assert not is_set(path.parent), "a training run that has a model"


def test_a_folder_of_sets_is_all_of_them(make_set, tmp_path):
    shelf = tmp_path / "sets"
    shelf.mkdir()
    for name in ("one", "two"):
        path = make_set(name)
        path.rename(shelf / path.name)
    (shelf / "README.md").touch()
    assert is_set(shelf)
    assert [found.name for found in find_sets([shelf])] == ["one", "two"]
    (shelf / "recipe.json").touch()
    assert not is_set(shelf), "a training run, with its weights"


def test_what_is_no_set_is_refused(tmp_path):
    (tmp_path / "weights.safetensors").write_bytes(b"hello")
    with pytest.raises(CorpusError, match=r"weights\.safetensors"):
        find_sets([tmp_path / "weights.safetensors"])


def test_a_sound_for_every_item(make_set, tmp_path, monkeypatch):
    heard = []
    monkeypatch.setattr(
        "exclaim.evaluate.report.set_sounds.window_sound", lambda window: heard.append(window) or b"wav"
    )
    first, second = make_set("first"), make_set("second", seed=1)
    assert write_sounds(find_sets([first]), tmp_path / "one") == 6
    names = [path.name for path in sorted((tmp_path / "one").iterdir())]
    assert names == [*(f"ANG-{i}.wav" for i in (1, 2, 3)), *(f"Surprise-Positive-{i}.wav" for i in (4, 5, 6))]
    assert write_sounds(find_sets([first, second]), tmp_path / "two") == 12
    assert sorted(path.name for path in (tmp_path / "two").iterdir()) == ["first", "second"]
    np.testing.assert_allclose(heard[4], tones()[4] / 127.5 - 1, atol=1e-5)


def test_a_folder_that_cannot_be_written_is_said(make_set, tmp_path, monkeypatch):
    monkeypatch.setattr("exclaim.evaluate.report.set_sounds.window_sound", lambda window: b"wav")
    (tmp_path / "taken").touch()
    with pytest.raises(ConfigError, match="cannot be written"):
        write_sounds(find_sets([make_set()]), tmp_path / "taken")


def test_the_page_asks_for_nothing_from_outside(make_set, tmp_path):
    page = write_report(made(make_set(history=3)), tmp_path, command="exclaim report", tree="0" * 64)
    text = page.read_text("utf-8")
    assert page.name == PAGE
    addresses = re.findall(r'(?:src|href)="([^"]+)"', text)
    assert addresses
    assert all(address.startswith(("data:", "#")) for address in addresses)
    assert text.count("<audio") == 4
    assert "media-src data:" in text
    assert "<script" not in text


def test_a_set_whose_labels_are_markup_does_no_harm(make_set, silent, tmp_path):
    page = write_report(
        made(make_set(labels=("<b>ANG", '"onload="x'), warnings=("<script>alert(1)</script>",))),
        tmp_path,
        command="exclaim report",
        tree="0" * 64,
    )
    text = page.read_text("utf-8")
    assert "<script" not in text
    assert "<b>ANG" not in text
    assert '"onload' not in text


def test_inversion_is_asked_whether_it_can(monkeypatch, make_set):
    monkeypatch.setattr(inversion, "find_spec", lambda name: None)
    assert any("exclaim[sounds]" in note for note in sections(made(make_set()))["items-1"].notes)
