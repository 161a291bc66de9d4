"""A corpus whose release is a git repository: its wanted files, proved by a commit, in the corpus's folder.

The list of what a commit holds is kept in ``files.json``; by it a later call sees without a network that all is there.
Files come in batches, so that an interruption loses little. What the repository only points to comes from Git LFS.
"""

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import httpx
import msgspec

from exclaim.corpora.acquired import Acquired, Watcher
from exclaim.corpora.checksums import file_digests
from exclaim.corpora.disk_space import Room
from exclaim.corpora.git_files import Blob, fetch_blobs, fetch_commit, git_blob_id, list_blobs
from exclaim.corpora.large_files import LargeFile, fetch_large_files, is_pointer, read_pointer
from exclaim.corpora.sources import Repository
from exclaim.corpora.unpack import safe_path
from exclaim.corpora.whole_files import write_whole
from exclaim.errors import CorpusError, DeliveryError

__all__ = ["Checkout"]

_GIT_SECONDS = 900.0  # for one of git's steps
_BATCH_FILES = 500  # that are fetched at once; an interruption loses no more


class _File(msgspec.Struct, frozen=True):
    """One file of a repository, as the record has it."""

    path: str
    blob: str
    sha256: str | None = None  # of a file that the repository only points to
    size: int | None = None


class _Record(msgspec.Struct, frozen=True):
    """What a repository held at a commit, of what is wanted."""

    commit: str
    wanted: str
    files: tuple[_File, ...]


class Checkout(NamedTuple):
    """A repository's wanted files on their way."""

    repository: Repository
    folder: Path  # of the corpus
    downloads: Path  # of what is on its way, and of the record
    client: httpx.Client
    watcher: Watcher
    room: Room

    @property
    def _record(self) -> Path:
        return self.downloads / "files.json"

    def run(self) -> Acquired:
        """Fetch what is missing.

        Raises:
            CorpusError: when a file that is there is another, or cannot be written.
            DeliveryError: without git or network, or when what came is not what the commit names.
        """
        try:
            return self._run()
        except DeliveryError as error:
            raise DeliveryError(f"{self.repository.url} cannot be fetched: {error}") from error

    def _run(self) -> Acquired:
        record = self._known()
        missing = self._missing(record.files) if record else ()
        if record is None or any(file.sha256 is None for file in missing):
            store = self.downloads / "repository.git"
            commit = record.commit if record else self.repository.commit
            commit = fetch_commit(store, self.repository.url, commit, timeout_seconds=_GIT_SECONDS)
            if record is None:
                record = self._list(store, commit)
                missing = self._missing(record.files)
            record = self._fetch_from(store, record, missing)
            shutil.rmtree(store, ignore_errors=True)
        absent = {file.path for file in missing}
        self._fetch_large([file for file in record.files if file.path in absent and file.sha256 is not None])
        if not self.repository.commit:
            self.watcher.say(f"commit {record.commit} of {self.repository.url}, the newest when it was first got")
        return Acquired(self.folder, len(record.files), len(missing), {}, record.commit)

    def _known(self) -> _Record | None:
        """Return what an earlier call listed, where it is of what is wanted now."""
        try:
            record = msgspec.json.decode(self._record.read_bytes(), type=_Record)
        except (OSError, msgspec.MsgspecError):
            return None
        same = record.wanted == self.repository.wanted and self.repository.commit in (None, record.commit)
        return record if same else None

    def _list(self, store: Path, commit: str) -> _Record:
        wanted = re.compile(self.repository.wanted)
        blobs = list_blobs(store, commit, timeout_seconds=_GIT_SECONDS)
        files = tuple(_File(str(safe_path(blob.path)), blob.blob) for blob in blobs if wanted.fullmatch(blob.path))
        if not files:
            raise DeliveryError(f"commit {commit} holds none of the corpus's files")
        record = _Record(commit, self.repository.wanted, files)
        write_whole(self._record, msgspec.json.encode(record))
        return record

    def _missing(self, files: Sequence[_File]) -> tuple[_File, ...]:
        """Return the files that are not there, or only as a pointer; one that is another is an error."""
        missing = []
        for number, file in enumerate(files, start=1):
            path = self.folder / file.path
            if not path.exists() or _points_to(path, file):
                missing.append(file)
            elif not _is(path, file):
                raise CorpusError(
                    f"{path} is there already and is not the file that the commit names; move it away and get it again"
                )
            self.watcher.progress("look at what is there", number, len(files), "files")
        return tuple(missing)

    def _fetch_from(self, store: Path, record: _Record, missing: Sequence[_File]) -> _Record:
        """Fetch the files that the repository itself holds; return the record with what it only points to."""
        files = {file.path: file for file in record.files}
        wanted = [file for file in missing if file.sha256 is None]
        for start in range(0, len(wanted), _BATCH_FILES):
            batch = [Blob(file.path, file.blob) for file in wanted[start : start + _BATCH_FILES]]
            for blob, content in fetch_blobs(store, batch, timeout_seconds=_GIT_SECONDS):
                pointer = read_pointer(blob.path, content)
                if pointer is None:
                    self._keep(blob.path, content)
                else:
                    files[blob.path] = _File(blob.path, blob.blob, pointer.sha256, pointer.size)
            self.watcher.progress("fetch", start + len(batch), len(wanted), "files")
        record = _Record(record.commit, record.wanted, tuple(files.values()))
        write_whole(self._record, msgspec.json.encode(record))
        return record

    def _keep(self, path: str, content: bytes) -> None:
        self.room(self.folder, len(content))
        try:
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.folder / path, content)
        except OSError as error:
            raise CorpusError(f"{self.folder} cannot be written: {error.strerror or error}") from error

    def _fetch_large(self, files: Sequence[_File]) -> None:
        wanted = [LargeFile(file.path, file.sha256 or "", file.size or 0) for file in files]
        self.room(self.folder, sum(file.size for file in wanted))
        done = iter(range(1, len(wanted) + 1))
        fetch_large_files(
            self.client,
            self.repository.large_files,
            wanted,
            self.folder,
            progress=lambda: self.watcher.progress("fetch large files", next(done), len(wanted), "files"),
        )


def _points_to(path: Path, file: _File) -> bool:
    """Tell whether the repository's own pointer lies there, as in a clone without Git LFS; its sound replaces it."""
    return is_pointer(path) and git_blob_id(path.read_bytes()) == file.blob


def _is(path: Path, file: _File) -> bool:
    """Tell whether a file that is there is the one of the record."""
    if file.sha256 is None:
        return path.is_file() and git_blob_id(path.read_bytes()) == file.blob
    return path.is_file() and file_digests(path).sha256 == file.sha256
