"""CREMA-D without its sound: ``ACTOR_SENTENCE_EMOTION_LEVEL.png``, the log-mel of a clip's first 3 s as a grey picture.

The clips are CREMA-D's and so are their speakers' keys: whoever is held out in one form is held out in the other.
"""

from pathlib import Path

from exclaim.corpora.adapters import crema_d
from exclaim.corpora.clip import Clip
from exclaim.corpora.crema_d_tables import read_actors, read_votes
from exclaim.corpora.info import Adapter, CorpusInfo
from exclaim.corpora.manifest import Exclusion, Manifest
from exclaim.corpora.pictures import find_pictures

__all__ = ["ADAPTER"]

_CREMA_D = crema_d.ADAPTER.info
_INFO = CorpusInfo(
    name="crema-d-logmel",
    title="CREMA-D as log-mel pictures",
    licence=_CREMA_D.licence,
    may_ship=_CREMA_D.may_ship,
    folders=("crema-d-logmel",),
    home=_CREMA_D.home,
    citation=_CREMA_D.citation,
    clips=_CREMA_D.clips,
    speakers=_CREMA_D.speakers,
    kind="relative-log-mel",
    counts_from=_CREMA_D.counts_from,
)


def _read(folder: Path) -> Manifest:
    places = (folder, folder.parent / _CREMA_D.name)
    actors, votes = read_actors(*places), read_votes(*places)
    clips: list[Clip] = []
    excluded = []
    for path in find_pictures(folder, depth=1):
        clip = crema_d.clip_of(path, actors, kind="relative-log-mel", votes=votes.of)
        if clip is None:
            excluded.append(Exclusion(path=path, reason="name is not ACTOR_SENTENCE_EMOTION_LEVEL"))
        else:
            clips.append(clip)
    return Manifest(
        corpus=_INFO.name,
        clips=tuple(clips),
        excluded=tuple(excluded),
        notes=crema_d.table_notes(actors, votes),
    )


ADAPTER = Adapter(_INFO, _read)
