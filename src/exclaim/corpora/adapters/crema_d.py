"""CREMA-D, acted English speech: ``AudioWAV/ACTOR_SENTENCE_EMOTION_LEVEL.wav`` and ``VideoDemographics.csv``.

Actor 1001 to 1091; sentence one of twelve, by three letters; emotion ANG, DIS, FEA, HAP, NEU or SAD, as it was acted;
level LO, MD, HI or, for all but one sentence, XX (not asked for). Where the tables that say so are there, a clip's
``extra`` has the actor's race and ethnicity, and how many listeners heard each emotion by the voice alone.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from exclaim.corpora.audio_files import find_audio
from exclaim.corpora.clip import Clip, Kind
from exclaim.corpora.crema_d_tables import Actor, Votes, read_actors, read_votes
from exclaim.corpora.info import Adapter, CorpusInfo
from exclaim.corpora.manifest import Exclusion, Manifest
from exclaim.corpora.votes import vote_extra

__all__ = ["ADAPTER", "EMOTIONS", "clip_of", "table_notes"]

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


def clip_of(
    path: Path,
    actors: Mapping[str, Actor],
    kind: Kind = "audio",
    votes: Mapping[str, Mapping[str, float]] | None = None,
) -> Clip | None:
    """Return the clip that a file's name tells of, or None where it is no clip's name.

    Args:
        path: of the file.
        actors: by number, as :func:`exclaim.corpora.crema_d_tables.read_actors` has them.
        kind: what the file holds.
        votes: of listeners by clip, as :func:`exclaim.corpora.crema_d_tables.read_votes` has them.
    """
    match = _NAME.fullmatch(path.stem)
    if match is None or match[3] not in EMOTIONS:
        return None
    actor = actors.get(match[1], Actor())
    told = {name: text for name in ("race", "ethnicity") if (text := getattr(actor, name)) is not None}
    return Clip(
        path=path,
        corpus=_INFO.name,
        kind=kind,
        label=match[3],
        speaker=match[1],
        sex=actor.sex,
        age=actor.age,
        licence=_INFO.licence,
        recording=path.stem,
        extra={
            "sentence": match[2],
            "level": match[4],
            **told,
            **vote_extra((votes or {}).get(path.stem, {}), EMOTIONS),
        },
    )


def table_notes(actors: Mapping[str, Actor], votes: Votes) -> tuple[str, ...]:
    """Say what the tables beside the clips do not tell."""
    strangers = () if actors else ("no VideoDemographics.csv: the actors' sex, age, race and ethnicity are not known",)
    return (*strangers, votes.note)


def _read(folder: Path) -> Manifest:
    actors, votes = read_actors(folder, folder.parent), read_votes(folder, folder.parent)
    clips: dict[str, Clip] = {}
    excluded = []
    for path in sorted(find_audio(folder, depth=2), key=lambda path: path.suffix.lower() != ".wav"):
        clip = clip_of(path, actors, votes=votes.of)
        if clip is None:
            excluded.append(Exclusion(path=path, reason="name is not ACTOR_SENTENCE_EMOTION_LEVEL"))
        elif path.stem in clips:  # the release holds AudioMP3 beside AudioWAV
            excluded.append(Exclusion(path=path, reason="second copy of a clip in another folder or format"))
        else:
            clips[path.stem] = clip
    return Manifest(
        corpus=_INFO.name,
        clips=tuple(clips.values()),
        excluded=tuple(excluded),
        notes=table_notes(actors, votes),
    )


ADAPTER = Adapter(_INFO, _read)
