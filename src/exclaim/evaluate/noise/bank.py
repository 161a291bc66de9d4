"""Decoded noise, kept on disk while it is drawn from, so that memory does not grow with the recordings."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from exclaim.audio import stream_audio
from exclaim.errors import AudioError, CorpusError
from exclaim.evaluate.noise.mixing import mean_square
from exclaim.evaluate.noise.recordings import Noise, Recording

__all__ = ["NoiseBank", "cut", "draw", "noise_bank"]

_LEAST_LEVEL = 1e-12  # mean square: an excerpt of digital silence cannot be raised to a level
_MOST_DRAWS = 100


class NoiseBank:
    """Recordings to draw excerpts from; may be asked from several threads."""

    def __init__(self, noise: Noise, sounds: dict[Recording, np.ndarray], sha256: str, notes: tuple[str, ...]) -> None:
        """Keep what :func:`noise_bank` decoded; use that to make one."""
        self.name = noise.name
        self.notes = (*noise.notes, *notes)
        self.sha256 = sha256  # over the recordings' files
        self.kinds = tuple(dict.fromkeys(recording.kind for recording in sounds))
        self.recordings = {kind: tuple(r.name for r in sounds if r.kind == kind) for kind in self.kinds}
        self._sounds = {kind: [sounds[r] for r in sounds if r.kind == kind] for kind in self.kinds}

    def excerpt(self, kind: str, key: str, samples: int) -> np.ndarray:
        """Return an excerpt of a kind, always the same for the same key and length: (samples,) float32.

        Every recording of the kind is equally likely, and every place in it; an excerpt of digital silence is drawn
        again.

        Args:
            kind: one of ``kinds``.
            key: what the draw depends on.
            samples: length; a shorter recording is repeated.

        Raises:
            CorpusError: when the recordings are silent nearly everywhere.
        """
        sounds = self._sounds[kind]
        for turn in range(_MOST_DRAWS):
            sound = sounds[int(draw(f"{key}:{turn}:recording") * len(sounds))]
            found = cut(sound, draw(f"{key}:{turn}:place"), samples)
            if mean_square(found) >= _LEAST_LEVEL:
                return found
        raise CorpusError(
            f"noise {kind} of {self.name} is silent nearly everywhere ({_MOST_DRAWS} excerpts were); remove "
            f"{', '.join(self.recordings[kind])}"
        )


def draw(key: str) -> float:
    """Return a number in [0, 1) that depends on the key alone."""
    return (int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> 11) / 2**53


def cut(sound: np.ndarray, place: float, samples: int) -> np.ndarray:
    """Return an excerpt, from the recording's beginning again where it is too short: (samples,).

    Args:
        sound: (n,).
        place: in [0, 1): where between the first and the last possible beginning.
        samples: length.
    """
    if len(sound) >= samples:
        begin = int(place * (len(sound) - samples + 1))
        return np.array(sound[begin : begin + samples])
    return np.take(sound, int(place * len(sound)) + np.arange(samples), mode="wrap")


@contextmanager
def noise_bank(noise: Noise) -> Iterator[NoiseBank]:
    """Decode recordings to a temporary folder, which is removed at the end: 230 MB an hour of noise.

    A recording that cannot be read is left out and named in the bank's notes.

    Raises:
        CorpusError: when none can be read, or the disk is full.
    """
    with tempfile.TemporaryDirectory(prefix="exclaim-noise-", ignore_cleanup_errors=True) as folder:
        sounds: dict[Recording, np.ndarray] = {}
        digest, notes = hashlib.sha256(), []
        for number, recording in enumerate(noise.recordings):
            try:
                sounds[recording] = _decoded(recording.path, Path(folder, f"{number}.f32"))
                with recording.path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
            except AudioError as error:
                notes.append(f"noise {recording.kind}: {recording.name} left out: {error}")
            except OSError as error:
                raise CorpusError(f"noise {recording.path} cannot be decoded to {folder}: {error.strerror}") from error
        if not sounds:
            raise CorpusError(f"noise {noise.name}: no recording can be read; {notes[0]}")
        yield NoiseBank(noise, sounds, digest.hexdigest(), tuple(notes))


def _decoded(path: Path, spool: Path) -> np.ndarray:
    """Decode a file to another of plain samples and return these, which are read from the disk as they are needed."""
    with spool.open("wb") as file:
        for block in stream_audio(path, block_seconds=30.0):
            file.write(block.tobytes())
    return np.memmap(spool, np.float32, mode="r")
