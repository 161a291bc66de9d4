"""Where corpora, runs and caches are, and what a run leaves behind."""

from pathlib import Path

import msgspec

__all__ = ["Places", "Run"]


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Where things are."""

    data: Path  # the corpora
    runs: Path  # one folder a run
    cache: Path  # feature stores, teachers' answers


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """What a run left behind."""

    folder: Path
    model: Path  # the sealed .onnx; of a network on waveforms the card, which names its weights
    done_before: bool  # True where there was nothing left to do
