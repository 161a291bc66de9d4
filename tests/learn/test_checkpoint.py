"""A file that was cut is named, with what to do."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from exclaim.errors import RecipeError
from exclaim.learn.checkpoint import (
    load_checkpoint,
    load_weights,
    progress_of,
    save_checkpoint,
    take_over_weights,
)


def _parts() -> tuple[nn.Module, torch.optim.Optimizer]:
    network = nn.Linear(4, 3)
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.ones(2, 4)).sum().backward()
    optimizer.step()
    return network, optimizer


READERS: dict[str, Callable[[Path], object]] = {
    "checkpoint": lambda path: load_checkpoint(path, {"network": _parts()[0]}, _parts()[1]),
    "progress": progress_of,
    "weights": lambda path: load_weights(_parts()[0], path),
    "first weights": lambda path: take_over_weights(_parts()[0], path),
}


def test_what_was_kept_comes_back(tmp_path: Path) -> None:
    network, optimizer = _parts()
    save_checkpoint(tmp_path / "whole", {"network": network}, optimizer, {"epochs": 3})
    other, its = _parts()
    assert load_checkpoint(tmp_path / "whole", {"network": other}, its) == {"epochs": 3}
    torch.testing.assert_close(other.weight, network.weight)
    torch.testing.assert_close(its.state_dict()["state"][0]["exp_avg"], optimizer.state_dict()["state"][0]["exp_avg"])


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize("share", [0, 0.5])
def test_a_file_that_was_cut_is_named(read: Callable[[Path], object], share: float, tmp_path: Path) -> None:
    path = tmp_path / "run" / "kept.safetensors"
    path.parent.mkdir()
    network, optimizer = _parts()
    save_checkpoint(path, {"network": network}, optimizer, {"epochs": 3})
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(RecipeError, match=r"kept\.safetensors is cut or damaged .*remove the folder .*run, and"):
        read(path)
