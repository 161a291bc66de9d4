"""CREMA-D, acted English speech: ``AudioWAV/ACTOR_SENTENCE_EMOTION_LEVEL.wav`` and ``VideoDemographics.csv``.

Actor 1001 to 1091; sentence one of twelve, by three letters; emotion ANG, DIS, FEA, HAP, NEU or SAD, as it was acted;
level LO, MD, HI or, for all but one sentence, XX (not asked for).
"""

import csv
import re
from pathlib import Path
from typing import NamedTuple

from exclaim.corpora.audio_files import find_audio
from exclaim.corpora.clip import Clip, Sex
from exclaim.corpora.info import Adapter, CorpusInfo
from exclaim.corpora.manifest import Exclusion, Manifest
from exclaim.errors import CorpusError

__all__ = ["ADAPTER", "EMOTIONS"]

EMOTIONS = ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD")

_INFO = CorpusInfo(
    name="crema-d",
    title="CREMA-D acted emotional speech",
    licence="ODbL-1.0",
    may_ship=True,
    folders=("crema-d", "CREMA-D", "CREMA-D-master"),
    home="https://github.com/CheyneyComputerScience/CREMA-D",
    citation="H. Cao et al., CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset, IEEE TAC 5(4), 2014",
    clips=7_442,
    speakers=91,
    counts_from="Cao et al. 2014: 7,442 clips of 91 actors",
)
_NAME = re.compile(r"(\d{4})_([A-Z]{3})_([A-Z]{3})_(LO|MD|HI|XX?)")
_SEXES: dict[str, Sex] = {"male": "male", "female": "female"}


class _Actor(NamedTuple):
    sex: Sex | None = None
    age: float | None = None


def _read_actors(path: Path) -> dict[str, _Actor]:
    """Return each actor's sex and age from VideoDemographics.csv, when it is there."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            rows = list(csv.DictReader(file))
            return {row["ActorID"]: _Actor(_SEXES.get(row["Sex"].lower()), float(row["Age"])) for row in rows}
        except (KeyError, AttributeError, TypeError, ValueError) as error:
            raise CorpusError(f"{path}: expected columns ActorID, Age and Sex in each row ({error!r})") from error


def _read(folder: Path) -> Manifest:
    actors = _read_actors(folder / "VideoDemographics.csv") or _read_actors(folder.parent / "VideoDemographics.csv")
    clips: dict[str, Clip] = {}
    excluded = []
    for path in sorted(find_audio(folder, depth=2), key=lambda path: path.suffix.lower() != ".wav"):
        match = _NAME.fullmatch(path.stem)
        if match is None or match[3] not in EMOTIONS:
            excluded.append(Exclusion(path=path, reason="name is not ACTOR_SENTENCE_EMOTION_LEVEL"))
        elif path.stem in clips:  # the release holds AudioMP3 beside AudioWAV
            excluded.append(Exclusion(path=path, reason="second copy of a clip in another folder or format"))
        else:
            actor = actors.get(match[1], _Actor())
            clips[path.stem] = Clip(
                path=path,
                corpus=_INFO.name,
                label=match[3],
                speaker=match[1],
                sex=actor.sex,
                age=actor.age,
                licence=_INFO.licence,
                recording=path.stem,
                extra={"sentence": match[2], "level": match[4]},
            )
    notes = () if actors else ("no VideoDemographics.csv: the actors' sex and age are not known",)
    return Manifest(corpus=_INFO.name, clips=tuple(clips.values()), excluded=tuple(excluded), notes=notes)


ADAPTER = Adapter(_INFO, _read)
