"""ESC-10: ten environmental sounds of 5 s in five folds.

Two official layouts: ESC-10's own, ``NNN - Class/FOLD-SOURCE-TAKE.ogg``, and ESC-50's,
``audio/FOLD-SOURCE-TAKE-TARGET.wav`` with ``meta/esc50.csv``, of which the clips marked esc10 are read.
"""

import csv
import re
from pathlib import Path

from exclaim.corpora.audio_files import find_audio
from exclaim.corpora.clip import Clip
from exclaim.corpora.info import Adapter, CorpusInfo
from exclaim.corpora.manifest import Exclusion, Manifest
from exclaim.errors import CorpusError

__all__ = ["ADAPTER", "CLASSES"]

CLASSES = {  # name of the folder in ESC-10 to name of the category in ESC-50
    "Dog bark": "dog",
    "Rain": "rain",
    "Sea waves": "sea_waves",
    "Baby cry": "crying_baby",
    "Clock tick": "clock_tick",
    "Person sneeze": "sneezing",
    "Helicopter": "helicopter",
    "Chainsaw": "chainsaw",
    "Rooster": "rooster",
    "Fire crackling": "crackling_fire",
}

_INFO = CorpusInfo(
    name="esc-10",
    title="ESC-10 environmental sounds",
    licence="CC-BY-3.0",
    may_ship=True,
    folders=("esc-10", "ESC-10", "ESC-10-master", "ESC-50", "esc-50", "ESC-50-master"),
    home="https://github.com/karolpiczak/ESC-10",
    citation="K. J. Piczak, ESC: Dataset for Environmental Sound Classification, ACM Multimedia 2015",
    clips=400,
    counts_from="Piczak 2015: 10 classes x 40 clips in 5 folds; it names no speakers",
)
_FOLDER = re.compile(r"\d{3} - (.+)")
_NAME = re.compile(r"([1-5])-(\d+)-([A-Z])(?:-\d+)?")


def _clip(path: Path, label: str, match: re.Match[str]) -> Clip:
    return Clip(
        path=path,
        corpus=_INFO.name,
        label=label,
        licence=_INFO.licence,
        recording=match[2],  # the Freesound clip that takes A, B, ... were cut from
        fold=int(match[1]),
        extra={"take": match[3]},
    )


def _read_esc50(folder: Path) -> Manifest:
    """Read the clips that ``meta/esc50.csv`` marks as ESC-10."""
    table = folder / "meta" / "esc50.csv"
    names = {category: name for name, category in CLASSES.items()}
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"filename", "category", "esc10"} <= rows[0].keys():
        raise CorpusError(f"{table}: expected rows with columns filename, category and esc10")
    chosen = {Path(row["filename"]).stem: row["category"] for row in rows if row["esc10"].lower() == "true"}
    clips = []
    for path in find_audio(folder / "audio", depth=0):
        match = _NAME.fullmatch(path.stem)
        if match is not None and chosen.get(path.stem) in names:
            clips.append(_clip(path, names[chosen.pop(path.stem)], match))
    notes = ["read from ESC-50: only the clips marked esc10 (the others are CC BY-NC)"]
    excluded = tuple(
        Exclusion(path=folder / "audio" / stem, reason="listed in meta/esc50.csv but absent") for stem in sorted(chosen)
    )
    return Manifest(corpus=_INFO.name, clips=tuple(clips), excluded=excluded, notes=tuple(notes))


def _read(folder: Path) -> Manifest:
    if (folder / "meta" / "esc50.csv").is_file():
        return _read_esc50(folder)
    clips, excluded = [], []
    for path in find_audio(folder, depth=1):
        parent, name = _FOLDER.fullmatch(path.parent.name), _NAME.fullmatch(path.stem)
        if parent is None or parent[1] not in CLASSES:
            excluded.append(Exclusion(path=path, reason="folder is not 'NNN - Class' of ESC-10"))
        elif name is None:
            excluded.append(Exclusion(path=path, reason="name is not FOLD-SOURCE-TAKE"))
        else:
            clips.append(_clip(path, parent[1], name))
    return Manifest(corpus=_INFO.name, clips=tuple(clips), excluded=tuple(excluded))


ADAPTER = Adapter(_INFO, _read)
