"""What a repository only points to comes from a Git-LFS server, and is what the pointer says or is not kept."""

import hashlib
from pathlib import Path

import httpx
import pytest

from exclaim.corpora.large_files import LargeFile, fetch_large_files, read_pointer
from exclaim.errors import CorpusError, DeliveryError

CONTENTS = {f"AudioWAV/{number}.wav": f"sound {number}".encode() * 100 for number in range(3)}


def point(path: str, content: bytes) -> LargeFile:
    return LargeFile(path, hashlib.sha256(content).hexdigest(), len(content))


FILES = [point(path, content) for path, content in CONTENTS.items()]


def pointer_text(file: LargeFile) -> bytes:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{file.sha256}\nsize {file.size}\n".encode()


@pytest.fixture
def lfs(web):
    """A server at ``/lfs`` that has all files."""
    for file in FILES:
        web.files[f"/objects/{file.sha256}"] = CONTENTS[file.path]
    web.requests = []

    def answer(asked):
        web.requests.append(asked)
        objects = [
            {"oid": wanted["oid"], "size": wanted["size"]}
            | {"actions": {"download": {"href": f"{web.url}/objects/{wanted['oid']}", "header": {"X-Key": "secret"}}}}
            for wanted in asked["objects"]
            if f"/objects/{wanted['oid']}" in web.files
        ]
        return 200, {"transfer": "basic", "objects": objects}

    web.batch = answer
    return web


def fetch(servers: list[str], folder: Path, files: list[LargeFile] = FILES, told: list[int] | None = None) -> None:
    with httpx.Client(follow_redirects=True, timeout=10) as client:
        fetch_large_files(client, servers, files, folder, progress=lambda: (told if told is not None else []).append(1))


def test_a_pointer_is_told_from_a_file() -> None:
    assert read_pointer("a.wav", pointer_text(FILES[0])) == LargeFile("a.wav", FILES[0].sha256, FILES[0].size)
    for other in (b"RIFF", b"", pointer_text(FILES[0]) + b"more", pointer_text(FILES[0]).replace(b"sha256", b"md5")):
        assert read_pointer("a.wav", other) is None


def test_files_come_each_to_its_place(lfs, tmp_path: Path) -> None:
    told: list[int] = []
    fetch([f"{lfs.url}/lfs"], tmp_path, told=told)
    assert {path: (tmp_path / path).read_bytes() for path in CONTENTS} == CONTENTS
    assert len(told) == 3
    (request,) = lfs.requests
    assert (request["operation"], request["hash_algo"]) == ("download", "sha256")
    assert request["objects"] == [{"oid": file.sha256, "size": file.size} for file in FILES]
    assert all(asked["x-key"] == "secret" for asked in lfs.asked)


def test_what_one_server_does_not_give_the_next_is_asked_for(lfs, tmp_path: Path) -> None:
    answer = lfs.batch
    refused = []

    def budget_used_up(asked):
        if not refused:
            refused.append(asked)
            return 403, {"message": "This repository exceeded its LFS budget."}
        return answer(asked)

    lfs.batch = budget_used_up
    fetch([f"{lfs.url}/lfs", f"{lfs.url}/mirror"], tmp_path)
    assert {path: (tmp_path / path).read_bytes() for path in CONTENTS} == CONTENTS


def test_when_no_server_gives_a_file_those_that_came_are_kept(lfs, tmp_path: Path) -> None:
    del lfs.files[f"/objects/{FILES[2].sha256}"]
    with pytest.raises(DeliveryError, match=r"1 of 3 files cannot be fetched \(.*AudioWAV/2\.wav is not there.*again"):
        fetch([f"{lfs.url}/lfs"], tmp_path)
    assert {path.name for path in (tmp_path / "AudioWAV").iterdir()} == {"0.wav", "1.wav"}


@pytest.mark.parametrize("damage", [b"another sound", b"sound 1" * 100 + b"more", b""])
def test_what_is_not_the_pointers_file_is_not_kept(lfs, tmp_path: Path, damage: bytes) -> None:
    lfs.files[f"/objects/{FILES[1].sha256}"] = damage
    with pytest.raises(DeliveryError, match=r"2 of 3 files .*AudioWAV/1\.wav is not the file that the repository"):
        fetch([f"{lfs.url}/lfs"], tmp_path)
    assert {path.name for path in (tmp_path / "AudioWAV").iterdir()} == {"0.wav"}


@pytest.mark.parametrize(("status", "answer"), [(200, {"objects": 1}), (200, {}), (500, {}), (200, [])])
def test_a_server_that_answers_nonsense_is_told(lfs, tmp_path: Path, status: int, answer: object) -> None:
    lfs.batch = lambda asked: (status, answer)
    with pytest.raises(DeliveryError, match=r"3 of 3 files cannot be fetched \(.*the server answers"):
        fetch([f"{lfs.url}/lfs"], tmp_path)


def test_a_file_of_absurd_size_is_not_asked_for(lfs, tmp_path: Path) -> None:
    file = LargeFile("a.wav", FILES[0].sha256, 10**12)
    with pytest.raises(DeliveryError, match=r"a\.wav is not there"):
        fetch([f"{lfs.url}/lfs"], tmp_path, [file])
    assert lfs.asked == []


def test_a_folder_that_cannot_be_written_is_a_sentence(lfs, tmp_path: Path) -> None:
    (tmp_path / "AudioWAV").write_text("")
    with pytest.raises(CorpusError, match="cannot be written"):
        fetch([f"{lfs.url}/lfs"], tmp_path)
