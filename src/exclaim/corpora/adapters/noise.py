"""A folder of environment noise: ``KIND/SOURCE-NAME.opus``, a file for each recording."""

import re
from pathlib import Path

from exclaim.corpora.audio_files import find_audio
from exclaim.corpora.clip import Clip
from exclaim.corpora.info import Adapter, CorpusInfo
from exclaim.corpora.manifest import Exclusion, Manifest

__all__ = ["ADAPTER"]

_INFO = CorpusInfo(
    name="noise",
    title="Environment noise, one folder for each kind of place",
    licence="MIT, CC0, Pixabay and Freesound CC, by source",
    may_ship=True,
    folders=("noise",),
    home="no single release: a folder of noise recordings, one subfolder for each kind",
    citation="the sources that the files' names begin with",
    own_names=False,
)


def _read(folder: Path) -> Manifest:
    clips, excluded = [], []
    for path in find_audio(folder, depth=1):
        if path.parent == folder:
            excluded.append(Exclusion(path=path, reason="not in a folder that names the kind of noise"))
            continue
        kind = path.parent.name
        clips.append(
            Clip(
                path=path,
                corpus=_INFO.name,
                label=kind,
                licence=_INFO.licence,
                recording=f"{kind}/{path.stem}",
                extra={"source": re.split(r"[-_ .]", path.stem)[0]},
            )
        )
    return Manifest(corpus=_INFO.name, clips=tuple(clips), excluded=tuple(excluded))


ADAPTER = Adapter(_INFO, _read)
