"""SAVEE, acted English speech of four men: ``AudioData/SPEAKER/ENN.wav``, or all in one folder as ``SPEAKER_ENN.wav``.

Speaker DC, JE, JK or KL; emotion a anger, d disgust, f fear, h happiness, n neutral, sa sadness, su surprise; number 01
to 15, of neutral to 30. Three sentences were said in every emotion, but the numbers do not tell which, so no clip names
its sentence. Their ages, 27 to 31, are not told one by one.
"""

import re
from pathlib import Path

from exclaim.corpora.audio_files import find_audio
from exclaim.corpora.clip import Clip
from exclaim.corpora.info import Adapter, CorpusInfo
from exclaim.corpora.manifest import Exclusion, Manifest

__all__ = ["ADAPTER", "EMOTIONS"]

_LETTERS = {
    "a": "anger",
    "d": "disgust",
    "f": "fear",
    "h": "happiness",
    "n": "neutral",
    "sa": "sadness",
    "su": "surprise",
}
EMOTIONS = tuple(_LETTERS.values())
_SPEAKERS = ("DC", "JE", "JK", "KL")

_INFO = CorpusInfo(
    name="savee",
    title="SAVEE acted emotional speech",
    licence="research only, after registration",
    may_ship=False,
    folders=("savee", "SAVEE", "Savee", "AudioData"),
    home="http://kahlan.eps.surrey.ac.uk/savee/",
    citation="S. Haq and P. J. B. Jackson, Multimodal emotion recognition, in Machine Audition, IGI Global, 2010",
    clips=480,
    speakers=4,
    counts_from="its page: 120 utterances of 4 men, 15 of each emotion and 30 neutral",
)
_NAME = re.compile(rf"(?:({'|'.join(_SPEAKERS)})_)?(a|d|f|h|n|sa|su)(\d\d)", re.IGNORECASE)


def _read(folder: Path) -> Manifest:
    clips: dict[str, Clip] = {}
    excluded = []
    for path in find_audio(folder, depth=3):
        match = _NAME.fullmatch(path.stem)
        above = path.parent.name.upper()
        speaker = (match[1] or above).upper() if match else ""
        if match is None or speaker not in _SPEAKERS:
            reason = "name is not a speaker's emotion and number"
        elif above in _SPEAKERS and above != speaker:
            reason = "folder and name disagree on the speaker"
        elif not 1 <= int(match[3]) <= (30 if match[2].lower() == "n" else 15):
            reason = "number is not 01 to 15, of neutral to 30"
        elif (name := f"{speaker}_{match[2].lower()}{match[3]}") in clips:
            reason = "second copy of a clip in another folder or format"
        else:
            clips[name] = _clip(path, name, speaker, _LETTERS[match[2].lower()])
            continue
        excluded.append(Exclusion(path=path, reason=reason))
    return Manifest(corpus=_INFO.name, clips=tuple(clips.values()), excluded=tuple(excluded))


def _clip(path: Path, name: str, speaker: str, emotion: str) -> Clip:
    return Clip(
        path=path,
        corpus=_INFO.name,
        label=emotion,
        speaker=speaker,
        sex="male",
        licence=_INFO.licence,
        recording=name,
    )


ADAPTER = Adapter(_INFO, _read)
