"""Features are computed once, and anew where what is kept is not whole."""

from pathlib import Path

import numpy as np
import pytest

from exclaim.corpora.manifest import Manifest
from exclaim.corpora.registry import load_corpus
from exclaim.errors import StoreError
from exclaim.learn.store import FeatureStore, build_store


@pytest.fixture(scope="module")
def clips(small_corpora: Path) -> Manifest:
    return load_corpus("librispeech", small_corpora)


def test_features_are_computed_once(clips: Manifest, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    first = build_store(clips.clips, tmp_path, lambda *done: told.append(done))
    second = build_store(clips.clips, tmp_path, lambda *done: told.append(done))
    assert told == [(12, 12)]
    np.testing.assert_array_equal(first.codes(clips.clips[3]), second.codes(clips.clips[3]))
    assert first.data_hash(clips.clips) == second.data_hash(clips.clips)


@pytest.mark.parametrize("name", ["frames.u8", "index.json"])
def test_a_store_that_was_cut_is_computed_anew(
    name: str, clips: Manifest, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = build_store(clips.clips, tmp_path)
    codes = [np.array(whole.codes(clip)) for clip in clips.clips]
    (folder,) = tmp_path.iterdir()
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    with pytest.raises(StoreError, match="cut or damaged"):
        FeatureStore(folder)
    mended = build_store(clips.clips, tmp_path)
    assert "computed anew" in caplog.text
    assert [path.name for path in tmp_path.iterdir()] == [folder.name], "nothing is left lying about"
    for clip, before in zip(clips.clips, codes, strict=True):
        np.testing.assert_array_equal(mended.codes(clip), before)


def test_a_cache_that_cannot_be_written_is_named(clips: Manifest, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"cannot be kept in .*file.*choose another --cache"):
        build_store(clips.clips, tmp_path / "file")
