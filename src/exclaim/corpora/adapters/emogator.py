"""EmoGator: non-speech vocal bursts. ``data/mp3/NNNNNN-EE-I.mp3``: contributor, emotion, instance."""

import csv
import re
from pathlib import Path

from exclaim.corpora.audio_files import find_audio
from exclaim.corpora.clip import Clip
from exclaim.corpora.info import Adapter, CorpusInfo
from exclaim.corpora.manifest import Exclusion, Manifest
from exclaim.errors import CorpusError

__all__ = ["ADAPTER", "CATEGORIES"]

CATEGORIES = (  # in the order of their numbers, 01 to 30
    *(
        "Adoration",
        "Amusement",
        "Anger",
        "Awe",
        "Confusion",
        "Contempt",
        "Contentment",
        "Desire",
        "Disappointment",
    ),
    *(
        "Disgust",
        "Distress",
        "Ecstasy",
        "Elation",
        "Embarrassment",
        "Fear",
        "Guilt",
        "Interest",
        "Neutral",
        "Pain",
    ),
    *(
        "Pride",
        "Realization",
        "Relief",
        "Romantic Love",
        "Sadness",
        "Serenity",
        "Shame",
        "Surprise (Negative)",
    ),
    *("Surprise (Positive)", "Sympathy", "Triumph"),
)

_INFO = CorpusInfo(
    name="emogator",
    title="EmoGator non-speech vocal bursts",
    licence="Apache-2.0",
    may_ship=True,
    folders=("emogator", "EmoGator", "EmoGator-main"),
    home="https://github.com/fredbuhl/EmoGator",
    citation="F. Buhl, EmoGator: A New Open Source Vocal Burst Dataset, 2023, arXiv 2301.00508",
    clips=32_130,
    speakers=357,
    counts_from="arXiv 2301.00508: 357 contributors x 30 categories x 3 instances",
)
_NAME = re.compile(r"(\d{6})-(\d{2})-(\d)")


def _read_tagger(path: Path) -> dict[str, dict[str, float]]:
    """Return a general tagger's scores (0 to 1) for each clip's stem, when they lie beside the corpus."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        try:
            return {
                Path(row.pop("file")).stem: {f"tagger_{name}": float(score) for name, score in row.items()}
                for row in csv.DictReader(file)
            }
        except (KeyError, TypeError, ValueError) as error:
            raise CorpusError(
                f"{path}: expected columns file, screaming, ... with a score in each row ({error!r})"
            ) from error


def _read(folder: Path) -> Manifest:
    tagger = _read_tagger(folder / "tagger.csv")
    clips: dict[str, Clip] = {}
    excluded = []
    for path in find_audio(folder, depth=3):
        match = _NAME.fullmatch(path.stem)
        if match is None:
            excluded.append(Exclusion(path=path, reason="name is not NNNNNN-EE-I"))
        elif not 1 <= int(match[2]) <= len(CATEGORIES):
            excluded.append(Exclusion(path=path, reason="category is not 01 to 30"))
        elif path.stem in clips:
            excluded.append(Exclusion(path=path, reason="second copy of a clip in another folder or format"))
        else:
            clips[path.stem] = Clip(
                path=path,
                corpus=_INFO.name,
                label=CATEGORIES[int(match[2]) - 1],
                speaker=match[1],
                licence=_INFO.licence,
                recording=path.stem,
                extra={"category": match[2], "instance": match[3], **tagger.get(path.stem, {})},
            )
    notes = [] if tagger else ["no tagger.csv: which bursts are screams is not known"]
    return Manifest(corpus=_INFO.name, clips=tuple(clips.values()), excluded=tuple(excluded), notes=tuple(notes))


ADAPTER = Adapter(_INFO, _read)
