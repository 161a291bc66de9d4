"""Deeply nonverbal vocalisations, sample release: ``dataset/CLASS/`` and a name of eight fields.

``SPEAKER_class_trial_sex_age_place_quality_noise.wav``: class 0 to 15 as in :data:`CLASSES`; sex 0 female, 1
male; age in years; place 0 indoor, 1 outdoor; quality 0 high, 1 low; noise 0 none, 1 noisy.
"""

import re
from collections import defaultdict
from pathlib import Path

from exclaim.corpora.audio_files import find_audio
from exclaim.corpora.clip import Clip
from exclaim.corpora.info import Adapter, CorpusInfo
from exclaim.corpora.manifest import Exclusion, Manifest

__all__ = ["ADAPTER", "CLASSES"]

CLASSES = (  # in the order of their numbers, 0 to 15
    *("teeth-chattering", "teeth-grinding", "tongue-clicking", "nose-blowing", "coughing", "yawning"),
    *(
        "throat-clearing",
        "sighing",
        "lip-popping",
        "lip-smacking",
        "panting",
        "crying",
        "laughing",
        "sneezing",
    ),
    *("moaning", "screaming"),
)

_INFO = CorpusInfo(
    name="deeply",
    title="Deeply nonverbal vocalisations, sample release",
    licence="CC-BY-NC-ND-4.0",
    may_ship=False,
    folders=("deeply", "Deeply", "Nonverbal-Vocalization-Dataset", "Nonverbal-Vocalization-Dataset-main"),
    home="https://github.com/deeplyinc/Nonverbal-Vocalization-Dataset",
    citation="Deeply Inc., Nonverbal Vocalization Dataset, 2021",
    clips=727,
    counts_from="files of the sample release; its README says about 800 utterances of about 500 speakers",
)
_NAME = re.compile(r"([0-9A-Z]{4})_(\d+)_(\d+)_([01])_(\d+)_([01])_([01])_([01])")


def _spelt(name: str) -> str:
    return name.strip().lower().replace(" ", "-").replace("_", "-")


def _read(folder: Path) -> Manifest:
    clips, excluded = [], []
    for path in find_audio(folder, depth=3):
        match = _NAME.fullmatch(path.stem)
        if match is None:
            excluded.append(Exclusion(path=path, reason="name has not the eight fields"))
        elif int(match[2]) >= len(CLASSES):
            excluded.append(Exclusion(path=path, reason="class is not 0 to 15"))
        elif _spelt(path.parent.name) != CLASSES[int(match[2])]:
            excluded.append(Exclusion(path=path, reason="folder and name disagree on the class"))
        else:
            clips.append(_clip(path, match))
    return Manifest(
        corpus=_INFO.name, clips=tuple(clips), excluded=tuple(excluded), notes=_speakers_that_disagree(clips)
    )


def _clip(path: Path, match: re.Match[str]) -> Clip:
    return Clip(
        path=path,
        corpus=_INFO.name,
        label=CLASSES[int(match[2])],
        speaker=match[1],
        sex="male" if match[4] == "1" else "female",
        age=float(match[5]),
        licence=_INFO.licence,
        recording=path.stem,
        extra={
            "trial": match[3],
            "place": "outdoor" if match[6] == "1" else "indoor",
            "quality": "low" if match[7] == "1" else "high",
            "noise": "noisy" if match[8] == "1" else "none",
        },
    )


def _speakers_that_disagree(clips: list[Clip]) -> tuple[str, ...]:
    said = defaultdict(set)
    for clip in clips:
        said[clip.speaker].add((clip.sex, clip.age))
    odd = sorted(str(speaker) for speaker, people in said.items() if len(people) > 1)
    return (f"speakers whose clips disagree on sex or age: {', '.join(odd)}",) if odd else ()


ADAPTER = Adapter(_INFO, _read)
