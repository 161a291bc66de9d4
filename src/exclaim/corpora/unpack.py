"""Archives unpacked without trust: nothing lands outside the folder, nothing is overwritten, nothing swells.

An archive is read twice: once to look at every name and size before anything is written, once to write. A file that is
there already and is the same is passed over, so what was interrupted goes on; one that is another stops the unpacking.
"""

import gzip
import lzma
import os
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from exclaim.errors import CorpusError

__all__ = ["BadArchiveError", "Unpacked", "safe_path", "unpack"]

_MAX_FILES = 500_000
_MAX_RATIO = 40  # of the files' sizes to the archive's; sound and text come nowhere near
_ALWAYS_ALLOWED_BYTES = 64 * 2**20
_MAX_DEPTH = 32
_MAX_NAME_BYTES = 240  # a file system's 255, less what a file that is being written has before and after its name
_BLOCK_BYTES = 2**20
_DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, lzma.LZMAError, zlib.error),
    *(EOFError, NotImplementedError, UnicodeError),
)


class BadArchiveError(CorpusError):
    """An archive that is damaged, or that holds what no release would."""


class Unpacked(NamedTuple):
    """One file of an archive."""

    path: str  # below the folder, parted by "/"
    size: int  # bytes


class _Stream(NamedTuple):
    """One file of an archive while the archive is open."""

    file: Unpacked
    open: Callable[[], IO[bytes]]


def safe_path(name: str) -> PurePosixPath:
    """Return the path that a name stands for, which stays below any folder that it is joined to.

    Raises:
        BadArchiveError: when the name is absolute, goes up, or is none that every file system can hold.
    """
    path = PurePosixPath(name.removeprefix("./"))
    parts = name.removeprefix("./").rstrip("/").split("/")
    if (
        path.is_absolute()
        or not all(part not in ("", ".", "..") for part in parts)
        or re.match(r"[A-Za-z]:", name)
        or any(character in name for character in "\\\0\r\n")
        or len(parts) > _MAX_DEPTH
        or any(len(part.encode("utf-8", "surrogateescape")) > _MAX_NAME_BYTES for part in parts)
    ):
        raise BadArchiveError(f"a file named {name!r} was refused: it would not stay in its folder")
    return path


def unpack(
    archive: Path,
    folder: Path,
    *,
    shared: str = "",
    room: Callable[[int], None] = lambda needed: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Unpacked, ...]:
    """Unpack a ``.zip``, ``.tar``, ``.tar.gz``, ``.tgz``, ``.tar.bz2`` or ``.tar.xz``.

    Args:
        archive: by whose ending it is known how it is packed.
        folder: where to; made when absent.
        shared: pattern of names that other archives hold too; of these, what is there stays as it is.
        room: called with the bytes that will be written, before any is; raises where the disk is too small.
        progress: called as files are written, with bytes done and bytes in all.

    Returns:
        Every file that the archive holds, in its order.

    Raises:
        BadArchiveError: when the archive is damaged, holds links, devices, two files of one name, or names that would
            leave the folder, or grows beyond measure; only damage can be found after something was written.
        CorpusError: when a file that is there already is another, or cannot be written.
    """
    files = _look_through(archive)
    total = sum(file.size for file in files)
    room(sum(file.size for file in files if not (folder / file.path).exists()))
    done = 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _opened(archive) as streams:
            for stream in streams:
                _place(stream, folder, archive.name, keep=bool(re.fullmatch(shared, stream.file.path)))
                progress(done := done + stream.file.size, total)
    except OSError as error:
        raise CorpusError(f"{archive.name} cannot be unpacked into {folder}: {error.strerror or error}") from error
    return files


def _look_through(archive: Path) -> tuple[Unpacked, ...]:
    """Return what an archive holds, after a look at every name and size."""
    limit = max(_ALWAYS_ALLOWED_BYTES, _MAX_RATIO * archive.stat().st_size)
    files: list[Unpacked] = []
    names: set[str] = set()
    total = 0
    with _opened(archive) as streams:
        for stream in streams:
            files.append(stream.file)
            total += stream.file.size
            if len(files) > _MAX_FILES or total > limit:
                raise BadArchiveError(
                    f"{archive.name} was refused: it would grow to {len(files):,} files, {total:,} bytes"
                )
            name = stream.file.path.casefold()  # one file on a disk that does not tell case
            if name in names:
                raise BadArchiveError(f"{archive.name} was refused: it holds {stream.file.path!r} twice")
            names.add(name)
    return tuple(files)


@contextmanager
def _opened(archive: Path) -> Iterator[Iterator[_Stream]]:
    """Open an archive and go through its files; what its format cannot read is damage."""
    walk = _walk_zip if archive.name.lower().endswith(".zip") else _walk_tar
    try:
        yield walk(archive)
    except _DAMAGE as error:
        raise BadArchiveError(f"{archive.name} is damaged or of a kind that is not read: {error}") from error


def _walk_zip(archive: Path) -> Iterator[_Stream]:
    with zipfile.ZipFile(archive) as packed:
        for member in packed.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            if member.flag_bits & 1:
                raise BadArchiveError(f"{archive.name} was refused: {member.filename!r} is encrypted")
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise BadArchiveError(f"{archive.name} was refused: {member.filename!r} is a link or a device")
            path = safe_path(member.filename)
            if not member.is_dir():
                yield _Stream(Unpacked(str(path), member.file_size), lambda member=member: packed.open(member))


def _walk_tar(archive: Path) -> Iterator[_Stream]:
    with tarfile.open(archive) as packed:
        for member in packed:
            if member.name in (".", "./"):
                continue
            path = safe_path(member.name)
            if member.isdir():
                continue
            if not member.isreg():
                raise BadArchiveError(f"{archive.name} was refused: {member.name!r} is a link or a device")
            yield _Stream(Unpacked(str(path), member.size), lambda member=member: _open_member(packed, member))
        while packed.fileobj is not None and packed.fileobj.read(_BLOCK_BYTES):
            pass  # only at its end does a compressed stream prove itself


def _open_member(packed: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    stream = packed.extractfile(member)
    if stream is None:
        raise tarfile.TarError(f"{member.name!r} has no content")
    return stream


def _place(stream: _Stream, folder: Path, archive: str, *, keep: bool) -> None:
    """Write one file, or see that it is there already."""
    target = folder / stream.file.path
    if not target.parent.resolve().is_relative_to(folder.resolve()):  # a link that lies in the folder leads out of it
        raise CorpusError(f"{target} was not written: {target.parent} leads out of {folder}")
    if target.is_symlink() or target.exists():
        if keep or (target.is_file() and not target.is_symlink() and _same(stream, target)):
            return
        raise CorpusError(f"{target} is there already and is not the file of {archive}; move it away and get it again")
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.unfinished")
    written = 0
    try:
        with stream.open() as source, unfinished.open("wb") as file:
            while block := source.read(_BLOCK_BYTES):
                written += len(block)
                if written > stream.file.size:
                    break
                file.write(block)
        if written != stream.file.size:
            raise BadArchiveError(f"{archive} is damaged: {stream.file.path} is not as long as it says")
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


def _same(stream: _Stream, target: Path) -> bool:
    if target.stat().st_size != stream.file.size:
        return False
    with stream.open() as source, target.open("rb") as file:
        while block := source.read(_BLOCK_BYTES):
            if block != file.read(len(block)):
                return False
    return True
