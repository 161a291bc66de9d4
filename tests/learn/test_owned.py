"""One process at a time works in a folder, the next one after it."""

import multiprocessing
import time
from pathlib import Path

from exclaim.learn.owned import owned


def _write(folder: Path, name: str) -> None:
    with owned(folder):
        for word in ("begins", "ends"):
            with (folder / "told").open("a") as file:
                file.write(f"{name} {word}\n")
            time.sleep(0.2)


def test_who_comes_second_waits(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_write, args=(tmp_path / "run", name)) for name in ("one", "other")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    told = (tmp_path / "run/told").read_text().splitlines()
    assert [line.split()[1] for line in told] == ["begins", "ends", "begins", "ends"]
    assert told[0].split()[0] == told[1].split()[0]
