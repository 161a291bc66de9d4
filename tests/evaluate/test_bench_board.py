"""`listen` as on a small board: the limit is kept by the system, not only looked at."""

import sys

import pytest

from exclaim.errors import ModelError
from exclaim.evaluate import bench_board
from exclaim.evaluate.bench_board import board_cost
from exclaim.model import load_model

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA is kept as described on Linux")

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@pytest.fixture
def tiny(tmp_path, make_model):
    return load_model(make_model(tmp_path / "tiny.onnx"))


def test_listen_fits_a_small_board(tiny):
    found = board_cost([tiny.path], 0.2, 512_000_000, ONE_THREAD)
    assert found.real_time_factor == pytest.approx(12 / found.wall_seconds)
    assert 10e6 < found.peak_bytes < 512e6


def test_what_needs_more_than_the_limit_fails(tiny):
    with pytest.raises(ModelError, match="measuring `listen` failed"):
        board_cost([tiny.path], 0.2, 30_000_000, ONE_THREAD)


def test_a_system_without_limits_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    with pytest.raises(ModelError, match="leave --memory-limit out"):
        bench_board.main(["512000000", "recording.wav", "model.onnx"])
