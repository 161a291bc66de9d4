"""Git-LFS pointers in place of sound: they are counted, and it is said what fetches the sound."""

from exclaim.corpora.large_files import is_pointer
from exclaim.corpora.manifest import Manifest
from exclaim.corpora.sources import SOURCES
from exclaim.errors import CorpusError

__all__ = ["pointer_advice", "require_no_pointers"]


def pointer_advice(corpus: str, pointers: int, files: int) -> str:
    """Say in a sentence how many files are pointers, and what fetches what they point to."""
    pull = "`git lfs pull` in the corpus's clone"
    how = f"`exclaim corpora get {corpus}`, or {pull}" if corpus in SOURCES else pull
    return f"{pointers:,} of {files:,} files of {corpus} are Git-LFS pointers in place of sound: run {how}"


def require_no_pointers(manifest: Manifest) -> None:
    """Refuse clips whose files are pointers.

    Raises:
        CorpusError: saying how many there are and what to do.
    """
    if pointers := sum(is_pointer(clip.path) for clip in manifest):
        raise CorpusError(pointer_advice(manifest.corpus, pointers, len(manifest)))
