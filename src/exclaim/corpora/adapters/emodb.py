"""EmoDB, the Berlin database of acted German speech: ``wav/SSTTTEV.wav``.

``SS`` is the speaker, one of ten; ``TTT`` one of ten texts, a01 to b10; ``E`` the emotion, by the first letter of its
German name (Wut, Langeweile, Ekel, Angst, Freude, Trauer, neutral); ``V``, where there are several takes, the version.
Sex and age of the speakers are from the database's own page. A folder ``laryngo`` of the later release holds what an
electroglottograph recorded, under the same names; it is no speech.
"""

import re
from pathlib import Path

from exclaim.corpora.audio_files import find_audio
from exclaim.corpora.clip import Clip, Sex
from exclaim.corpora.info import Adapter, CorpusInfo
from exclaim.corpora.manifest import Exclusion, Manifest

__all__ = ["ADAPTER", "EMOTIONS"]

_LETTERS = {
    "W": "anger",
    "L": "boredom",
    "E": "disgust",
    "A": "fear",
    "F": "happiness",
    "N": "neutral",
    "T": "sadness",
}
EMOTIONS = tuple(_LETTERS.values())
_SPEAKERS: dict[str, tuple[Sex, int]] = {  # sex, years
    "03": ("male", 31),
    "08": ("female", 34),
    "09": ("female", 21),
    "10": ("male", 32),
    "11": ("male", 26),
    "12": ("male", 30),
    "13": ("female", 32),
    "14": ("female", 35),
    "15": ("male", 25),
    "16": ("female", 31),
}

_INFO = CorpusInfo(
    name="emodb",
    title="EmoDB acted emotional speech in German",
    licence="none named; free for research that cites it",
    may_ship=False,
    folders=("emodb", "EmoDB", "EMODB"),
    home="http://emodb.bilderbar.info/docu/",
    citation="F. Burkhardt et al., A database of German emotional speech, Interspeech 2005",
    clips=535,
    speakers=10,
    counts_from="the public release: 535 of the utterances, those that most listeners recognised, of 10 actors",
)
_NAME = re.compile(r"(\d\d)([ab]\d\d)([WLEAFNT])([a-z]?)")


def _reason_to_leave_out(path: Path, match: re.Match[str] | None) -> str | None:
    if match is None:
        return "name is not speaker, text, emotion, version"
    if match[1] not in _SPEAKERS:
        return "speaker is none of the ten"
    return "a laryngogram, not speech" if path.parent.name.lower() == "laryngo" else None


def _read(folder: Path) -> Manifest:
    clips: dict[str, Clip] = {}
    excluded = []
    for path in find_audio(folder, depth=3):
        match = _NAME.fullmatch(path.stem)
        reason = _reason_to_leave_out(path, match)
        if reason is None and path.stem in clips:
            reason = "second copy of a clip in another folder or format"
        if reason is not None or match is None:
            excluded.append(Exclusion(path=path, reason=str(reason)))
        else:
            clips[path.stem] = _clip(path, match)
    return Manifest(corpus=_INFO.name, clips=tuple(clips.values()), excluded=tuple(excluded))


def _clip(path: Path, match: re.Match[str]) -> Clip:
    speaker, text, letter, version = match.groups()
    sex, age = _SPEAKERS[speaker]
    return Clip(
        path=path,
        corpus=_INFO.name,
        label=_LETTERS[letter],
        speaker=speaker,
        sex=sex,
        age=age,
        licence=_INFO.licence,
        recording=path.stem,
        extra={"sentence": text} | ({"version": version} if version else {}),
    )


ADAPTER = Adapter(_INFO, _read)
