"""An SQLite file whose commits are on disk when they return: WAL, synchronous=FULL, one process at a time."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from exclaim.errors import StoreError

__all__ = ["MAX_BYTES", "Database"]

MAX_BYTES = 4 * 2**30  # a store grows to this size at most
_PAGE_BYTES = 4096
_BUSY_SECONDS = 2.0  # how long a process that is just ending may still hold the file


class Database:
    """One SQLite file, shared by the threads of one process.

    Transactions nest: what is written inside an outer :meth:`transaction` is committed, or undone, with it.
    """

    def __init__(self, path: Path, schema: str, *, version: int, max_bytes: int = MAX_BYTES) -> None:
        """Open the file, or make it.

        Args:
            path: the file; its folder must exist.
            schema: SQL statements that make the tables of a new file.
            version: number of the schema; a file of another number is refused and left as it is.
            max_bytes: size that the file may grow to, in bytes.

        Raises:
            StoreError: when the file cannot be opened, is no such store, or is used by another process.
        """
        self.path = Path(path)
        self._lock = threading.RLock()
        self._depth = 0
        if path != Path(":memory:"):
            with suppress(OSError):  # it is there, or SQLite says better what is wrong
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL, 0o600))  # what is heard is nobody else's to read
        with self._translated("opened"):
            self._connection = sqlite3.connect(
                self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        try:
            with self._translated("opened"):
                self._prepare(schema, version, max_bytes)
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self, schema: str, version: int, max_bytes: int) -> None:
        # exclusive: two processes that resume the same streams from one file would each infer them
        self._connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(f"PRAGMA max_page_count = {max(1, max_bytes // _PAGE_BYTES)}")
        found = self._connection.execute("PRAGMA user_version").fetchone()[0]
        tables = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if found != version and (found or tables):
            raise StoreError(
                f"store {self.path} has schema {found}; this version of exclaim expects {version}: "
                "name another file, or move this one away"
            )
        with self.transaction() as connection:
            if not found:
                for statement in filter(str.strip, schema.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {version}")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the file, and commit at the end, or undo everything when the block raises.

        Raises:
            StoreError: when the disk is full or fails; nothing of the transaction is written then.
        """
        with self._lock, self._translated("written"):
            if self._depth:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._depth = 0

    def read(self, sql: str, parameters: tuple[object, ...] = ()) -> list[tuple]:
        """Return the rows of a query."""
        with self._lock, self._translated("read"):
            return self._connection.execute(sql, parameters).fetchall()

    def close(self) -> None:
        """Close the file; what was committed is in it."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> "Database":
        """Return the open file."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"store {self.path} cannot be {doing}: {_reason(error)}") from error


def _reason(error: sqlite3.Error) -> str:
    """Say what happened, and what to do, in the operator's words."""
    name = getattr(error, "sqlite_errorname", None) or ""
    if name == "SQLITE_FULL":
        return "the disk is full, or the store has reached its size limit; free space on that disk"
    if name.startswith("SQLITE_IOERR"):
        return f"the disk failed or is full ({error}); check that disk and free space on it"
    if name.startswith("SQLITE_BUSY") or name.startswith("SQLITE_LOCKED"):
        return "another process uses it; stop that one, or give each its own file"
    if name.startswith("SQLITE_CANTOPEN"):
        return "its folder does not exist or is not writable; make the folder, or name another file"
    if name.startswith("SQLITE_READONLY"):
        return "it is read-only; make it writable, or name another file"
    if name.startswith("SQLITE_NOTADB") or name.startswith("SQLITE_CORRUPT"):
        return f"it is damaged or no SQLite file ({error}); move it away, or name another file"
    return str(error)
