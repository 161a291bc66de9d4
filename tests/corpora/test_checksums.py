import hashlib
from pathlib import Path

import pytest

from exclaim.corpora.checksums import file_digests, keep_sum, read_sums, require_sum
from exclaim.errors import CorpusError

ONE, TWO = hashlib.sha256(b"one").hexdigest(), hashlib.sha256(b"two").hexdigest()


def test_the_digests_are_hashlibs(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    (tmp_path / "a").write_bytes(content)
    told: list[int] = []
    found = file_digests(tmp_path / "a", told.append)
    assert found == (hashlib.md5(content).hexdigest(), hashlib.sha256(content).hexdigest())
    assert told == [2**20, len(content)]


def test_sums_are_kept_as_sha256sum_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "SHA256SUMS"
    assert read_sums(path) == {}
    keep_sum(path, "two.zip", TWO)
    keep_sum(path, "one and a half.zip", ONE)
    assert path.read_text() == f"{ONE}  one and a half.zip\n{TWO}  two.zip\n"
    assert read_sums(path) == {"one and a half.zip": ONE, "two.zip": TWO}


def test_another_sum_than_the_one_that_is_kept_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "SHA256SUMS"
    require_sum(path, "a.zip", ONE)
    keep_sum(path, "a.zip", ONE)
    require_sum(path, "a.zip", ONE)
    with pytest.raises(CorpusError, match=rf"a\.zip has SHA-256 {TWO}.*had {ONE}.*delete its line in {path}"):
        require_sum(path, "a.zip", TWO)
    assert read_sums(path) == {"a.zip": ONE}


@pytest.mark.parametrize(
    "line", ["nonsense", f"{ONE} a.zip", f"{ONE[:-1]}  a.zip", f"{ONE.upper()}  a.zip", f"{ONE}  "]
)
def test_a_damaged_list_is_told_with_its_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "SHA256SUMS").write_text(f"{TWO}  b.zip\n{line}\n")
    with pytest.raises(CorpusError, match="SHA256SUMS, line 2: expected a SHA-256"):
        read_sums(tmp_path / "SHA256SUMS")
