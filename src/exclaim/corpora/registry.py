"""The corpora that exclaim knows: a new one is a new file in ``adapters``, and nothing else changes."""

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from exclaim.corpora.info import Adapter, CorpusInfo
from exclaim.corpora.manifest import Manifest
from exclaim.errors import CorpusError

__all__ = ["corpora", "corpus_info", "find_corpus", "load_corpus"]


@cache
def corpora() -> dict[str, Adapter]:
    """Return every adapter by its corpus's name, sorted."""
    package = importlib.import_module("exclaim.corpora.adapters")
    modules = (
        importlib.import_module(f"{package.__name__}.{found.name}") for found in pkgutil.iter_modules(package.__path__)
    )
    return {adapter.info.name: adapter for adapter in sorted((m.ADAPTER for m in modules), key=lambda a: a.info.name)}


def _adapter(name: str) -> Adapter:
    try:
        return corpora()[name]
    except KeyError:
        raise CorpusError(f"corpus {name!r} is not known; known are {', '.join(corpora())}") from None


def corpus_info(name: str) -> CorpusInfo:
    """Return what is known of a corpus.

    Raises:
        CorpusError: when no corpus has that name.
    """
    return _adapter(name).info


def find_corpus(name: str, root: Path) -> Path | None:
    """Return where a corpus may lie, or None: a folder of one of its usual names, or ``root`` itself.

    Raises:
        CorpusError: when no corpus has that name.
    """
    info = corpus_info(name)
    root = Path(root)
    if not info.folders:
        return root if root.exists() else None
    for folder in info.folders:
        if (root / folder).is_dir():
            return root / folder
    itself = info.own_names or root.resolve().name in info.folders
    return root if itself and root.is_dir() else None


def load_corpus(name: str, root: Path) -> Manifest:
    """Read a corpus in the layout of its official release.

    Args:
        name: of the corpus; ``folder`` and ``csv`` read ``root`` itself as the user's own.
        root: the folder that holds the corpora, or the corpus's own folder (for ``csv`` the file).

    Returns:
        A manifest of at least one clip, paths absolute.

    Raises:
        CorpusError: when the name is not known, or nothing of the corpus is there.
    """
    info, read = _adapter(name)
    folder = find_corpus(name, root)
    manifest = read(folder.resolve()) if folder is not None else None
    if manifest is None or not manifest.clips:
        usual = f"a folder named {' or '.join(info.folders)} in its official layout" if info.folders else "sound files"
        raise CorpusError(
            f"corpus {name} ({info.title}) was not found at {Path(root)}; expected {usual}, from {info.home}; name the "
            "folder that holds it with --data or EXCLAIM_DATA"
        )
    return manifest
