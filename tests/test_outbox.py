"""The outbox: durable, idempotent, in order, and clear when there is no room."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exclaim.database import Database
from exclaim.errors import StoreError
from exclaim.outbox import ALERT, LATER, REFUSED, SCHEMA, Entry, Outbox, open_outbox


@pytest.fixture
def outbox(tmp_path: Path):
    outbox = open_outbox(tmp_path / "outbox.sqlite")
    yield outbox
    outbox.database.close()


def test_alerts_overtake_what_is_older(outbox: Outbox) -> None:
    outbox.put("a", b"1", LATER)
    outbox.put("b", b"2", ALERT)
    outbox.put("c", b"3", LATER)
    assert [entry.id for entry in outbox.peek()] == ["b", "a", "c"]
    assert outbox.peek(1) == [Entry("b", b"2", ALERT)]


def test_one_id_is_kept_once_as_it_was_first(outbox: Outbox) -> None:
    assert outbox.put("a", b"first") is True
    assert outbox.put("a", b"second") is False
    assert outbox.peek() == [Entry("a", b"first", LATER)]


def test_what_is_refused_holds_nothing_up(outbox: Outbox) -> None:
    outbox.put("poison", b"1", ALERT)
    outbox.put("good", b"2", LATER)
    outbox.set_back(["poison"])
    assert [(entry.id, entry.priority) for entry in outbox.peek()] == [("good", LATER), ("poison", REFUSED)]


def test_deleting_what_is_not_there_is_no_error(outbox: Outbox) -> None:
    outbox.put("a", b"1")
    outbox.delete(["a", "a", "never"])
    assert outbox.count() == 0


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 9), st.booleans()), max_size=30))
def test_it_behaves_like_a_sorted_dictionary(actions: list[tuple[str, int, bool]]) -> None:
    outbox = Outbox(Database(Path(":memory:"), SCHEMA, version=1))
    model: dict[str, tuple[int, int]] = {}
    for place, (id, priority, delete) in enumerate(actions):
        if delete:
            outbox.delete([id])
            model.pop(id, None)
        else:
            assert outbox.put(id, b"", priority) is (id not in model)
            model.setdefault(id, (priority, place))
    assert [entry.id for entry in outbox.peek()] == sorted(model, key=model.__getitem__)
    assert outbox.count() == len(model)
    outbox.database.close()


def test_a_put_takes_part_in_the_transaction_around_it(outbox: Outbox) -> None:
    def fail_after_a_put() -> None:
        with outbox.database.transaction():
            outbox.put("a", b"1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_a_put()
    assert outbox.count() == 0
    with outbox.database.transaction():
        outbox.put("a", b"1")
        outbox.put("b", b"2")
    assert outbox.count() == 2


def test_what_was_put_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "outbox.sqlite"
    program = (
        "import os, signal, sys; from pathlib import Path; from exclaim.outbox import open_outbox\n"
        "outbox = open_outbox(Path(sys.argv[1])); outbox.put('a', b'kept')\n"
        "transaction = outbox.database.transaction()\n"
        "transaction.__enter__().execute(\"INSERT INTO outbox VALUES (9, 'b', 0, 'lost')\")\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    outbox = open_outbox(path)
    assert outbox.peek() == [Entry("a", b"kept", LATER)]
    outbox.database.close()


def test_full_disk_is_said_and_nothing_is_half_written(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "outbox.sqlite", max_bytes=100_000)
    outbox.put("small", b"kept")

    def put_too_much() -> None:
        with outbox.database.transaction():
            outbox.put("also", b"undone with the other")
            outbox.put("large", bytes(200_000))

    with pytest.raises(StoreError, match="the disk is full"):
        put_too_much()
    assert [entry.id for entry in outbox.peek()] == ["small"]
    outbox.delete(["small"])
    assert outbox.put("fits again", b"kept")
    outbox.database.close()


def test_a_file_of_another_kind_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, and longer than a header " * 9)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"notes\.txt .* no SQLite file"):
        open_outbox(path)
    assert path.read_bytes() == before


def test_a_store_of_another_schema_is_refused(tmp_path: Path) -> None:
    Database(tmp_path / "other.sqlite", "CREATE TABLE other (x)", version=7).close()
    with pytest.raises(StoreError, match="has schema 7; this version of exclaim expects 1"):
        open_outbox(tmp_path / "other.sqlite")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="folder does not exist"):
        open_outbox(tmp_path / "absent" / "outbox.sqlite")


def test_two_processes_cannot_share_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exclaim.database._BUSY_SECONDS", 0.0)
    with open_outbox(tmp_path / "outbox.sqlite").database, pytest.raises(StoreError, match="another process"):
        open_outbox(tmp_path / "outbox.sqlite")


def test_what_is_heard_is_nobody_elses_to_read(tmp_path: Path) -> None:
    outbox = open_outbox(tmp_path / "outbox.sqlite")
    outbox.put("a", b"1")
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    outbox.database.close()
    assert modes["outbox.sqlite"] == 0o600
    assert set(modes.values()) == {0o600}
