"""Vectors of a corpus: computed once, gone on with after a stop, refused when stale."""

from pathlib import Path
from threading import Thread
from time import sleep
from typing import ClassVar

import msgspec
import numpy as np
import pytest
import soundfile

from exclaim.corpora.clip import Clip
from exclaim.errors import CorpusError, StoreError
from exclaim.learn.embeddings import table
from exclaim.learn.embeddings.embedding import Embedding
from exclaim.learn.embeddings.table import EmbeddingTable, build_table


class Loudness(Embedding):
    """Three numbers a second: mean, deviation and peak."""

    name: ClassVar[str] = "loudness"
    files: ClassVar[tuple[str, ...]] = ("loudness.bin",)
    width: ClassVar[int] = 3
    least_samples: ClassVar[int] = 16_000

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.heard = 0

    def _frames(self, waveform: np.ndarray) -> np.ndarray:
        self.heard += 1
        seconds = waveform[: len(waveform) // 16_000 * 16_000].reshape(-1, 16_000)
        return np.stack([seconds.mean(1), seconds.std(1), seconds.max(1)], axis=1)


@pytest.fixture
def network(tmp_path) -> Loudness:
    (tmp_path / "loudness.bin").write_bytes(b"weights")
    return Loudness(tmp_path)


@pytest.fixture
def clips(tmp_path) -> list[Clip]:
    made = []
    for number in range(70):
        path = tmp_path / f"{number:02d}.wav"
        soundfile.write(path, np.full(32_000, number / 100, np.float32), 16_000, subtype="FLOAT")
        made.append(Clip(path=path, corpus="folder"))
    return made


def test_a_clips_vector_is_the_networks(network, clips, tmp_path):
    told = []
    made = build_table(network, clips, tmp_path / "cache", lambda done, whole: told.append((done, whole)))
    found = made.vectors([clips[50], clips[3]])
    assert found.shape == (2, 2, 3)
    assert found[:, 0, 0] == pytest.approx([0.5, 0.03], abs=1e-3)
    assert found[:, 1, 2] == pytest.approx([0.5, 0.03], abs=1e-3)
    assert (made.name, made.network, made.width) == ("loudness", network.sha256, 3)
    assert told == [(32, 70), (64, 70), (70, 70)]


def test_what_is_there_is_not_computed_again(network, clips, tmp_path):
    build_table(network, clips, tmp_path / "cache")
    again = build_table(network, clips, tmp_path / "cache")
    assert network.heard == 70
    assert again.data_hash(clips) == build_table(Loudness(tmp_path), clips, tmp_path / "cache").data_hash(clips)


def test_a_run_that_was_stopped_goes_on_behind_the_last_whole_row(network, clips, tmp_path):
    def stop(done: int, whole: int) -> None:
        if done >= 64:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_table(network, clips, tmp_path / "cache", stop)
    (folder,) = (tmp_path / "cache").iterdir()
    with pytest.raises(StoreError, match="holds 64 clips and 768 bytes; its header says 70 clips of 12 bytes"):
        EmbeddingTable(folder)
    # the power went while two more rows were written: one and a half of vectors, half a line
    with (folder / "vectors.f16").open("ab") as file:
        file.write(b"\0" * 18)
    with (folder / "clips.jsonl").open("ab") as file:
        file.write(b'{"path":"half')
    made = build_table(network, clips, tmp_path / "cache")
    assert network.heard == 70
    assert made.vectors(clips)[:, 0, 0] == pytest.approx(np.arange(70) / 100, abs=1e-3)


def test_rows_without_their_vectors_are_computed_again(network, clips, tmp_path):
    build_table(network, clips, tmp_path / "cache")
    (folder,) = (tmp_path / "cache").iterdir()
    with (folder / "vectors.f16").open("r+b") as file:
        file.truncate(12 * 40 + 5)
    made = build_table(network, clips, tmp_path / "cache")
    assert network.heard == 70 + 30
    assert made.vectors(clips)[:, 0, 0] == pytest.approx(np.arange(70) / 100, abs=1e-3)


def test_another_network_or_changed_sound_makes_another_table(network, clips, tmp_path):
    first = build_table(network, clips, tmp_path / "cache")
    soundfile.write(clips[5].path, np.full(48_000, 0.9, np.float32), 16_000, subtype="FLOAT")
    second = build_table(network, clips, tmp_path / "cache")
    assert second.vectors([clips[5]])[0, 0, 0] == pytest.approx(0.9, abs=1e-3)
    assert second.data_hash(clips) != first.data_hash(clips)
    assert second.data_hash(clips[:5]) == first.data_hash(clips[:5])
    (tmp_path / "loudness.bin").write_bytes(b"other weights")
    build_table(Loudness(tmp_path), clips, tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 3


@pytest.mark.parametrize(("field", "says"), [("network", "another network"), ("clips", "other clips")])
def test_a_stale_table_is_refused(field, says, network, clips, tmp_path):
    build_table(network, clips, tmp_path / "cache")
    (folder,) = (tmp_path / "cache").iterdir()
    header = msgspec.json.decode((folder / "header.json").read_bytes()) | {field: "0" * 64}
    (folder / "header.json").write_bytes(msgspec.json.encode(header))
    with pytest.raises(StoreError, match=f"is stale: it holds vectors of {says}; remove it"):
        build_table(network, clips, tmp_path / "cache")


def test_a_folder_that_is_no_table_is_refused(tmp_path):
    with pytest.raises(StoreError, match="is no table of vectors"):
        EmbeddingTable(tmp_path)


def test_who_comes_second_waits_and_computes_nothing(network, clips, tmp_path, caplog):
    second = Loudness(tmp_path)
    found = []
    waiting = Thread(target=lambda: found.append(build_table(second, clips, tmp_path / "cache")), daemon=True)

    def start_the_other(done: int, whole: int) -> None:
        if not waiting.is_alive():
            waiting.start()
            while "waiting for another process" not in caplog.text:
                sleep(0.01)

    build_table(network, clips, tmp_path / "cache", lambda done, whole: done < whole or start_the_other(done, whole))
    waiting.join(30)
    assert found[0].vectors(clips)[:, 0, 0] == pytest.approx(np.arange(70) / 100, abs=1e-3)
    assert (network.heard, second.heard) == (70, 0)


def test_a_clip_that_cannot_be_read_is_left_out(network, clips, tmp_path):
    clips[7].path.write_bytes(b"no sound")
    made = build_table(network, clips, tmp_path / "cache")
    assert clips[7] not in made
    assert made.vectors([clips[8]])[0, 0, 0] == pytest.approx(0.08, abs=1e-3)


def test_more_than_a_twentieth_unreadable_is_an_error(network, clips, tmp_path):
    for clip in clips[:4]:
        clip.path.write_bytes(b"no sound")
    for _ in range(2):  # also where the rows are there already
        with pytest.raises(CorpusError, match="4 of 70 clips cannot be read"):
            build_table(network, clips, tmp_path / "cache")


def test_memory_does_not_grow_with_the_table(network, clips, tmp_path):
    made = build_table(network, clips, tmp_path / "cache")
    assert isinstance(made._vectors, np.memmap)
    assert len(clips) > table._AT_ONCE
