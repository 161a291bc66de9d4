"""A corpus fetched from its official place into the folder where its adapter looks for it.

What is on its way, and the records of what was got (``SHA256SUMS``, lists of files), lie in ``.downloads/CORPUS`` below
the data root. A second call does what is missing, and nothing when nothing is.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec

from exclaim.corpora.acquired import Acquired, Watcher
from exclaim.corpora.checkout import Checkout
from exclaim.corpora.checksums import file_digests, keep_sum, require_sum
from exclaim.corpora.disk_space import Room, require_room
from exclaim.corpora.fetch import fetch_file
from exclaim.corpora.registry import corpus_info
from exclaim.corpora.sources import Archive, Source, choose_archives
from exclaim.corpora.unpack import BadArchiveError, Unpacked, unpack
from exclaim.corpora.whole_files import write_whole
from exclaim.errors import CorpusError

__all__ = ["acquire"]


def acquire(
    source: Source,
    root: Path,
    *,
    client: httpx.Client,
    parts: tuple[str, ...] = (),
    watcher: Watcher | None = None,
    room: Room = require_room,
) -> Acquired:
    """Fetch a corpus, or what of it is missing.

    Args:
        source: where it is from.
        root: folder of the corpora; made when absent.
        client: follows redirects.
        parts: of the release; none: the usual ones.
        watcher: is told how it goes on.
        room: raises where a folder's disk has no room for so many bytes.

    Raises:
        CorpusError: when what came is not what was expected, or cannot be written; nothing that was there is lost.
        DeliveryError: without network, or when the server refuses; what has come is kept.
        StoreError: when the disk has no room.
    """
    archives = choose_archives(source, parts)
    folder = root / corpus_info(source.corpus).folders[0]
    downloads = root / ".downloads" / source.corpus
    watcher = watcher or Watcher()
    with _alone_in(downloads):
        if source.repository is not None:
            return Checkout(source.repository, folder, downloads, client, watcher, room).run()
        files, new, sums = 0, 0, {}
        for archive in archives:
            record = downloads / f"{archive.name}.files.json"
            unpacked = _read_record(record, folder / archive.into)
            if unpacked is None:
                sums[archive.name] = _fetch_archive(archive, downloads, folder, client, watcher, room)
                unpacked = _unpack_archive(archive, downloads, folder, watcher, room)
                write_whole(record, msgspec.json.encode(unpacked))
                keep_sum(downloads / "SHA256SUMS", archive.name, sums[archive.name])
                (downloads / archive.name).unlink()  # it can be had again, and its SHA-256 is kept
                new += len(unpacked)
            files += len(unpacked)
    return Acquired(folder, files, new, sums, None)


@contextmanager
def _alone_in(downloads: Path) -> Iterator[None]:
    """Let no second call work on the same corpus at the same time."""
    try:
        downloads.mkdir(parents=True, exist_ok=True)
        lock = os.open(downloads / "lock", os.O_CREAT | os.O_RDWR, 0o644)
    except OSError as error:
        raise CorpusError(f"{downloads} cannot be written: {error.strerror}; give --data DIR") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise CorpusError(f"{downloads} is in use: another call gets the same corpus") from None
    else:
        yield
    finally:
        os.close(lock)


def _read_record(record: Path, folder: Path) -> tuple[Unpacked, ...] | None:
    """Return the files that an archive was unpacked into, or None where one is missing or of another size."""
    try:
        files = msgspec.json.decode(record.read_bytes(), type=tuple[Unpacked, ...])
    except (OSError, msgspec.MsgspecError):
        return None
    whole = all((folder / file.path).is_file() and (folder / file.path).stat().st_size == file.size for file in files)
    return files if whole else None


def _fetch_archive(
    archive: Archive, downloads: Path, folder: Path, client: httpx.Client, watcher: Watcher, room: Room
) -> str:
    """Fetch an archive, prove it, and return its SHA-256."""
    target = downloads / archive.name
    fetch_file(
        client,
        archive.url,
        target,
        size=archive.size,
        proved=archive.md5 is not None,
        progress=lambda done, total: watcher.progress(f"fetch {archive.name}", done, total or archive.size, "bytes"),
        room=lambda needed: room(folder, needed + (archive.size or needed)),  # unpacked it is at least as large again
    )
    size = target.stat().st_size
    found = file_digests(target, lambda done: watcher.progress(f"check {archive.name}", done, size, "bytes"))
    try:
        if archive.md5 is not None and found.md5 != archive.md5:
            raise CorpusError(
                f"{archive.name} from {archive.url} has MD5 {found.md5}; its page says {archive.md5}: it is damaged, "
                "or the release has changed"
            )
        require_sum(downloads / "SHA256SUMS", archive.name, found.sha256)
    except CorpusError as error:
        raise _put_aside(target, error) from None
    proof = (
        "its MD5 is the published one" if archive.md5 else f"no checksum is published; kept in {downloads}/SHA256SUMS"
    )
    watcher.say(f"{archive.name}: SHA-256 {found.sha256}; {proof}")
    return found.sha256


def _put_aside(target: Path, error: CorpusError) -> CorpusError:
    """Move an archive out of the way, so that the next call fetches it anew; return the error that says so."""
    refused = target.with_name(f"{target.name}.refused")
    target.replace(refused)
    return CorpusError(f"{error}; it was put aside as {refused}")


def _unpack_archive(
    archive: Archive, downloads: Path, folder: Path, watcher: Watcher, room: Room
) -> tuple[Unpacked, ...]:
    """Unpack an archive and return the files that are its own."""
    target = downloads / archive.name
    try:
        files = unpack(
            target,
            folder / archive.into,
            shared=archive.shared,
            room=lambda needed: room(folder, needed),
            progress=lambda done, total: watcher.progress(f"unpack {archive.name}", done, total, "bytes"),
        )
    except BadArchiveError as error:
        raise _put_aside(target, error) from error
    return tuple(file for file in files if not re.fullmatch(archive.shared, file.path))
