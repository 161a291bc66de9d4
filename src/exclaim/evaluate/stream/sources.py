"""What soundscapes are made of: recordings and speakers of one part of a split, so that training heard none of them."""

from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal, NamedTuple

from exclaim.corpora.clip import Clip
from exclaim.corpora.manifest import Manifest
from exclaim.corpora.registry import load_corpus
from exclaim.errors import CorpusError
from exclaim.evaluate.noise.recordings import noise_in_corpus
from exclaim.evaluate.speakers import other_recordings, read_speakers, select_speakers

__all__ = ["Sound", "Sources", "find_sources"]

# Of a general tagger's score for screaming: from here on a scream, and below no scream. What lies between is neither
# placed as a scream nor as something else, since nobody knows.
_SCREAM_FROM = 0.3
_OTHER_BELOW = 0.03


class Sound(NamedTuple):
    """A clip that may be placed."""

    path: Path
    label: str  # "scream", or corpus and label: "esc-10 Rooster"
    source: str | None  # speaker, else recording


class Sources(NamedTuple):
    """What to draw from."""

    backgrounds: tuple[Path, ...]
    screams: tuple[Sound, ...]
    others: dict[str, tuple[Sound, ...]]  # by kind, of which all are equally frequent


def find_sources(root: Path, split: Path | None, part: str, screams: Literal["emogator", "deeply"]) -> Sources:
    """Gather backgrounds, screams and other sounds.

    Backgrounds are the recordings of the corpus ``noise`` that no other part of the split has. With ``emogator`` the
    screams are bursts of the part's speakers that a tagger hears as screaming, and the others are their bursts that it
    does not, the part's clips of ESC-10 and the part's readers of LibriSpeech. With ``deeply``, which no shipped model
    was trained on, all its screams, and all its other classes.

    Args:
        root: folder of the corpora.
        split: a run's ``split.json``; None: that of the shipped models.
        part: "test", "validation" or "train".
        screams: the corpus they are from.

    Raises:
        CorpusError: when a corpus or a part is not there, or has no screams.
    """
    with as_file(files("exclaim").joinpath("assets/split.json")) as shipped:
        path = split or shipped
        heard_elsewhere, speakers = other_recordings(path, part), read_speakers(path, part)
    noise = noise_in_corpus("noise", root, heard_elsewhere)
    backgrounds = tuple(recording.path for recording in noise.recordings)
    if screams == "deeply":
        clips = load_corpus("deeply", root).clips
        found = [clip for clip in clips if clip.label == "screaming"]
        others = {"deeply": _sounds(clip for clip in clips if clip.label != "screaming")}
    else:
        bursts = select_speakers(load_corpus("emogator", root), speakers)
        found = [clip for clip in bursts if _score(clip) >= _SCREAM_FROM]
        others = {
            "emogator": _sounds(clip for clip in bursts if _score(clip) < _OTHER_BELOW),
            **{name: _sounds(_of_part(name, root, speakers)) for name in ("esc-10", "librispeech")},
        }
    if not found:
        raise CorpusError(
            f"{screams} has no screams in part {part!r}; its scores belong in tagger.csv beside the clips"
        )
    return Sources(backgrounds, tuple(_sound(clip, "scream") for clip in found), others)


def _of_part(name: str, root: Path, speakers: frozenset[str]) -> Manifest:
    return select_speakers(load_corpus(name, root), speakers)


def _score(clip: Clip) -> float:
    """Return the tagger's score for screaming, of a clip without one what is neither."""
    score = clip.extra.get("tagger_screaming")
    return float(score) if isinstance(score, int | float) else _OTHER_BELOW


def _sounds(clips) -> tuple[Sound, ...]:
    return tuple(_sound(clip, f"{clip.corpus} {clip.label or 'speech'}") for clip in clips)


def _sound(clip: Clip, label: str) -> Sound:
    return Sound(clip.path, label, clip.speaker_key or clip.recording_key)
