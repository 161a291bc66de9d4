"""Clips are fetched from a server on this machine; what is not the pinned file is refused and not kept."""

import hashlib
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exclaim.corpora.git_files import git_blob_id
from exclaim.demo.fetching import cache_folder, fetch_clips
from exclaim.errors import DeliveryError

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
CLIPS = ("000001-15-1", "000002-30-2")


def content(clip: str) -> bytes:
    return b"ID3 not really an mp3 " + clip.encode() * 50


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    command = ["git", *identity, "-C", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Iterator[tuple[str, str, Path]]:
    """A repository in EmoGator's layout behind git's own server: (URL, commit, folder)."""
    base = tmp_path_factory.mktemp("published")
    folder = base / "EmoGator"
    (folder / "data/mp3").mkdir(parents=True)
    for clip in (*CLIPS, "000003-02-1"):
        (folder / f"data/mp3/{clip}.mp3").write_bytes(content(clip))
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "clips")
    for option in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
        git(folder, "config", option, "true")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ("--reuseaddr", "--listen=127.0.0.1", f"--port={port}", "--export-all", f"--base-path={base}")
    server = subprocess.Popen(["git", "daemon", *options, str(base)], stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield f"git://127.0.0.1:{port}/EmoGator", git(folder, "rev-parse", "HEAD"), folder
    finally:
        server.terminate()
        server.wait()


def wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    pytest.fail("git daemon did not start")


def pins(*clips: str) -> dict[str, str]:
    return {clip: hashlib.sha256(content(clip)).hexdigest() for clip in clips}


def test_clips_are_the_pinned_ones_and_nothing_else_is_kept(published, tmp_path):
    url, commit, _ = published
    paths = fetch_clips(CLIPS, tmp_path / "new", repository=url, commit=commit, sha256=pins(CLIPS[0]))
    assert {clip: path.read_bytes() for clip, path in paths.items()} == {clip: content(clip) for clip in CLIPS}
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert names == {f"{clip}.mp3" for clip in CLIPS} | {f"{commit}.ids"}


def test_a_second_run_fetches_nothing(published, tmp_path):
    url, commit, _ = published
    first = fetch_clips(CLIPS, tmp_path, repository=url, commit=commit, sha256={})
    nowhere = "git://127.0.0.1:9/nothing-listens-here"
    assert fetch_clips(CLIPS, tmp_path, repository=nowhere, commit=commit, sha256={}) == first


def test_a_damaged_copy_is_fetched_again(published, tmp_path):
    url, commit, _ = published
    paths = fetch_clips(CLIPS, tmp_path, repository=url, commit=commit, sha256={})
    paths[CLIPS[1]].write_bytes(b"damaged")
    fetch_clips(CLIPS, tmp_path, repository=url, commit=commit, sha256={})
    assert paths[CLIPS[1]].read_bytes() == content(CLIPS[1])


def test_a_clip_with_another_sha256_is_refused_and_not_kept(published, tmp_path):
    url, commit, _ = published
    wrong = {CLIPS[0]: "0" * 64}
    with pytest.raises(DeliveryError, match=f"{CLIPS[0]}.mp3 .*expected {'0' * 64}"):
        fetch_clips(CLIPS, tmp_path, repository=url, commit=commit, sha256=wrong)
    assert not (tmp_path / f"{CLIPS[0]}.mp3").exists()


def test_a_commit_that_is_not_there_is_refused(published, tmp_path):
    with pytest.raises(DeliveryError, match=r"clips cannot be fetched: .*not our ref"):
        fetch_clips(CLIPS, tmp_path, repository=published[0], commit="1" * 40, sha256={})
    assert not list(tmp_path.iterdir())


def test_a_clip_that_the_commit_does_not_have_is_refused(published, tmp_path):
    url, commit, _ = published
    with pytest.raises(DeliveryError, match=re.escape("data/mp3/000009-15-1.mp3")):
        fetch_clips(("000009-15-1",), tmp_path, repository=url, commit=commit, sha256={})


def test_a_file_changed_on_the_server_does_not_pass_for_the_commit(published, tmp_path):
    """The server swaps a file's bytes under its id; git notices, since the id is a hash of them."""
    _, commit, folder = published
    swapped = tmp_path / "swapped"
    shutil.copytree(folder, swapped)
    blob = git(swapped, "rev-parse", f"{commit}:data/mp3/{CLIPS[0]}.mp3")
    other = git(swapped, "rev-parse", f"{commit}:data/mp3/{CLIPS[1]}.mp3")
    target = swapped / ".git/objects" / blob[:2] / blob[2:]
    target.chmod(0o644)
    target.write_bytes((swapped / ".git/objects" / other[:2] / other[2:]).read_bytes())
    with pytest.raises(DeliveryError):
        fetch_clips(CLIPS, tmp_path / "new", repository=f"file://{swapped}", commit=commit, sha256={})
    assert not list((tmp_path / "new").glob("*.mp3"))


def test_no_network_is_a_sentence(tmp_path):
    with pytest.raises(DeliveryError, match="clips cannot be fetched"):
        fetch_clips(CLIPS, tmp_path, repository="git://127.0.0.1:9/none", commit="1" * 40, sha256={})


def test_no_git_is_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DeliveryError, match="git is not installed"):
        fetch_clips(CLIPS, tmp_path / "new", repository="unused", commit="1" * 40, sha256={})


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DeliveryError, match="cannot be kept in"):
        fetch_clips(CLIPS, tmp_path / "file/new", repository="unused", commit="1" * 40, sha256={})


def test_the_blob_id_is_gits(published):
    _, commit, folder = published
    assert git_blob_id(content(CLIPS[0])) == git(folder, "rev-parse", f"{commit}:data/mp3/{CLIPS[0]}.mp3")


def test_the_cache_follows_the_standard(tmp_path):
    assert cache_folder({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "exclaim"
    assert cache_folder({}) == Path.home() / ".cache" / "exclaim"
