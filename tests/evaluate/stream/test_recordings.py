"""Recordings and their events are paired before anything is heard."""

from pathlib import Path

import pytest

from exclaim.errors import CorpusError
from exclaim.evaluate.stream.events import Event
from exclaim.evaluate.stream.recordings import Recording, data_hash, find_recordings, read_checked_events


def test_files_are_paired_in_their_order_and_folders_bring_their_own(tmp_path, write_scene):
    scene = write_scene("b", (4,), [])
    write_scene("a", (4,), [])
    alone, table = Path("alone.flac"), Path("marks.csv")
    assert find_recordings([alone, tmp_path], [table]) == (
        Recording(alone, table),
        Recording(tmp_path / "a.wav", tmp_path / "a.csv"),
        Recording(scene, tmp_path / "b.csv"),
    )


def test_what_does_not_pair_is_refused(tmp_path, write_scene):
    with pytest.raises(CorpusError, match="2 recordings and 1 files of events"):
        find_recordings([Path("a.wav"), Path("b.wav")], [Path("a.csv")])
    with pytest.raises(CorpusError, match="named twice"):
        find_recordings([Path("a.wav"), Path("a.wav")], [Path("a.csv"), Path("a.csv")])
    with pytest.raises(CorpusError, match="no recording is named"):
        find_recordings([], [])
    with pytest.raises(CorpusError, match="it has no sound"):
        find_recordings([tmp_path], [])
    scene = write_scene("a", (4,), [])
    (tmp_path / "b.csv").write_text("onset,offset,label\n")
    with pytest.raises(CorpusError, match="b has no recording"):
        find_recordings([tmp_path], [])
    (tmp_path / "b.csv").unlink()
    scene.with_suffix(".csv").unlink()
    with pytest.raises(CorpusError, match="a has no events"):
        find_recordings([tmp_path], [])


def test_events_of_another_recording_are_refused(tmp_path, write_scene):
    scene = write_scene("a", (4,), [Event(onset=70, offset=71, label="scream")])
    with pytest.raises(CorpusError, match="the recording ends at 60"):
        read_checked_events(Recording(scene, tmp_path / "a.csv"))


def test_the_hash_changes_with_every_byte(tmp_path, write_scene):
    scene = write_scene("a", (4,), [])
    pairs = find_recordings([tmp_path], [])
    before = data_hash(pairs)
    assert data_hash(pairs) == before
    scene.with_suffix(".csv").write_text("onset,offset,label\n1,2,scream\n")
    assert data_hash(pairs) != before
