"""A corpus out of a git repository on this machine: proved by its commit, gone on with, and never overwritten."""

import hashlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from exclaim.corpora import checkout
from exclaim.corpora.acquired import Acquired, Watcher
from exclaim.corpora.checkout import Checkout
from exclaim.corpora.git_files import fetch_commit, git_blob_id, list_blobs
from exclaim.corpora.sources import Repository
from exclaim.errors import CorpusError, DeliveryError

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

CLIPS = {f"data/mp3/00000{number}-03-1.mp3": f"ID3 clip {number}".encode() * 50 for number in range(1, 6)}
LARGE = b"RIFF a large sound" * 100
POINTER = (
    f"version https://git-lfs.github.com/spec/v1\noid sha256:{hashlib.sha256(LARGE).hexdigest()}\nsize {len(LARGE)}\n"
)


class Published(NamedTuple):
    url: str
    folder: Path

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
        command = ["git", *identity, "-C", str(self.folder), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, files: dict[str, bytes]) -> str:
        for name, content in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "files")
        return self.git("rev-parse", "HEAD")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory) -> Iterator[tuple[int, Path]]:
    """Git's own server over a folder: (port, folder)."""
    base = tmp_path_factory.mktemp("published")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ("--reuseaddr", "--listen=127.0.0.1", f"--port={port}", "--export-all", f"--base-path={base}")
    server = subprocess.Popen(["git", "daemon", *options, str(base)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.02)
        yield port, base
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def published(daemon, request) -> Published:
    """A repository of a few clips, a pointer, and files that nobody wants."""
    port, base = daemon
    name = f"repository-{len(list(base.iterdir()))}"
    found = Published(f"git://127.0.0.1:{port}/{name}", base / name)
    found.folder.mkdir()
    found.git("init", "--quiet")
    for option in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
        found.git("config", option, "true")
    (found.folder / "data/mp3").mkdir(parents=True)
    (found.folder / "data/mp3/link.mp3").symlink_to("/etc/passwd")
    found.commit({**CLIPS, "code/run.py": b"print()", "README.md": b"read me"})
    return found


class Told(Watcher):
    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.steps: list[tuple[str, int, int | None]] = []

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)

    def progress(self, what: str, done: int, total: int | None, unit: str) -> None:
        self.steps.append((what, done, total))


class Run(NamedTuple):
    got: Acquired
    told: Told


def run(
    published: Published,
    root: Path,
    *,
    wanted: str = r"data/mp3/.+|README\.md",
    commit: str | None = None,
    large_files: tuple[str, ...] = (),
    url: str = "",
    room=lambda folder, needed: None,
) -> Run:
    repository = Repository(url=url or published.url, wanted=wanted, commit=commit, large_files=large_files)
    (root / "downloads").mkdir(parents=True, exist_ok=True)
    told = Told()
    with httpx.Client(timeout=10) as client:
        return Run(Checkout(repository, root / "corpus", root / "downloads", client, told, room).run(), told)


def contents(root: Path) -> dict[str, bytes]:
    folder = root / "corpus"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_wanted_files_of_a_commit_come_and_links_do_not(published: Published, tmp_path: Path) -> None:
    commit = published.git("rev-parse", "HEAD")
    done = run(published, tmp_path, commit=commit)
    assert contents(tmp_path) == {**CLIPS, "README.md": b"read me"}
    assert done.got == Acquired(tmp_path / "corpus", 6, 6, {}, commit)
    assert done.told.sentences == []
    assert ("fetch", 6, 6) in done.told.steps
    assert {path.name for path in (tmp_path / "downloads").iterdir()} == {"files.json"}


def test_a_second_run_needs_no_network(published: Published, tmp_path: Path) -> None:
    first = run(published, tmp_path, url=published.url)
    again = run(published, tmp_path, url="git://127.0.0.1:9/none")
    assert (again.got.files, again.got.new, again.got.commit) == (6, 0, first.got.commit)


def test_only_what_is_missing_is_fetched_again(published: Published, tmp_path: Path) -> None:
    run(published, tmp_path)
    gone = tmp_path / "corpus/data/mp3/000003-03-1.mp3"
    gone.unlink()
    published.commit({"data/mp3/000009-03-1.mp3": b"a newer clip"})
    done = run(published, tmp_path)
    assert done.got.new == 1
    assert gone.read_bytes() == CLIPS["data/mp3/000003-03-1.mp3"]
    assert "data/mp3/000009-03-1.mp3" not in contents(tmp_path)  # the commit that was got first stays the corpus


def test_without_a_pinned_commit_the_newest_is_taken_and_told(published: Published, tmp_path: Path) -> None:
    newest = published.commit({"README.md": b"newer"})
    done = run(published, tmp_path)
    assert (tmp_path / "corpus/README.md").read_bytes() == b"newer"
    assert done.told.sentences == [f"commit {newest} of {published.url}, the newest when it was first got"]


def test_an_interrupted_run_is_gone_on_with(published: Published, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(checkout, "_BATCH_FILES", 2)
    fetched = []
    original = checkout.fetch_blobs

    def interrupted(store, blobs, **options):
        fetched.append([blob.path for blob in blobs])
        if len(fetched) == 3:
            raise DeliveryError("the line is dead")
        return original(store, blobs, **options)

    monkeypatch.setattr(checkout, "fetch_blobs", interrupted)
    with pytest.raises(DeliveryError, match=rf"{published.url} cannot be fetched: the line is dead"):
        run(published, tmp_path)
    assert len(contents(tmp_path)) == 4
    done = run(published, tmp_path)
    assert done.got.new == 2
    assert len(contents(tmp_path)) == 6
    assert len(fetched) == 4
    assert not set(fetched[3]) & {*fetched[0], *fetched[1]}


def test_a_file_that_is_another_is_never_overwritten(published: Published, tmp_path: Path) -> None:
    mine = tmp_path / "corpus/README.md"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(CorpusError, match=r"README\.md is there already and is not the file that the commit names"):
        run(published, tmp_path)
    assert mine.read_bytes() == b"mine"
    mine.unlink()
    mine.mkdir()
    with pytest.raises(CorpusError, match="is there already"):
        run(published, tmp_path)


def test_a_commit_that_is_not_there_is_refused(published: Published, tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="not our ref"):
        run(published, tmp_path, commit="1" * 40)
    assert not (tmp_path / "corpus").exists()


def test_a_repository_without_the_corpus_is_refused(published: Published, tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="holds none of the corpus's files"):
        run(published, tmp_path, wanted=r"audio/.+")


def test_content_swapped_on_the_server_does_not_pass_for_the_commit(published: Published, tmp_path: Path) -> None:
    one, other = (git_blob_id(content) for content in list(CLIPS.values())[:2])
    objects = published.folder / ".git/objects"
    target = objects / one[:2] / one[2:]
    target.chmod(0o644)
    target.write_bytes((objects / other[:2] / other[2:]).read_bytes())
    with pytest.raises(DeliveryError):
        run(published, tmp_path)
    assert one not in {git_blob_id(content) for content in contents(tmp_path).values()}


def test_what_the_repository_points_to_comes_from_git_lfs(published: Published, web, tmp_path: Path) -> None:
    commit = published.commit({"data/mp3/large.wav": POINTER.encode()})
    oid = hashlib.sha256(LARGE).hexdigest()
    web.files[f"/{oid}"] = LARGE
    web.batch = lambda asked: (
        200,
        {"objects": [{"oid": oid, "actions": {"download": {"href": f"{web.url}/{oid}"}}}]},
    )
    servers = (f"{web.url}/lfs",)
    done = run(published, tmp_path, commit=commit, large_files=servers)
    large = tmp_path / "corpus/data/mp3/large.wav"
    assert large.read_bytes() == LARGE
    assert done.got.files == 7
    asked = len(web.asked)
    again = run(published, tmp_path, commit=commit, large_files=servers, url="git://127.0.0.1:9/none")
    assert (again.got.new, len(web.asked)) == (0, asked)
    large.write_bytes(b"mine")
    with pytest.raises(CorpusError, match="is there already"):
        run(published, tmp_path, commit=commit, large_files=servers)
    large.unlink()  # of a file that is known to lie elsewhere the repository need not be asked
    once_more = run(published, tmp_path, commit=commit, large_files=servers, url="git://127.0.0.1:9/none")
    assert (once_more.got.new, large.read_bytes()) == (1, LARGE)
    for known in (True, False):  # what a clone without Git LFS has in the sound's place gives way to it
        large.write_bytes(POINTER.encode())
        if not known:
            (tmp_path / "downloads/files.json").unlink()
        assert run(published, tmp_path, commit=commit, large_files=servers).got.new == 1
        assert large.read_bytes() == LARGE


def test_an_lfs_server_that_refuses_leaves_the_rest_there(published: Published, web, tmp_path: Path) -> None:
    published.commit({"data/mp3/large.wav": POINTER.encode()})
    web.batch = lambda asked: (403, {"message": "This repository exceeded its LFS budget."})
    with pytest.raises(DeliveryError, match=r"1 of 1 files cannot be fetched .*exceeded its LFS budget"):
        run(published, tmp_path, large_files=(f"{web.url}/lfs",))
    assert set(contents(tmp_path)) == {*CLIPS, "README.md"}


def test_names_with_blanks_and_other_letters_are_listed(published: Published, tmp_path: Path) -> None:
    commit = published.commit({"data/001 - Dög bark/a b.ogg": b"x"})
    fetch_commit(tmp_path / "store", published.url, commit, timeout_seconds=30)
    listed = {blob.path: blob.blob for blob in list_blobs(tmp_path / "store", commit, timeout_seconds=30)}
    assert listed["data/001 - Dög bark/a b.ogg"] == git_blob_id(b"x")
    assert "data/mp3/link.mp3" not in listed


def test_no_git_is_a_sentence(published: Published, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeliveryError, match="git is not installed; install it"):
        run(published, tmp_path)
