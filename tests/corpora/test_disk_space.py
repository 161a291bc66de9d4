from pathlib import Path

import pytest

from exclaim.corpora.disk_space import free_bytes, require_room
from exclaim.errors import StoreError


def test_room_is_asked_of_the_disk_where_the_folder_will_be(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet") > 0
    asked = []
    require_room(tmp_path / "not yet", 10, lambda folder: asked.append(folder) or 10**12)
    assert asked == [tmp_path / "not yet"]


def test_a_disk_that_would_be_full_is_refused_with_both_numbers() -> None:
    with pytest.raises(StoreError, match=r"/data has 5\.0 GB free; 4\.9 GB are needed and 0\.3 GB are to stay free"):
        require_room(Path("/data"), 4_900_000_000, lambda folder: 5_000_000_000)
    require_room(Path("/data"), 4_700_000_000, lambda folder: 5_000_000_000)


def test_nothing_needs_no_room() -> None:
    require_room(Path("/data"), 0, lambda folder: 0)
