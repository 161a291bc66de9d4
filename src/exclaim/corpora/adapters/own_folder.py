"""Any folder of the user's own: a subfolder for each class, sound files at any depth below it."""

from pathlib import Path

from exclaim.corpora.audio_files import find_audio
from exclaim.corpora.clip import Clip
from exclaim.corpora.info import Adapter, CorpusInfo
from exclaim.corpora.manifest import Exclusion, Manifest

__all__ = ["ADAPTER"]

_INFO = CorpusInfo(
    name="folder",
    title="A folder of your own, with a subfolder for each class",
    licence="your own",
    may_ship=False,
    folders=(),
    home="you",
    citation="",
    own_names=False,
)


def _read(folder: Path) -> Manifest:
    clips, excluded = [], []
    for path in find_audio(folder):
        parts = path.relative_to(folder).parts
        if len(parts) == 1:
            excluded.append(Exclusion(path=path, reason="not in a folder that names its class"))
        else:
            recording = "/".join(parts)
            clips.append(Clip(path=path, corpus=_INFO.name, label=parts[0], recording=recording))
    notes = ("a folder names no speakers: write a CSV with a column speaker to split by speaker",)
    return Manifest(corpus=_INFO.name, clips=tuple(clips), excluded=tuple(excluded), notes=notes)


ADAPTER = Adapter(_INFO, _read)
