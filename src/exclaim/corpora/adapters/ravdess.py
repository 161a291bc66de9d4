"""RAVDESS, acted speech and song: ``Actor_NN/`` and a name of seven fields of two digits.

``MODALITY-CHANNEL-EMOTION-INTENSITY-STATEMENT-REPETITION-ACTOR.wav``: modality 03 audio only; channel 01
speech, 02 song; emotion 01 to 08 as in :data:`EMOTIONS`; intensity 01 normal, 02 strong; statement and
repetition 01 or 02; actor 01 to 24, odd ones male.
"""

import re
from pathlib import Path

from exclaim.corpora.audio_files import find_audio
from exclaim.corpora.clip import Clip
from exclaim.corpora.info import Adapter, CorpusInfo, Part
from exclaim.corpora.manifest import Exclusion, Manifest

__all__ = ["ADAPTER", "EMOTIONS"]

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")  # 01 to 08
_CHANNELS = {"01": "speech", "02": "song"}
_INTENSITIES = {"01": "normal", "02": "strong"}

_INFO = CorpusInfo(
    name="ravdess",
    title="RAVDESS acted speech and song",
    licence="CC-BY-NC-SA-4.0",
    may_ship=False,
    folders=("ravdess", "RAVDESS", "Audio_Speech_Actors_01-24"),
    home="https://zenodo.org/records/1188976",
    citation="S. R. Livingstone and F. A. Russo, The Ryerson Audio-Visual Database ..., PLoS ONE 13(5), 2018",
    clips=1_440 + 1_012,
    speakers=24,
    parts=(Part("speech", 1_440, 24), Part("song", 1_012, 23)),
    counts_from="Livingstone and Russo 2018: 60 spoken trials of 24 actors, 44 sung of 23 (not of actor 18)",
)
_NAME = re.compile(r"(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)")
_ACTOR = re.compile(r"actor_?(\d\d)", re.IGNORECASE)


def _reason_to_leave_out(path: Path, fields: tuple[str, ...]) -> str | None:
    """Return why a file of a well-formed name is no clip, or None."""
    modality, channel, emotion, intensity, _, _, actor = fields
    folder = _ACTOR.fullmatch(path.parent.name)
    if modality != "03":
        return "not audio only"
    if channel not in _CHANNELS or intensity not in _INTENSITIES:
        return "channel or intensity is not 01 or 02"
    if not 1 <= int(emotion) <= len(EMOTIONS) or not 1 <= int(actor) <= 24:
        return "emotion is not 01 to 08 or actor is not 01 to 24"
    return "folder and name disagree on the actor" if folder and folder[1] != actor else None


def _read(folder: Path) -> Manifest:
    clips: dict[str, Clip] = {}
    excluded = []
    for path in find_audio(folder, depth=3):
        match = _NAME.fullmatch(path.stem)
        if match is None:
            excluded.append(Exclusion(path=path, reason="name has not seven fields of two digits"))
        elif reason := _reason_to_leave_out(path, match.groups()):
            excluded.append(Exclusion(path=path, reason=reason))
        elif path.stem in clips:  # some copies of the release hold every folder twice
            excluded.append(Exclusion(path=path, reason="second copy of a clip in another folder or format"))
        else:
            clips[path.stem] = _clip(path, match)
    return Manifest(corpus=_INFO.name, clips=tuple(clips.values()), excluded=tuple(excluded))


def _clip(path: Path, match: re.Match[str]) -> Clip:
    _, channel, emotion, intensity, statement, repetition, actor = match.groups()
    return Clip(
        path=path,
        corpus=_INFO.name,
        label=EMOTIONS[int(emotion) - 1],
        speaker=actor,
        sex="male" if int(actor) % 2 else "female",
        licence=_INFO.licence,
        recording=path.stem,
        extra={
            "part": _CHANNELS[channel],
            "intensity": _INTENSITIES[intensity],
            "sentence": statement,
            "repetition": repetition,
        },
    )


ADAPTER = Adapter(_INFO, _read)
