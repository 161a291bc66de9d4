"""A loop that fails is begun again, and one that ended stays so."""

import threading

import pytest

from exclaim.background import Loop


def test_a_loop_that_fails_begins_again_until_it_is_ended(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exclaim.background._PAUSE_SECONDS", 0.0)
    stop, runs = threading.Event(), []

    def body(stop: threading.Event) -> None:
        runs.append(len(runs))
        if len(runs) < 3:
            raise ValueError("nobody thought of this")
        stop.wait(30)

    loop = Loop(body, stop, name="sender")
    loop.start()
    while len(runs) < 3:
        loop.join(0.01)
    assert loop.is_alive()
    stop.set()
    loop.join(30)
    assert not loop.is_alive()
    assert [record.message for record in caplog.records] == ["sender failed; it begins again"] * 2
    assert "nobody thought of this" in caplog.text


def test_a_loop_that_returns_is_over() -> None:
    runs: list[int] = []
    loop = Loop(lambda stop: runs.append(1), threading.Event(), name="sender")
    loop.start()
    loop.join(30)
    assert runs == [1]
