"""LibriSpeech, read English: ``SUBSET/SPEAKER/CHAPTER/SPEAKER-CHAPTER-UTTERANCE.flac``, ``SPEAKERS.TXT``."""

import re
from pathlib import Path

from exclaim.corpora.audio_files import find_audio
from exclaim.corpora.clip import Clip
from exclaim.corpora.info import Adapter, CorpusInfo, Part
from exclaim.corpora.manifest import Exclusion, Manifest

__all__ = ["ADAPTER"]

_PARTS = (
    Part("dev-clean", 2_703, 40),
    Part("dev-other", 2_864, 33),
    Part("test-clean", 2_620, 40),
    Part("test-other", 2_939, 33),
    Part("train-clean-100", 28_539, 251),
    Part("train-clean-360", 104_014, 921),
    Part("train-other-500", 148_688, 1_166),
)
_INFO = CorpusInfo(
    name="librispeech",
    title="LibriSpeech read English",
    licence="CC-BY-4.0",
    may_ship=True,
    folders=("librispeech", "LibriSpeech"),
    home="https://www.openslr.org/12",
    citation="V. Panayotov et al., Librispeech: an ASR corpus of public domain audio books, ICASSP 2015",
    clips=sum(part.clips for part in _PARTS),
    speakers=sum(part.speakers or 0 for part in _PARTS),
    parts=_PARTS,
    counts_from="Panayotov et al. 2015, table 1 (speakers), and the release's transcripts (utterances)",
)
_NAME = re.compile(r"(\d+)-(\d+)-(\d{4,})")
_SEXES = {"F": "female", "M": "male"}


def _read_speakers(folder: Path) -> dict[str, str]:
    """Return each reader's sex from SPEAKERS.TXT (ID | SEX | SUBSET | MINUTES | NAME), when it is there."""
    for place in (folder, folder / "LibriSpeech", folder.parent):
        if (place / "SPEAKERS.TXT").is_file():
            lines = (place / "SPEAKERS.TXT").read_text("utf-8", errors="replace").splitlines()
            rows = [[field.strip() for field in line.split("|")] for line in lines if not line.startswith(";")]
            return {row[0]: _SEXES[row[1]] for row in rows if len(row) >= 2 and row[1] in _SEXES}
    return {}


def _part(path: Path, folder: Path) -> str | None:
    """Return the subset that a folder above the clip names, be it as "librispeech_train-clean-100"."""
    above = (folder.name, *path.relative_to(folder).parts[:-1])
    return next((part.name for part in _PARTS if any(part.name in name for name in above)), None)


def _read(folder: Path) -> Manifest:
    sexes = _read_speakers(folder)
    clips: dict[str, Clip] = {}
    excluded = []
    for path in find_audio(folder, depth=4):
        match = _NAME.fullmatch(path.stem)
        if match is None:
            excluded.append(Exclusion(path=path, reason="name is not SPEAKER-CHAPTER-UTTERANCE"))
        elif path.stem in clips:
            excluded.append(Exclusion(path=path, reason="second copy of a clip in another folder or format"))
        else:
            part = _part(path, folder)
            clips[path.stem] = Clip(
                path=path,
                corpus=_INFO.name,
                speaker=match[1],
                sex=sexes.get(match[1]),
                licence=_INFO.licence,
                recording=f"{match[1]}-{match[2]}",
                extra={"part": part} if part else {},
            )
    notes = [] if sexes else ["no SPEAKERS.TXT: the speakers' sex is not known"]
    return Manifest(corpus=_INFO.name, clips=tuple(clips.values()), excluded=tuple(excluded), notes=tuple(notes))


ADAPTER = Adapter(_INFO, _read)
