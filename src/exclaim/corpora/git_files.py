"""Files out of a git repository, proved by a commit's id.

Git checks what it fetches: a commit's id is a hash over the ids of all files in it, and a file's id is a hash of the
file. So a file is the one that the commit names, or there is no file.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from exclaim.errors import DeliveryError

__all__ = ["Blob", "fetch_blobs", "fetch_commit", "git_blob_id", "list_blobs"]

_REGULAR = ("100644", "100755")  # modes of files; links and other repositories have others


class Blob(NamedTuple):
    """One file of a commit."""

    path: str
    blob: str  # the id that git gives its content


def git_blob_id(content: bytes) -> str:
    """Return the id that git gives a file: SHA-1 over its length and content, in hexadecimal."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _run(store: Path | None, timeout_seconds: float, *arguments: str, given: bytes | None = None) -> bytes:
    """Run git in a bare repository, or in none; return what it prints."""
    if shutil.which("git") is None:
        raise DeliveryError("git is not installed; install it")
    command = ["git", *([] if store is None else ["--git-dir", str(store)]), *arguments]
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    environment.pop("GIT_DIR", None)  # a hook that runs us has its own repository there
    try:  # git that is given nothing must not wait for a person
        done = subprocess.run(
            command, env=environment, capture_output=True, timeout=timeout_seconds, input=given or b""
        )
    except subprocess.TimeoutExpired as error:
        raise DeliveryError(f"git did not finish within {timeout_seconds:g} s; is there a network?") from error
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().splitlines()
        raise DeliveryError(reason[-1] if reason else f"git failed with status {done.returncode}")
    return done.stdout


def fetch_commit(store: Path, repository: str, commit: str | None, *, timeout_seconds: float) -> str:
    """Fetch a commit and the names in it, without its files.

    Args:
        store: a bare repository; made when absent, gone on with when it is of the same repository.
        repository: URL that git can fetch from.
        commit: full id; None: the newest of the usual branch.
        timeout_seconds: for each of git's steps.

    Returns:
        The commit's id.

    Raises:
        DeliveryError: without git or network, when git does not finish in time, or when the server gave another commit.
    """
    _run(None, timeout_seconds, "init", "--quiet", "--bare", str(store))  # which leaves one that is there as it is
    _run(store, timeout_seconds, "config", "remote.origin.url", repository)
    options = ("--quiet", "--no-tags", "--depth=1", "--filter=blob:none")
    _run(store, timeout_seconds, "fetch", *options, "origin", commit or "HEAD")
    found = _run(store, timeout_seconds, "rev-parse", "FETCH_HEAD^{commit}").decode().strip()
    if commit is not None and found != commit:
        raise DeliveryError(f"{repository} gave commit {found}; expected {commit}")
    return found


def list_blobs(store: Path, commit: str, *, timeout_seconds: float) -> tuple[Blob, ...]:
    """Return the files that a commit names, in its order; links and other repositories are left out."""
    listing = _run(store, timeout_seconds, "ls-tree", "-r", "-z", "--full-tree", commit).decode(errors="replace")
    entries = (entry.partition("\t") for entry in listing.split("\0") if entry)
    fields = ((head.split(), path) for head, _, path in entries)
    return tuple(Blob(path, blob) for (mode, _, blob), path in fields if mode in _REGULAR)


def fetch_blobs(store: Path, blobs: Iterable[Blob], *, timeout_seconds: float) -> Iterator[tuple[Blob, bytes]]:
    """Fetch files' contents at once and yield them one after the other.

    Raises:
        DeliveryError: without git or network, when git does not finish in time, or when a content is not the one that
            the commit names.
    """
    wanted = tuple(blobs)
    ids = "".join(f"{blob}\n" for blob in dict.fromkeys(file.blob for file in wanted)).encode()
    # as git itself asks for what a clone without files lacks
    fetch = ("-c", "fetch.negotiationAlgorithm=noop", "fetch", "--quiet", "--no-tags", "--no-write-fetch-head")
    _run(store, timeout_seconds, *fetch, "--filter=blob:none", "--stdin", "origin", given=ids)
    printed = _run(store, timeout_seconds, "cat-file", "--batch", given=ids)
    contents, at = {}, 0
    while at < len(printed):
        head, end = printed[at : printed.index(b"\n", at)].decode().split(), printed.index(b"\n", at) + 1
        if head[1] != "blob":
            raise DeliveryError(f"the repository has no content for file {head[0]}")
        at = end + int(head[2]) + 1
        contents[head[0]] = printed[end : at - 1]
    for file in wanted:
        content = contents.get(file.blob)
        if content is None or git_blob_id(content) != file.blob:
            raise DeliveryError(f"{file.path} is not the file that the commit names")
        yield file, content
