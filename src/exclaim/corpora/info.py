"""What is known of a corpus before its files are seen."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from exclaim.corpora.clip import Kind
from exclaim.corpora.manifest import Manifest

__all__ = ["SHIPPABLE_LICENCES", "Adapter", "CorpusInfo", "Part"]

# SPDX identifiers whose corpora may train weights that are shipped; NC, ND and SA corpora may not
SHIPPABLE_LICENCES = frozenset({"Apache-2.0", "MIT", "CC0-1.0", "CC-BY-3.0", "CC-BY-4.0", "ODbL-1.0"})


class Part(msgspec.Struct, frozen=True):
    """A part that a corpus is released in; its clips carry its name as ``extra["part"]``."""

    name: str
    clips: int
    speakers: int | None


class CorpusInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A corpus: its name, its terms, the official release's counts and where it may be found."""

    name: str  # as in ``load_corpus(name, root)``
    title: str
    licence: str  # SPDX identifier, or in words where there is none
    may_ship: bool  # may train weights that are shipped: Apache, MIT, CC0, CC BY and ODbL only
    folders: tuple[str, ...]  # names under the data root, the usual first; empty: the root is the corpus
    home: str  # official page; ``sources`` says what is fetched
    citation: str
    clips: int | None = None  # of the official release; None: it has none
    speakers: int | None = None
    parts: tuple[Part, ...] = ()  # where the release comes in parts
    kind: Kind = "audio"
    own_names: bool = True  # its files are known by their names, whatever the folder is called
    counts_from: str = ""  # source of the counts


class Adapter(NamedTuple):
    """A corpus and how its folder is read; every module of ``adapters`` defines one as ``ADAPTER``."""

    info: CorpusInfo
    read: Callable[[Path], Manifest]  # from the corpus's folder; no clips where it is not that corpus
