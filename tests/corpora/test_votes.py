from pathlib import Path

import pytest

from exclaim.corpora.clip import Clip
from exclaim.corpora.manifest import Manifest
from exclaim.corpora.manifest_files import read_csv, write_csv
from exclaim.corpora.votes import vote_extra, vote_shares

LABELS = ("ANG", "HAP", "SAD")


def clip(path: Path, **votes: float) -> Clip:
    return Clip(path=path, corpus="csv", label="HAP", extra=vote_extra(votes, LABELS))


def test_votes_are_shares_in_the_order_of_the_labels() -> None:
    voted = clip(Path("a.wav"), HAP=3, SAD=1)
    assert vote_shares(voted, LABELS) == (0, 0.75, 0.25)
    assert vote_shares(voted, ("SAD", "HAP", "ANG")) == (0.25, 0.75, 0)


@pytest.mark.parametrize("votes", [{}, {"ANG": 0}])
def test_where_nobody_voted_there_is_no_distribution(votes: dict[str, float]) -> None:
    assert vote_shares(clip(Path("a.wav"), **votes), LABELS) is None


def test_votes_for_other_labels_are_no_distribution_over_these() -> None:
    assert vote_shares(clip(Path("a.wav"), HAP=3), (*LABELS, "NEU")) is None


def test_votes_survive_a_csv(tmp_path: Path, write_sound) -> None:
    voted = clip(write_sound(tmp_path / "a.wav"), HAP=2, ANG=1)
    write_csv(Manifest(corpus="csv", clips=(voted,)), tmp_path / "m.csv")
    (read,) = read_csv(tmp_path / "m.csv")
    assert vote_shares(read, LABELS) == pytest.approx((1 / 3, 2 / 3, 0))
