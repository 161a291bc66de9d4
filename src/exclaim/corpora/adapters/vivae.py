"""VIVAE, vocalisations of six emotions from low to peak intensity: ``full_set/SPEAKER_EMOTION_INTENSITY_ITEM.wav``.

``core_set`` holds copies of those that sounded most authentic; they are read once, as clips of the part "core". Some
copies of the release have a folder for each emotion below the two sets. Names carry neither sex nor age.
"""

import re
from pathlib import Path

from exclaim.corpora.audio_files import find_audio
from exclaim.corpora.clip import Clip
from exclaim.corpora.info import Adapter, CorpusInfo, Part
from exclaim.corpora.manifest import Exclusion, Manifest

__all__ = ["ADAPTER", "EMOTIONS", "INTENSITIES"]

EMOTIONS = ("achievement", "anger", "fear", "pain", "pleasure", "surprise")
INTENSITIES = ("low", "moderate", "strong", "peak")

_INFO = CorpusInfo(
    name="vivae",
    title="VIVAE variably intense vocalisations of affect and emotion",
    licence="CC-BY-NC-4.0",
    may_ship=False,
    folders=("vivae", "VIVAE"),
    home="https://zenodo.org/records/4066235",
    citation="N. Holz, P. Larrouy-Maestri and D. Poeppel, The Variably Intense Vocalizations ..., Emotion 22(1), 2022",
    clips=1_085,
    speakers=11,
    parts=(Part("core", 480, 10), Part("full set only", 1_085 - 480, 11)),
    counts_from="Holz et al. 2022: 1,085 files of 11 speakers; core 6 emotions x 4 intensities x 10 speakers x 2 items",
)
_NAME = re.compile(rf"s(\d\d)_({'|'.join(EMOTIONS)})_({'|'.join(INTENSITIES)})_(\d+)", re.IGNORECASE)
_CORE = re.compile(r"core[-_ ]?set", re.IGNORECASE)


def _read(folder: Path) -> Manifest:
    full: dict[str, Path] = {}
    core: dict[str, Path] = {}
    excluded = []
    for path in find_audio(folder, depth=4):
        stem = path.stem.casefold()
        found = core if any(map(_CORE.fullmatch, (folder.name, *path.relative_to(folder).parts[:-1]))) else full
        if not _NAME.fullmatch(stem):
            excluded.append(Exclusion(path=path, reason="name is not SPEAKER_EMOTION_INTENSITY_ITEM"))
        elif stem in found:
            excluded.append(Exclusion(path=path, reason="second copy of a clip in another folder or format"))
        else:
            found[stem] = path
    excluded += [Exclusion(path=path, reason="copy of a clip of the full set") for s, path in core.items() if s in full]
    paths = core | full  # a clip of both is read from the full set
    clips = (_clip(paths[stem], _part(stem, core, full)) for stem in sorted(paths, key=paths.__getitem__))
    return Manifest(corpus=_INFO.name, clips=tuple(clips), excluded=tuple(excluded))


def _part(stem: str, core: dict[str, Path], full: dict[str, Path]) -> str | None:
    """Return the part that a clip belongs to, or None where the core set is not there to tell."""
    if stem in core:
        return "core"
    return "full set only" if core and full else None


def _clip(path: Path, part: str | None) -> Clip:
    speaker, emotion, intensity, item = path.stem.split("_")
    return Clip(
        path=path,
        corpus=_INFO.name,
        label=emotion.lower(),
        speaker=speaker.upper(),
        licence=_INFO.licence,
        recording=path.stem.casefold(),
        extra={"intensity": intensity.lower(), "item": item} | ({"part": part} if part else {}),
    )


ADAPTER = Adapter(_INFO, _read)
