"""A corpus is got from a server on this machine, to the manifest that its adapter reads."""

import fcntl
import hashlib
import io
import os
import zipfile
from pathlib import Path
from typing import Any

import httpx
import msgspec
import numpy as np
import pytest
import soundfile

from exclaim.corpora.acquire import acquire
from exclaim.corpora.acquired import Acquired, Watcher
from exclaim.corpora.check import check_manifest
from exclaim.corpora.registry import corpus_info, load_corpus
from exclaim.corpora.sources import Archive, Source
from exclaim.errors import CorpusError, DeliveryError, StoreError


def sound(pitch: float, rate: int = 16_000) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, 0.5 * np.sin(2 * np.pi * pitch * np.arange(rate // 10) / rate), rate, format="WAV")
    return buffer.getvalue()


def packed(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


VIVAE = packed(
    {f"VIVAE/{kind}/S0{n}_pain_peak_01.wav": sound(300 * n) for n in (1, 2) for kind in ("full_set", "core_set")}
)


class Told(Watcher):
    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.steps: dict[str, tuple[int, int | None]] = {}

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        self.steps[what] = done, total


class Getting:
    """Calls of ``acquire`` for VIVAE as one archive."""

    def __init__(self, web, root: Path) -> None:
        web.files["/VIVAE.zip"] = VIVAE
        self.web = web
        self.root = root
        self.downloads = root / ".downloads/vivae"
        self.told = Told()
        self.archive = Archive(name="VIVAE.zip", url=f"{web.url}/VIVAE.zip", part="all")

    def __call__(self, *, room=lambda folder, needed: None, **changes: Any) -> Acquired:
        archive = msgspec.structs.replace(self.archive, **changes)
        source = Source(corpus="vivae", terms="https://terms.example", archives=(archive,))
        with httpx.Client(timeout=10) as client:
            return acquire(source, self.root, client=client, watcher=self.told, room=room)


@pytest.fixture
def getting(web, tmp_path: Path) -> Getting:
    return Getting(web, tmp_path / "data")


def test_what_was_got_is_the_corpus_that_its_adapter_reads(getting: Getting) -> None:
    done = getting(md5=hashlib.md5(VIVAE).hexdigest(), size=len(VIVAE))
    sha256 = hashlib.sha256(VIVAE).hexdigest()
    assert done == Acquired(getting.root / "vivae", 4, 4, {"VIVAE.zip": sha256}, None)
    assert getting.told.sentences == [f"VIVAE.zip: SHA-256 {sha256}; its MD5 is the published one"]
    for step in ("fetch VIVAE.zip", "check VIVAE.zip"):
        assert getting.told.steps[step] == (len(VIVAE), len(VIVAE))
    assert "unpack VIVAE.zip" in getting.told.steps
    manifest = load_corpus("vivae", getting.root)
    assert {clip.speaker for clip in manifest} == {"S01", "S02"}
    assert check_manifest(corpus_info("vivae"), manifest).errors == ()
    names = {path.name for path in getting.downloads.iterdir()}
    assert names == {"SHA256SUMS", "VIVAE.zip.files.json", "lock"}  # the archive itself is not kept


def test_a_second_call_asks_nobody(getting: Getting) -> None:
    getting()
    asked = len(getting.web.asked)
    again = getting()
    assert (again.files, again.new, again.sha256) == (4, 0, {})
    assert len(getting.web.asked) == asked


def test_a_file_that_is_gone_is_got_again_and_the_others_stay(getting: Getting) -> None:
    getting()
    gone = getting.root / "vivae/VIVAE/full_set/S01_pain_peak_01.wav"
    kept = getting.root / "vivae/VIVAE/full_set/S02_pain_peak_01.wav"
    gone.unlink()
    os.utime(kept, (1, 1))
    assert getting().new == 4
    assert gone.read_bytes() == sound(300)
    assert kept.stat().st_mtime == 1


def test_without_a_published_checksum_the_first_ones_is_kept_and_compared(getting: Getting) -> None:
    getting()
    sums = getting.downloads / "SHA256SUMS"
    assert sums.read_text() == f"{hashlib.sha256(VIVAE).hexdigest()}  VIVAE.zip\n"
    assert getting.told.sentences[0].endswith(f"no checksum is published; kept in {sums}")
    (getting.root / "vivae/VIVAE/full_set/S01_pain_peak_01.wav").unlink()
    getting.web.files["/VIVAE.zip"] = packed({"VIVAE/full_set/S03_pain_peak_01.wav": sound(500)})
    with pytest.raises(CorpusError, match=r"VIVAE\.zip has SHA-256 .*delete its line in .*put aside as .*refused"):
        getting()
    assert not (getting.root / "vivae/VIVAE/full_set/S03_pain_peak_01.wav").exists()
    assert (getting.root / "vivae/VIVAE/full_set/S02_pain_peak_01.wav").exists()
    sums.write_text("")
    assert getting().files == 1


def test_a_wrong_checksum_is_refused_and_the_next_call_fetches_anew(getting: Getting) -> None:
    right = hashlib.md5(VIVAE).hexdigest()
    getting.web.files["/VIVAE.zip"] = VIVAE[:-1] + b"?"
    with pytest.raises(CorpusError, match=rf"has MD5 .*; its page says {right}: it is damaged"):
        getting(md5=right)
    assert not (getting.root / "vivae").exists()
    assert (getting.downloads / "VIVAE.zip.refused").stat().st_size == len(VIVAE)
    assert not (getting.downloads / "SHA256SUMS").exists()
    getting.web.files["/VIVAE.zip"] = VIVAE
    assert getting(md5=right).new == 4


def test_an_attack_in_an_archive_without_a_checksum_reaches_nothing(getting: Getting, tmp_path: Path) -> None:
    getting.web.files["/VIVAE.zip"] = packed({"VIVAE/full_set/S01_pain_peak_01.wav": b"", "../../evil": b"evil"})
    with pytest.raises(CorpusError, match=r"'\.\./\.\./evil' was refused.*put aside as"):
        getting()
    assert not (getting.root / "vivae").exists()
    assert not list(tmp_path.rglob("evil"))
    assert not (getting.downloads / "SHA256SUMS").exists()  # what was refused does not become the one to compare with


def test_an_interrupted_call_is_gone_on_with(getting: Getting) -> None:
    half = len(VIVAE) // 2
    getting.web.cut_after = [half]
    getting.web.statuses = []

    def stop(folder: Path, needed: int) -> None:
        if getting.web.asked[1:]:
            raise StoreError("stopped by the test")

    with pytest.raises(StoreError):
        getting(room=stop)
    assert (getting.downloads / "VIVAE.zip.partial").stat().st_size == half
    assert getting().new == 4
    assert getting.web.asked[-1]["range"] == f"bytes={half}-"


def test_what_is_in_the_way_is_not_overwritten_and_costs_no_second_fetch(getting: Getting) -> None:
    mine = getting.root / "vivae/VIVAE/core_set/S02_pain_peak_01.wav"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(CorpusError, match=r"is there already and is not the file of VIVAE\.zip; move it away"):
        getting()
    assert mine.read_bytes() == b"mine"
    mine.unlink()
    asked = len(getting.web.asked)
    getting()
    assert len(getting.web.asked) == asked
    assert mine.read_bytes() == sound(600)


def test_room_is_asked_for_the_archive_and_as_much_again_and_then_for_what_is_in_it(getting: Getting) -> None:
    asked: list[tuple[Path, int]] = []
    getting(size=len(VIVAE), md5=hashlib.md5(VIVAE).hexdigest(), room=lambda *needed: asked.append(needed))
    folder = getting.root / "vivae"
    assert asked == [(folder, 2 * len(VIVAE)), (folder, 2 * len(sound(300)) + 2 * len(sound(600)))]


def test_a_full_disk_stops_before_anything_is_fetched(getting: Getting) -> None:
    def full(folder: Path, needed: int) -> None:
        raise StoreError("no room")

    with pytest.raises(StoreError, match="no room"):
        getting(room=full)
    assert not (getting.downloads / "VIVAE.zip.partial").exists()


def test_two_calls_at_once_do_not_mix(getting: Getting) -> None:
    getting.downloads.mkdir(parents=True)
    with (getting.downloads / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CorpusError, match="is in use: another call gets the same corpus"):
            getting()
    assert getting().new == 4


def test_a_data_root_that_cannot_be_written_is_a_sentence(getting: Getting, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    getting.root = tmp_path / "file"
    with pytest.raises(CorpusError, match="cannot be written: Not a directory; give --data DIR"):
        getting()


def test_without_a_network_it_is_a_sentence(getting: Getting, monkeypatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    with pytest.raises(DeliveryError, match="cannot be fetched"):
        getting(url="http://127.0.0.1:9/VIVAE.zip")


def test_parts_are_got_apart_and_share_files_that_all_of_them_hold(web, tmp_path: Path) -> None:
    archives = []
    for number, part in enumerate(("dev-clean", "test-clean"), start=1):
        clip = f"LibriSpeech/{part}/{number}/{number}/{number}-{number}-0000.wav"
        web.files[f"/{part}.zip"] = packed(
            {clip: sound(300 * number), "LibriSpeech/SPEAKERS.TXT": f"{number} | F | {part}".encode()}
        )
        archives.append(
            Archive(name=f"{part}.zip", url=f"{web.url}/{part}.zip", part=part, shared=r"LibriSpeech/[A-Z]+\.TXT")
        )
    source = Source(corpus="librispeech", terms="https://terms.example", archives=tuple(archives), usual=("dev-clean",))
    with httpx.Client(timeout=10) as client:
        usual = acquire(source, tmp_path, client=client, room=lambda folder, needed: None)
        both = acquire(
            source, tmp_path, client=client, parts=("dev-clean", "test-clean"), room=lambda folder, needed: None
        )
        again = acquire(source, tmp_path, client=client, parts=("test-clean",), room=lambda folder, needed: None)
    assert (usual.files, both.files, both.new, again.new) == (1, 2, 1, 0)
    clips = load_corpus("librispeech", tmp_path).clips
    assert [(clip.extra["part"], clip.sex) for clip in clips] == [("dev-clean", "female"), ("test-clean", None)]
    assert (tmp_path / "librispeech/LibriSpeech/SPEAKERS.TXT").read_text() == "1 | F | dev-clean"


def test_each_rate_of_demand_unpacks_into_a_folder_of_its_own(web, tmp_path: Path) -> None:
    archives = []
    for rate in (16, 48):
        web.files[f"/DKITCHEN_{rate}k.zip"] = packed({"DKITCHEN/ch01.wav": sound(300, 1000 * rate)})
        name = f"DKITCHEN_{rate}k.zip"
        archives.append(Archive(name=name, url=f"{web.url}/{name}", part=f"{rate}k", into=f"{rate}k"))
    source = Source(corpus="demand", terms="https://terms.example", archives=tuple(archives))
    with httpx.Client(timeout=10) as client:
        acquire(source, tmp_path, client=client, room=lambda folder, needed: None)
    (clip,) = load_corpus("demand", tmp_path)
    assert clip.path == tmp_path / "demand/16k/DKITCHEN/ch01.wav"
