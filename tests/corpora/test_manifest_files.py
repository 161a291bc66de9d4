from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exclaim.corpora.clip import Clip
from exclaim.corpora.manifest import Exclusion, Manifest, merge
from exclaim.corpora.manifest_files import read_csv, read_json_lines, read_manifest, write_csv, write_json_lines
from exclaim.errors import CorpusError

# one line of text that survives being stripped, as a cell is
WORDS = st.text("ab0.,;\"'\\ -é中", min_size=1, max_size=12).map(str.strip).filter(bool)
FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=32).map(float)


def clips() -> st.SearchStrategy[dict]:
    return st.fixed_dictionaries(
        {
            "label": st.none() | WORDS,
            "speaker": st.none() | WORDS,
            "sex": st.sampled_from([None, "female", "male"]),
            "age": st.none() | st.floats(0, 130),
            "seconds": st.none() | st.floats(0, 1e5),
            "sha256": st.none() | st.just("ab" * 32),
            "licence": st.none() | WORDS,
            "recording": st.none() | WORDS,
            "fold": st.none() | st.integers(-3, 99),
            "extra": st.dictionaries(st.sampled_from(["x_one", "x_two"]), FLOATS | st.sampled_from(["03", "a,b", '"'])),
        }
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(clips(), min_size=1, max_size=5))
def test_csv_gives_back_every_field(tmp_path_factory: pytest.TempPathFactory, fields: list[dict]) -> None:
    folder = tmp_path_factory.mktemp("csv")
    manifest = _manifest(folder, fields)
    write_csv(manifest, folder / "m.csv")
    assert read_csv(folder / "m.csv").clips == manifest.clips


@settings(max_examples=40, deadline=None)
@given(st.lists(clips(), max_size=5))
def test_json_lines_give_back_everything(tmp_path_factory: pytest.TempPathFactory, fields: list[dict]) -> None:
    folder = tmp_path_factory.mktemp("jsonl")
    manifest = msgspec.structs.replace(
        _manifest(folder, fields), excluded=(Exclusion(path=Path("/x"), reason="odd"),), notes=("a note",)
    )
    write_json_lines(manifest, folder / "m.jsonl")
    assert read_manifest(folder / "m.jsonl") == manifest


def _manifest(folder: Path, fields: list[dict]) -> Manifest:
    made = []
    for number, some in enumerate(fields):
        path = folder.resolve() / f"clip {number}.wav"
        path.touch()
        made.append(Clip(path=path, corpus="emogator", **some))
    return Manifest(corpus="emogator", clips=tuple(made))


def test_a_users_csv_needs_no_more_than_path_and_label(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips/a.wav").touch()
    path = tmp_path / "mine.csv"
    path.write_text("﻿path, label,room\nclips/a.wav, scream ,12\n", "utf-8")  # as a spreadsheet writes it
    manifest = read_csv(path)
    clip = manifest.clips[0]
    assert (clip.path, clip.label, clip.speaker) == (tmp_path.resolve() / "clips/a.wav", "scream", None)
    assert clip.extra == {"room": "12"}
    assert manifest.notes == ("no column speaker: clips cannot be grouped by who speaks",)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", r"no column path and no column label: its first line names nothing; expected path, label, speaker"),
        ("file,label\na.wav,x\n", r"no column path: its first line names file, label"),
        ("path;label;speaker\na.wav;x;y\n", r"names path;label;speaker; expected .* separated by commas"),
        ("path,label,label\na.wav,x,y\n", r"names the column 'label' twice"),
        ("path,label,speaker\n", r"has no rows"),
        ("path,label\na.wav,x,y\n", r"line 2: more cells than columns"),
        ("path,label\n,x\n", r"line 2: the path is empty"),
        ("path,label,age\na.wav,x,old\n", r"line 2: .*age"),
        ("path,label,sex\na.wav,x,unknown\n", r"line 2: .*sex"),
        ("path,label\nb.wav,x\n", r"1 of 1 sound files are missing, first .*b.wav; paths are relative"),
    ],
)
def test_a_csv_that_cannot_be_used_says_why(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "a.wav").touch()
    (tmp_path / "mine.csv").write_text(text)
    with pytest.raises(CorpusError, match=sentence):
        read_csv(tmp_path / "mine.csv")


def test_a_csv_that_is_not_text_or_not_there_says_so(tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"path,label\n\xff\xfe\x00")
    with pytest.raises(CorpusError, match="cannot be read as CSV in UTF-8"):
        read_csv(tmp_path / "binary.csv")
    with pytest.raises(CorpusError, match="cannot be read"):
        read_csv(tmp_path / "absent.csv")


def test_a_few_missing_files_are_left_out_and_told(tmp_path: Path) -> None:
    for number in range(1, 40):
        (tmp_path / f"{number}.wav").touch()
    (tmp_path / "mine.csv").write_text("path,label\n" + "".join(f"{number}.wav,x\n" for number in range(40)))
    manifest = read_csv(tmp_path / "mine.csv")
    assert len(manifest) == 39
    assert manifest.summary_of_excluded() == {"file is missing": 1}


def test_damaged_json_lines_are_refused(tmp_path: Path, make_manifest) -> None:
    path = tmp_path / "m.jsonl"
    write_json_lines(make_manifest([("a", "x"), ("b", "x")]), path)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))
    with pytest.raises(CorpusError, match="cut short: 1 clips, its first line says 2"):
        read_json_lines(path)
    path.write_text("".join(lines)[:-9])
    with pytest.raises(CorpusError, match="line 3"):
        read_json_lines(path)
    path.write_text("")
    with pytest.raises(CorpusError, match="line 1"):
        read_json_lines(path)
    with pytest.raises(CorpusError, match="cannot be read"):
        read_json_lines(tmp_path / "absent.jsonl")


def test_nothing_half_written_is_left(tmp_path: Path, make_manifest) -> None:
    with pytest.raises(CorpusError, match="cannot be written"):
        write_csv(make_manifest([("a", "x")]), tmp_path / "absent/m.csv")
    clash = Manifest(corpus="csv", clips=(Clip(path=Path("a"), corpus="csv", extra={"label": "x"}),))
    with pytest.raises(CorpusError, match="rename it"):
        write_csv(clash, tmp_path / "m.csv")
    assert list(tmp_path.iterdir()) == []


def test_manifests_are_merged_selected_and_counted(make_manifest) -> None:
    one, two = make_manifest([("a", "x"), ("b", "y")]), make_manifest([("a", "x"), (None, None)], corpus="deeply")
    both = merge([one, two])
    assert (both.corpus, len(both)) == ("csv+deeply", 4)
    assert both.speakers == ("csv:a", "csv:b", "deeply:a")
    assert both.labels == {"x": 2, "y": 1}
    assert len(both.select(lambda clip: clip.corpus == "deeply")) == 2
