"""Checksums of what was got, and the file ``SHA256SUMS`` in which they are kept as ``sha256sum`` writes them."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from exclaim.corpora.whole_files import write_whole
from exclaim.errors import CorpusError

__all__ = ["Digests", "file_digests", "keep_sum", "read_sums", "require_sum"]

_BLOCK_BYTES = 2**20


class Digests(NamedTuple):
    """Of a file's bytes, hexadecimal."""

    md5: str
    sha256: str


def file_digests(path: Path, progress: Callable[[int], None] = lambda done: None) -> Digests:
    """Return a file's digests; ``progress`` is called with the number of bytes read so far."""
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    done = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            md5.update(block)
            sha256.update(block)
            progress(done := done + len(block))
    return Digests(md5.hexdigest(), sha256.hexdigest())


def read_sums(path: Path) -> dict[str, str]:
    """Return file name to SHA-256; empty where there is no such file.

    Raises:
        CorpusError: when a line is not "SHA-256, two blanks, name".
    """
    if not path.is_file():
        return {}
    sums = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        digest, _, name = line.partition("  ")
        if len(digest) != 64 or set(digest) - set("0123456789abcdef") or not name:
            raise CorpusError(f"{path}, line {number}: expected a SHA-256, two blanks and a name, found {line!r}")
        sums[name] = digest
    return sums


def require_sum(path: Path, name: str, sha256: str) -> None:
    """Compare a file's SHA-256 with the one that is kept, where one is.

    Raises:
        CorpusError: when another is kept.
    """
    kept = read_sums(path).get(name, sha256)
    if kept != sha256:
        raise CorpusError(
            f"{name} has SHA-256 {sha256}, and the one that was got before had {kept}: the release has changed "
            f"or the file is damaged; to take the new one, delete its line in {path}"
        )


def keep_sum(path: Path, name: str, sha256: str) -> None:
    """Keep a file's SHA-256 beside those of others."""
    sums = read_sums(path) | {name: sha256}
    write_whole(path, "".join(f"{digest}  {file}\n" for file, digest in sorted(sums.items())).encode())
