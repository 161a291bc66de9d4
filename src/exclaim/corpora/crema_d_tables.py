"""The tables that come with CREMA-D: who its actors are, and which emotion listeners heard in each clip.

``VideoDemographics.csv`` has a row for each actor. What listeners heard, by the voice alone, is told by the first of
these that is there: ``processedResults/tabulatedVotes.csv`` (votes counted; a row whose number begins with 1 is of the
voice, with 2 of the face, with 3 of both), ``finishedResponses.csv`` (a row for each vote; ``queryType`` 1 is the
voice) and ``processedResults/summaryTable.csv`` (no more than the emotion with the most votes, or those that tie).
"""

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from exclaim.corpora.clip import Sex
from exclaim.corpora.large_files import is_pointer
from exclaim.errors import CorpusError

__all__ = ["Actor", "Votes", "read_actors", "read_votes"]

_DEMOGRAPHICS = "VideoDemographics.csv"
_SEXES: dict[str, Sex] = {"male": "male", "female": "female"}
_EMOTIONS = {"A": "ANG", "D": "DIS", "F": "FEA", "H": "HAP", "N": "NEU", "S": "SAD"}
Value = TypeVar("Value")
_VOICE = 1  # of the three ways in which a clip was shown to listeners
_FIRST_NUMBER = 100_000  # a row's number is the way times this, and a running number


class Actor(NamedTuple):
    """What is known of an actor; None is what the table does not say, or says is unknown."""

    sex: Sex | None = None
    age: float | None = None  # years
    race: str | None = None  # in the table's words, such as "African American"
    ethnicity: str | None = None  # "Hispanic" or "Not Hispanic"


class Votes(NamedTuple):
    """Which emotions listeners heard by the voice alone."""

    of: Mapping[str, Mapping[str, float]]  # a clip's name without its ending -> emotion -> votes
    note: str  # what they are, or why there are none


def read_actors(*folders: Path) -> dict[str, Actor]:
    """Return each actor, by number, from the first table that is in one of these folders; none where there is none.

    Raises:
        CorpusError: when a table is there and is not as released.
    """
    for folder in folders:
        path = folder / _DEMOGRAPHICS
        if path.is_file() and not is_pointer(path):
            return dict(_rows(path, ("ActorID", "Age", "Sex"), _actor))
    return {}


def read_votes(*folders: Path) -> Votes:
    """Return what listeners heard, from the first table that is in one of these folders.

    Raises:
        CorpusError: when a table is there and is not as released.
    """
    pointers = []
    for name, columns, read, note in _TABLES:
        for path in (place for folder in folders for place in (folder / "processedResults" / name, folder / name)):
            if not path.is_file():
                continue
            if is_pointer(path):
                pointers.append(name)
                continue
            found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
            for clip, votes in _rows(path, columns, read):
                for emotion, count in votes.items():
                    found[clip][emotion] += count
            return Votes({clip: dict(votes) for clip, votes in found.items() if sum(votes.values())}, note)
    if pointers:
        return Votes({}, f"no votes of listeners: {' and '.join(dict.fromkeys(pointers))} is a Git-LFS pointer")
    return Votes({}, "no votes of listeners: there is no tabulatedVotes.csv")


def _rows(path: Path, columns: Sequence[str], read: Callable[[Mapping[str, str]], Value | None]) -> Iterable[Value]:
    """Yield what each row of a table says; a row that says nothing is passed over."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            for row in csv.DictReader(file):
                if (value := read(row)) is not None:
                    yield value
        except (KeyError, AttributeError, TypeError, ValueError, csv.Error) as error:
            raise CorpusError(f"{path}: expected columns {', '.join(columns)} in each row ({error!r})") from error


def _actor(row: Mapping[str, str]) -> tuple[str, Actor]:
    sex = _SEXES.get(row["Sex"].strip().lower())
    return row["ActorID"], Actor(sex, float(row["Age"]), _known(row.get("Race")), _known(row.get("Ethnicity")))


def _known(text: str | None) -> str | None:
    text = (text or "").strip()
    return None if text.casefold() in ("", "unknown", "na") else text


def _tabulated(row: Mapping[str, str]) -> tuple[str, dict[str, float]] | None:
    if int(row[""]) // _FIRST_NUMBER != _VOICE:
        return None
    return row["fileName"], {emotion: float(row[letter]) for letter, emotion in _EMOTIONS.items()}


def _response(row: Mapping[str, str]) -> tuple[str, dict[str, float]] | None:
    if int(row["queryType"]) != _VOICE:
        return None
    return row["clipName"], {_EMOTIONS[row["respEmo"].strip()]: 1.0}


def _summary(row: Mapping[str, str]) -> tuple[str, dict[str, float]]:
    winners = row["VoiceVote"].split(":")
    return row["FileName"], {_EMOTIONS[letter]: 1 / len(winners) for letter in winners}


# file, columns that must be there, what a row says, what the votes are then
_TABLES: tuple[tuple[str, tuple[str, ...], Callable[..., tuple[str, dict[str, float]] | None], str], ...] = (
    ("tabulatedVotes.csv", ("fileName", *_EMOTIONS), _tabulated, "votes of listeners by the voice alone, counted"),
    (
        "finishedResponses.csv",
        ("queryType", "clipName", "respEmo"),
        _response,
        "votes of listeners by the voice alone, counted",
    ),
    (
        "summaryTable.csv",
        ("FileName", "VoiceVote"),
        _summary,
        "of the votes of listeners by the voice alone no more is here than which emotion had most: "
        "tabulatedVotes.csv has them all",
    ),
)
