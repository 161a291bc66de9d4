"""EmoGator clips from their public repository, proved by the pinned commit's id.

Git checks what it fetches: a commit's id is a hash over the ids of all files in it, and a file's id is a hash
of the file. So a clip is the one that the commit names, or there is no clip. Where the scene also knows a
clip's SHA-256, that is checked besides, which does not rest on SHA-1.
"""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from exclaim.corpora.git_files import Blob, fetch_blobs, fetch_commit, git_blob_id, list_blobs
from exclaim.errors import DeliveryError

__all__ = ["cache_folder", "fetch_clips"]

_MAX_CLIP_BYTES = 2 * 2**20  # an official clip has a few tens of kilobytes


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where fetched clips are kept: ``$XDG_CACHE_HOME/exclaim``, by default ``~/.cache/exclaim``."""
    base = environment.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "exclaim"


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
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DeliveryError(f"clips cannot be kept in {folder}: {error.strerror}") from error
    store = folder / "repository.git"
    shutil.rmtree(store, ignore_errors=True)  # what an interrupted run left is not built upon
    try:
        fetch_commit(store, repository, commit, timeout_seconds=timeout_seconds)
        listed = {Path(file.path): file for file in list_blobs(store, commit, timeout_seconds=timeout_seconds)}
        wanted = [_find(listed, clip) for clip in clips]
        for file, content in fetch_blobs(store, wanted, timeout_seconds=timeout_seconds):
            if len(content) > _MAX_CLIP_BYTES:
                raise DeliveryError(
                    f"{file.path} has {len(content):,} bytes; a clip has no more than a few ten thousand"
                )
            part = folder / f"{Path(file.path).stem}.part"
            part.write_bytes(content)
            part.replace(folder / Path(file.path).name)
    except DeliveryError as error:
        raise DeliveryError(f"clips cannot be fetched: {error}; or set EXCLAIM_DATA") from error
    except OSError as error:
        raise DeliveryError(f"clips cannot be kept in {folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(store, ignore_errors=True)
    return {clip: file.blob for clip, file in zip(clips, wanted, strict=True)}


def _find(listed: Mapping[Path, Blob], clip: str) -> Blob:
    path = Path(f"data/mp3/{clip}.mp3")
    if path not in listed:
        raise DeliveryError(f"the commit has no {path}")
    return listed[path]
