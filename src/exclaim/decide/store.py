"""The database: opened, brought to the newest schema, read and written. One writer at a time, on disk at commit."""

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import alembic.command
import alembic.util
from alembic.config import Config as AlembicConfig
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from exclaim.errors import StoreError

__all__ = ["Store", "open_store"]

log = logging.getLogger(__name__)
_WRITER_LOCK = 0x6578636C  # "excl": PostgreSQL's advisory lock of the one writer
_BUSY_SECONDS = 10.0


class Store:
    """An open database; a context manager that closes it."""

    def __init__(self, engine: Engine) -> None:
        """Take an engine that :func:`open_store` made."""
        self._engine = engine
        self._writing = threading.Lock()  # SQLite's own waiting is by polling, and unfair
        self.name = engine.url.render_as_string(hide_password=True)

    def __enter__(self) -> "Store":
        """Enter the context."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close every connection."""
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its first statement and is on disk when the block ends.

        Raises:
            StoreError: when the database cannot be written (full disk, lost connection); nothing of it is kept.
        """
        with self._writing, self._sentences(), self._engine.connect() as connection:
            connection = connection.execution_options(exclaim_writes=True)
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})")
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database throughout.

        Raises:
            StoreError: when the database cannot be read.
        """
        with self._sentences(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise StoreError(f"store {self.name}: {error.orig}; nothing of this step was kept") from error


def open_store(url: str) -> Store:
    """Open the database at an SQLAlchemy URL and bring its schema up to date.

    Args:
        url: ``sqlite:///PATH`` or ``postgresql+psycopg://...``.

    Raises:
        StoreError: when the URL is not understood, the database cannot be opened, or a newer exclaim wrote it.
    """
    try:
        parsed = make_url(url)
        dialect = parsed.get_backend_name()
        if dialect not in ("sqlite", "postgresql"):
            raise StoreError(f"decide.store {parsed.drivername!r} is not supported; use sqlite:/// or postgresql://")
        engine = _sqlite(parsed) if dialect == "sqlite" else create_engine(parsed, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError) as error:
        raise StoreError(f"decide.store is no SQLAlchemy URL: {error}") from error
    except ModuleNotFoundError as error:
        raise StoreError(f"decide.store needs the Python package {error.name!r}; install it (pip install)") from error
    store = Store(engine)
    try:
        _migrate(store)
    except BaseException:
        store.close()
        raise
    return store


def _sqlite(url: Any) -> Engine:
    if url.database in (None, "", ":memory:"):
        raise StoreError("decide.store needs a file, sqlite:///PATH: what is acknowledged must outlive the process")
    folder = Path(url.database).absolute().parent
    if not folder.is_dir():
        raise StoreError(f"decide.store: the folder {folder} does not exist; create it or name another")
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # begin is ours: the driver's own comes too late to take the write lock
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("exclaim_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _migrate(store: Store) -> None:
    config = AlembicConfig()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    try:
        with store.write() as connection:
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, "head")
    except alembic.util.CommandError as error:
        raise StoreError(f"store {store.name}: its schema is not known ({error}); a newer exclaim wrote it?") from error
