"""TESS, the Toronto emotional speech set: "Say the word ...", by two actresses: ``SPEAKER_WORD_EMOTION.wav``.

``OAF`` is the older of the two, 64 years old, ``YAF`` the younger, 26; one of 200 words; emotion angry, disgust, fear,
happy, neutral, ps (pleasant surprise) or sad. The files lie in one folder, or in one for each speaker and emotion,
whose names are spelt irregularly (``OAF_Pleasant_surprise``, ``YAF_pleasant_surprised``, ``OAF_Fear``); so is a file's
(``OA_bite_neutral``). Copies on data-sharing sites hold every folder twice.
"""

import re
from pathlib import Path

from exclaim.corpora.audio_files import find_audio
from exclaim.corpora.clip import Clip
from exclaim.corpora.info import Adapter, CorpusInfo
from exclaim.corpora.manifest import Exclusion, Manifest

__all__ = ["ADAPTER", "EMOTIONS"]

EMOTIONS = ("angry", "disgust", "fear", "happy", "neutral", "pleasant surprise", "sad")
_SPELLINGS = {name: name for name in EMOTIONS} | {
    "anger": "angry",
    "fearful": "fear",
    "happiness": "happy",
    "ps": "pleasant surprise",
    "pleasant surprised": "pleasant surprise",
    "surprise": "pleasant surprise",
    "surprised": "pleasant surprise",
    "sadness": "sad",
}
_AGES = {"OAF": 64, "YAF": 26}  # years

_INFO = CorpusInfo(
    name="tess",
    title="TESS, Toronto emotional speech set",
    licence="CC-BY-NC-ND-4.0",
    may_ship=False,
    folders=("tess", "TESS", "TESS Toronto emotional speech set data", "TESS_Toronto_emotional_speech_set_data"),
    home="https://doi.org/10.5683/SP2/E8H2MF",
    citation="M. K. Pichora-Fuller and K. Dupuis, Toronto emotional speech set (TESS), 2020, doi:10.5683/SP2/E8H2MF",
    clips=2_800,
    speakers=2,
    counts_from="its page: 200 words x 7 emotions x 2 actresses",
)
_NAME = re.compile(r"(OA|YA)F?_([a-z]+)_([a-z_ ]+)", re.IGNORECASE)
_FOLDER = re.compile(r"(OA|YA)F?_([a-z_ ]+)", re.IGNORECASE)


def _emotion(text: str) -> str | None:
    return _SPELLINGS.get(text.replace("_", " ").strip().lower())


def _disagree(path: Path, speaker: str, emotion: str | None) -> bool:
    """Tell whether a folder is named after another speaker or emotion than the file."""
    above = _FOLDER.fullmatch(path.parent.name)
    return above is not None and (above[1].upper(), _emotion(above[2])) != (speaker, emotion)


def _read(folder: Path) -> Manifest:
    clips: dict[tuple[str, str, str], Clip] = {}
    excluded = []
    for path in find_audio(folder, depth=4):
        match = _NAME.fullmatch(path.stem)
        emotion = _emotion(match[3]) if match else None
        if match is None or emotion is None:
            excluded.append(Exclusion(path=path, reason="name is not SPEAKER_WORD_EMOTION"))
            continue
        speaker, word = f"{match[1].upper()}F", match[2].lower()
        if _disagree(path, match[1].upper(), emotion):
            excluded.append(Exclusion(path=path, reason="folder and name disagree on the speaker or the emotion"))
        elif (speaker, word, emotion) in clips:
            excluded.append(Exclusion(path=path, reason="second copy of a clip in another folder or format"))
        else:
            clips[speaker, word, emotion] = _clip(path, speaker, word, emotion)
    return Manifest(corpus=_INFO.name, clips=tuple(clips.values()), excluded=tuple(excluded))


def _clip(path: Path, speaker: str, word: str, emotion: str) -> Clip:
    return Clip(
        path=path,
        corpus=_INFO.name,
        label=emotion,
        speaker=speaker,
        sex="female",
        age=_AGES[speaker],
        licence=_INFO.licence,
        recording=f"{speaker}_{word}_{emotion}",
        extra={"sentence": word},
    )


ADAPTER = Adapter(_INFO, _read)
