"""ASVP-ESD, emotional sounds with and without words out of films, television, video channels and sound sites.

``Audio/actor_N/`` and ``Bonus/actor_N/`` (infants), and a name of numbers:
``MODALITY-CHANNEL-EMOTION-INTENSITY-STATEMENT-ACTOR-AGE-SOURCE-LANGUAGE.wav``, where modality 03 is audio only; channel
01 speech, 02 without words; emotion 01 to 13 as in :data:`EMOTIONS`; intensity 01 normal, 02 high; statement a running
number; actor even for males and odd for females; age 01 over 65, 02 from 20 to 64, 03 under 20, 04 an infant; source 01
a website, 02 a video channel, 03 a film.

Names are irregular. Many go on: with a kind of sound, whose last digit is an emotion's number (14, 24, 34 kinds of
crying; 16 for screaming), with 77 for noise or 66 for several voices, and with the number of the piece that a long
recording was cut into. Some lack fields before that, some are in other case or parted by other signs. The emotion is
what a vote of listeners said; the kind of sound, which the release's page does not explain, is older than the vote and
need not agree with it. An actor's number stands for a folder, which may hold more people than one.
"""

import re
from pathlib import Path
from typing import NamedTuple

from exclaim.corpora.audio_files import find_audio
from exclaim.corpora.clip import Clip, Sex
from exclaim.corpora.info import Adapter, CorpusInfo
from exclaim.corpora.manifest import Exclusion, Manifest

__all__ = ["ADAPTER", "EMOTIONS"]

EMOTIONS = (  # the first word of each, in the order of their numbers, 01 to 13
    *("boredom", "neutral", "happy", "sad", "angry", "fearful", "disgust", "surprised"),
    *("excited", "pleasure", "pain", "disappointment", "breath"),
)
_CHANNELS = {1: "speech", 2: "without words"}
_INTENSITIES = {1: "normal", 2: "high"}
_AGES = {1: "over 65", 2: "20 to 64", 3: "under 20", 4: "infant"}
_SOURCES = {1: "website", 2: "video channel", 3: "film"}
_SEVERAL_VOICES, _NOISE = 66, 77
_FIRST_SOUND = 10  # kinds of sound have two digits; smaller numbers after the language count pieces

_INFO = CorpusInfo(
    name="asvp-esd",
    title="ASVP-ESD emotional sounds, with and without words",
    licence="CC-BY-4.0",
    may_ship=False,  # its page says CC BY, but the sounds are out of films and channels that others own
    folders=("asvp-esd", "ASVP-ESD-Update", "ASVP-ESD", "ASVP_ESD", "ASVP-ESD_UPDATE"),
    home="https://zenodo.org/records/7132783",
    citation="T. T. L. Dejoli, Q. He and W. Xie, ASVP-ESD: A dataset and its benchmark for emotion ..., 2021",
    clips=13_964,
    speakers=131,
    own_names=False,  # a name with fields missing might be RAVDESS's
    counts_from=(
        "the release of 2022 as EmoBox lists it (arXiv 2406.07162): names of 13,964 files and 131 numbers of actors; "
        "not compared with the release's own page"
    ),
)
_PARTED = re.compile(r"[-_ ]+")
_ACTOR = re.compile(r"actor[-_ ]?(\d+)", re.IGNORECASE)
_REASON_SHORT = "name has not six numbers down to the actor's"


class _Name(NamedTuple):
    """The numbers of a file's name."""

    modality: int
    channel: int
    emotion: int
    intensity: int
    statement: int
    actor: int
    rest: tuple[int, ...]  # age, source, language, and what follows; may be cut short

    @property
    def sound(self) -> int | None:
        """The kind of sound, which is the first number after the language."""
        first = self.rest[3] if len(self.rest) > 3 else 0
        return first if first >= _FIRST_SOUND and first not in (_SEVERAL_VOICES, _NOISE) else None


def _read_name(stem: str) -> _Name | None:
    fields = _PARTED.split(stem.strip("-_ "))
    numbers = [int(field) for field in fields if field.isascii() and field.isdecimal()]
    if len(numbers) < 6 or not all(field.isascii() and field.isdecimal() for field in fields[:6]):
        return None
    return _Name(*numbers[:6], rest=tuple(numbers[6:]))


def _reason_to_leave_out(path: Path, name: _Name) -> str | None:
    """Return why a file of a readable name is no clip, or None."""
    folder = _ACTOR.fullmatch(path.parent.name)
    if name.modality != 3:
        return "not audio only"
    if name.channel not in _CHANNELS:
        return "channel is not 01 or 02"
    if not 1 <= name.emotion <= len(EMOTIONS):
        return "emotion is not 01 to 13"
    return "folder and name disagree on the actor" if folder and int(folder[1]) != name.actor else None


def _read(folder: Path) -> Manifest:
    clips: dict[tuple[str, str], Clip] = {}
    excluded = []
    for path in find_audio(folder, depth=5):
        name = _read_name(path.stem)
        above = (folder.name, *path.relative_to(folder).parts[:-1])
        part = "bonus" if "bonus" in map(str.lower, above) else "audio"
        if name is None:
            excluded.append(Exclusion(path=path, reason=_REASON_SHORT))
        elif reason := _reason_to_leave_out(path, name):
            excluded.append(Exclusion(path=path, reason=reason))
        elif (part, path.stem.casefold()) in clips:
            excluded.append(Exclusion(path=path, reason="second copy of a clip in another folder or format"))
        else:
            clips[part, path.stem.casefold()] = _clip(path, name, part)
    return Manifest(corpus=_INFO.name, clips=tuple(clips.values()), excluded=tuple(excluded))


def _clip(path: Path, name: _Name, part: str) -> Clip:
    extra: dict[str, str | float] = {"part": part, "channel": _CHANNELS[name.channel]}
    if name.intensity in _INTENSITIES:
        extra["intensity"] = _INTENSITIES[name.intensity]
    if len(name.rest) >= 3:  # in a shorter name nobody knows which of the three is missing
        age, source, language = name.rest[:3]
        extra |= {"age_group": _AGES[age]} if age in _AGES else {}
        extra |= {"source": _SOURCES[source]} if source in _SOURCES else {}
        extra["language"] = f"{language:02}"
    if name.sound is not None:
        extra["sound"] = str(name.sound)
    if _SEVERAL_VOICES in name.rest[3:]:
        extra["voices"] = "several"
    if _NOISE in name.rest[3:]:
        extra["noise"] = "noisy"
    return Clip(
        path=path,
        corpus=_INFO.name,
        label=EMOTIONS[name.emotion - 1],
        speaker=str(name.actor),
        sex=_sex(name, part),
        licence=_INFO.licence,
        # pieces of one recording carry its statement, but a vote of their own on emotion and intensity; so this may
        # also join recordings that have nothing in common, and never parts two pieces of one
        recording=f"{part}/{name.actor}-{name.statement}",
        extra=extra,
    )


def _sex(name: _Name, part: str) -> Sex | None:
    """Return the sex by the actor's number; nothing is said of actor 0 and of infants."""
    if part == "bonus" or name.actor == 0 or name.rest[:1] == (4,):
        return None
    return "female" if name.actor % 2 else "male"


ADAPTER = Adapter(_INFO, _read)
