"""Git LFS without its program: a pointer in the repository names a file's SHA-256, a server says where the file is.

https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md (pointers) and docs/api/batch.md (the request).
"""

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from exclaim.errors import CorpusError, DeliveryError

__all__ = ["LargeFile", "fetch_large_files", "is_pointer", "read_pointer"]

_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-.*\n)*oid sha256:([0-9a-f]{64})\nsize (\d+)\n"
)
_LONGEST_POINTER = 1024  # bytes, by the specification
_BEGINNING = b"version https://git-lfs.github.com/spec/"
_BATCH = 100  # files in a request, as many as servers take
_MAX_BYTES = 64 * 2**20  # of one file; a clip is far smaller
_MEDIA_TYPE = "application/vnd.git-lfs+json"


class LargeFile(NamedTuple):
    """A file that a repository only points to."""

    path: str
    sha256: str
    size: int  # bytes


def read_pointer(path: str, content: bytes) -> LargeFile | None:
    """Return what a repository's file points to, or None where it is a file of its own."""
    match = _POINTER.fullmatch(content)
    return LargeFile(path, match[1].decode(), int(match[2])) if match else None


def is_pointer(path: Path) -> bool:
    """Tell whether a file that is there is a pointer and not what it is named after; a longer file is not read."""
    try:
        if path.stat().st_size > _LONGEST_POINTER:
            return False
        with path.open("rb") as file:
            return file.read(len(_BEGINNING)) == _BEGINNING
    except OSError:
        return False


def fetch_large_files(
    client: httpx.Client,
    servers: Sequence[str],
    files: Sequence[LargeFile],
    folder: Path,
    *,
    progress: Callable[[], None] = lambda: None,
) -> None:
    """Fetch files and keep each when its SHA-256 is the pointer's.

    Args:
        client: follows redirects.
        servers: addresses of Git-LFS servers; the next is asked for what one does not give.
        files: what is wanted.
        folder: where they are kept, each at its path.
        progress: called after each file.

    Raises:
        CorpusError: when a file cannot be written.
        DeliveryError: when no server gives a file; those that were given are kept.
    """
    missing = list(files)
    reasons = []
    for server in servers:
        if not missing:
            return
        left: list[LargeFile] = []
        try:
            for start in range(0, len(missing), _BATCH):
                batch = missing[start : start + _BATCH]
                left = missing[start:]
                places = _ask(client, server, batch)
                for file in batch:
                    _fetch(client, file, places, folder)
                    left.remove(file)
                    progress()
        except (httpx.HTTPError, DeliveryError) as error:
            reasons.append(f"{server}: {error or type(error).__name__}")
        except OSError as error:
            raise CorpusError(f"{folder} cannot be written: {error.strerror or error}") from error
        missing = left
    if missing:
        raise DeliveryError(
            f"{len(missing)} of {len(files)} files cannot be fetched ({'; '.join(reasons)}); get it again to go on"
        )


def _ask(client: httpx.Client, server: str, files: Sequence[LargeFile]) -> dict[str, dict[str, Any]]:
    """Return SHA-256 to how it can be fetched, of the files that the server has."""
    objects = [{"oid": file.sha256, "size": file.size} for file in files]
    response = client.post(
        f"{server}/objects/batch",
        json={"operation": "download", "transfers": ["basic"], "objects": objects, "hash_algo": "sha256"},
        headers={"Accept": _MEDIA_TYPE, "Content-Type": _MEDIA_TYPE},
    )
    try:
        answer = response.json()
        if response.status_code != 200:
            raise DeliveryError(str(answer.get("message") or f"the server answers {response.status_code}"))
        return {found["oid"]: found["actions"]["download"] for found in answer["objects"] if "actions" in found}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DeliveryError(f"the server answers {response.status_code} with what is no answer") from error


def _fetch(client: httpx.Client, file: LargeFile, places: dict[str, dict[str, Any]], folder: Path) -> None:
    place = places.get(file.sha256)
    if place is None or file.size > _MAX_BYTES:
        raise DeliveryError(f"{file.path} is not there")
    digest, size = hashlib.sha256(), 0
    target = folder / file.path
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        with (
            client.stream("GET", place["href"], headers=place.get("header") or {}) as response,
            unfinished.open("wb") as kept,
        ):
            if response.status_code != 200:
                raise DeliveryError(f"the server answers {response.status_code} for {file.path}")
            for block in response.iter_bytes():
                size += len(block)
                if size > file.size:
                    break
                digest.update(block)
                kept.write(block)
        if size != file.size or digest.hexdigest() != file.sha256:
            raise DeliveryError(f"{file.path} is not the file that the repository points to")
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)
