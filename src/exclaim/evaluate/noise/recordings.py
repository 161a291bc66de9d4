"""Which noise recordings to mix in: a folder of the user's own, or what a corpus holds that training did not hear."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from exclaim.corpora.audio_files import find_audio
from exclaim.corpora.registry import corpora, load_corpus
from exclaim.errors import CorpusError

__all__ = ["Noise", "Recording", "is_noise_corpus", "noise_in_corpus", "noise_in_folder"]


class Recording(NamedTuple):
    """A file of noise."""

    kind: str  # "cafe"
    name: str  # unique within the kind
    path: Path


class Noise(NamedTuple):
    """The recordings to draw from."""

    name: str  # of the corpus or the folder
    recordings: tuple[Recording, ...]  # sorted by kind and name, one at least
    notes: tuple[str, ...] = ()  # what was left out, and why


def is_noise_corpus(name: str) -> bool:
    """Tell whether this names a corpus rather than a folder; a folder of the same name is ``./name``."""
    adapter = corpora().get(name)
    return adapter is not None and bool(adapter.info.folders)


def noise_in_folder(folder: Path) -> Noise:
    """Return every recording below a folder: a kind for each of its folders, or one kind where it holds files itself.

    Raises:
        CorpusError: when there are none.
    """
    folder = Path(folder)
    found = find_audio(folder) if folder.is_dir() else []
    if not found:
        known = ", ".join(name for name in corpora() if is_noise_corpus(name))
        raise CorpusError(
            f"noise {folder} has no sound files; expected a folder of recordings with a folder for each kind, or a "
            f"corpus by name: {known}"
        )
    own = folder.resolve().name
    placed = ((path, path.relative_to(folder).parts) for path in found)
    recordings = [
        Recording(own if len(parts) == 1 else parts[0], "/".join(parts[1:]) or parts[0], path) for path, parts in placed
    ]
    return Noise(own, tuple(sorted(recordings)))


def noise_in_corpus(name: str, root: Path, heard: Iterable[str]) -> Noise:
    """Return the recordings of a corpus that training did not hear.

    Args:
        name: of the corpus; its labels are the kinds.
        root: the folder that holds the corpora.
        heard: keys (``corpus:recording``) of what is not to be taken.

    Raises:
        CorpusError: when the corpus is not there, or nothing of it is left.
    """
    manifest, heard = load_corpus(name, root), frozenset(heard)
    sounds = [clip for clip in manifest if clip.kind == "audio"]
    kinds = dict.fromkeys(clip.label or name for clip in sounds)
    recordings = [
        Recording(clip.label or name, clip.recording or clip.path.name, clip.path)
        for clip in sounds
        if clip.recording_key not in heard
    ]
    if not recordings:
        raise CorpusError(
            f"corpus {name} has no recording that training did not hear ({len(heard)} are named in the split); "
            "take recordings of your own by --noise DIR"
        )
    left = {recording.kind for recording in recordings}
    notes = tuple(f"noise {kind}: no recording of {name} is held out; left out" for kind in kinds if kind not in left)
    return Noise(name, tuple(sorted(recordings)), notes)
