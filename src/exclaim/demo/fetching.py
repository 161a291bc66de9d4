"""EmoGator clips from their public repository, proved by the pinned commit's id.

Git checks what it fetches: a commit's id is a hash over the ids of all files in it, and a file's id is a hash
of the file. So a clip is the one that the commit names, or there is no clip. Where the scene also knows a
clip's SHA-256, that is checked besides, which does not rest on SHA-1.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from exclaim.errors import DeliveryError

__all__ = ["cache_folder", "fetch_clips", "git_blob_id"]

_MAX_CLIP_BYTES = 2 * 2**20  # an official clip has a few tens of kilobytes


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where fetched clips are kept: ``$XDG_CACHE_HOME/exclaim``, by default ``~/.cache/exclaim``."""
    base = environment.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "exclaim"


def git_blob_id(content: bytes) -> str:
    """Return the id that git gives a file: SHA-1 over its length and content, in hexadecimal."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def fetch_clips(
    clips: tuple[str, ...],
    folder: Path,
    *,
    repository: str,
    commit: str,
    sha256: Mapping[str, str],
    timeout_seconds: float = 60.0,
) -> dict[str, Path]:
    """Fetch clips that are not yet in ``folder``, and check them all.

    Args:
        clips: names of official files without ``.mp3``.
        folder: where they are kept; made when absent.
        repository: URL that git can fetch from.
        commit: full id of the commit.
        sha256: clip to SHA-256, where known.
        timeout_seconds: for each of git's steps.

    Returns:
        The file of each clip.

    Raises:
        DeliveryError: without git or network, when the commit or a clip is not there, or when a clip is not
            the one that was pinned; nothing is kept of it then.
    """
    ids_file = folder / f"{commit}.ids"
    ids = _read_ids(ids_file)
    paths = {clip: folder / f"{clip}.mp3" for clip in clips}
    if not all(clip in ids and _is_whole(path, ids[clip]) for clip, path in paths.items()):
        ids = _fetch(clips, folder, repository, commit, timeout_seconds)
        ids_file.write_text("".join(f"{value} {clip}\n" for clip, value in ids.items()), "utf-8")
    for clip, path in paths.items():
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != sha256.get(clip, found):
            path.unlink()
            raise DeliveryError(
                f"{clip}.mp3 from {repository} has SHA-256 {found}; expected {sha256[clip]}; it was not kept"
            )
    return paths


def _read_ids(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    lines = path.read_text("utf-8").splitlines()
    return {clip: value for value, _, clip in (line.partition(" ") for line in lines)}


def _is_whole(path: Path, blob_id: str) -> bool:
    return path.is_file() and git_blob_id(path.read_bytes()) == blob_id


def _fetch(
    clips: tuple[str, ...], folder: Path, repository: str, commit: str, timeout_seconds: float
) -> dict[str, str]:
    """Fetch the commit without its files, then the wanted files; return their git ids."""
    if shutil.which("git") is None:
        raise DeliveryError("clips cannot be fetched: git is not installed; install it, or set EXCLAIM_DATA")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DeliveryError(f"clips cannot be kept in {folder}: {error.strerror}") from error
    store = folder / "repository.git"
    shutil.rmtree(store, ignore_errors=True)  # what an interrupted run left is not built upon
    try:
        _git(None, timeout_seconds, "init", "--quiet", "--bare", str(store))
        _git(store, timeout_seconds, "remote", "add", "origin", repository)
        fetch = ("fetch", "--quiet", "--no-tags", "--depth=1", "--filter=blob:none", "origin", commit)
        _git(store, timeout_seconds, *fetch)
        ids = {}
        for clip in clips:
            content = _git(store, timeout_seconds, "cat-file", "blob", f"{commit}:data/mp3/{clip}.mp3")
            listed = _git(store, timeout_seconds, "rev-parse", f"{commit}:data/mp3/{clip}.mp3")
            ids[clip] = listed.decode().strip()
            if git_blob_id(content) != ids[clip] or len(content) > _MAX_CLIP_BYTES:
                raise DeliveryError(f"{clip}.mp3 from {repository} is not the file that {commit} names")
            part = folder / f"{clip}.part"
            part.write_bytes(content)
            part.replace(folder / f"{clip}.mp3")
    except OSError as error:
        raise DeliveryError(f"clips cannot be kept in {folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(store, ignore_errors=True)
    return ids


def _git(store: Path | None, timeout_seconds: float, *arguments: str) -> bytes:
    command = ["git", *([] if store is None else ["--git-dir", str(store)]), *arguments]
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    environment.pop("GIT_DIR", None)  # a hook that runs us has its own repository there
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, timeout=timeout_seconds, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired as error:
        raise DeliveryError(f"git did not finish within {timeout_seconds:g} s; is there a network?") from error
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().splitlines()
        raise DeliveryError(f"clips cannot be fetched: {reason[-1] if reason else 'git failed'}")
    return done.stdout
