"""What a task calls each clip: labels as a view over corpora.

A scream is a high-effort voiced shriek or scream; shouting, crying, moaning and laughing are not screams. A
clip that a task has no label for (an emotion that is neither negative nor positive, a burst that may or may
not be a scream) is None and stands outside that task.

ASVP-ESD is read for scream-detection as the paper's task needs it: its clips without words, of which those of the
emotion "fearful, scream, panic" are the screams. How the paper drew the line is not known to the letter, and the line
is rough: a panting or whimpering in panic is a scream by it. Where the kind of sound that a name carries is of the
fearful ones (its last digit is 6) and listeners voted another emotion, as for screams of pain, nobody can say: None.

Speech is words that somebody says, in any voice. A corpus of speech is speech throughout, whatever emotion is acted;
one of sounds without words is none. Song, and places where people are heard talking, are neither. EmoGator asks for
bursts and not for words; but some contributors spoke, so a burst that a general tagger hears as speech has no label.
"""

from collections import Counter
from collections.abc import Callable, Iterable

import msgspec

from exclaim.corpora.adapters.asvp_esd import EMOTIONS as ASVP_ESD_EMOTIONS
from exclaim.corpora.adapters.crema_d import EMOTIONS as CREMA_D_EMOTIONS
from exclaim.corpora.adapters.deeply import CLASSES as DEEPLY_CLASSES
from exclaim.corpora.adapters.demand import ENVIRONMENTS as DEMAND_ENVIRONMENTS
from exclaim.corpora.adapters.emodb import EMOTIONS as EMODB_EMOTIONS
from exclaim.corpora.adapters.emogator import CATEGORIES as EMOGATOR_CATEGORIES
from exclaim.corpora.adapters.esc10 import CLASSES as ESC10_CLASSES
from exclaim.corpora.adapters.ravdess import EMOTIONS as RAVDESS_EMOTIONS
from exclaim.corpora.adapters.savee import EMOTIONS as SAVEE_EMOTIONS
from exclaim.corpora.adapters.tess import EMOTIONS as TESS_EMOTIONS
from exclaim.corpora.adapters.vivae import EMOTIONS as VIVAE_EMOTIONS
from exclaim.corpora.clip import Clip
from exclaim.errors import CorpusError

__all__ = ["TASKS", "Counterparts", "ScreamRule", "canonical_label", "counterparts", "map_label", "task_labels"]

TASKS: dict[
    str, tuple[str, ...]
] = {  # labels in the order of a head's outputs; the positive one of a detection is last
    "scream-detection": ("other", "scream"),
    "scream-type": ("negative", "positive"),
    "scream-type-sorrow": ("negative", "positive"),  # as the paper's text has it: sorrow is negative too
    "vocal-burst": (
        *("Amusement", "Anger", "Distress", "Ecstasy", "Fear"),
        *("Neutral", "Pain", "Sadness", "Surprise (Positive)", "Triumph"),
    ),
    "speech-emotion": ("ANG", "DIS", "FEA", "HAP", "NEU", "SAD"),
    "speech-detection": ("other", "speech"),
}

_SCREAM_TYPE = {
    "Anger": "negative",
    "Fear": "negative",
    "Pain": "negative",
    "Ecstasy": "positive",
    "Surprise (Positive)": "positive",
    "Triumph": "positive",
}
_SCREAM_TYPE_SORROW = _SCREAM_TYPE | dict.fromkeys(("Sadness", "Distress"), "negative")
_VIVAE_SCREAM_TYPE = {  # the corpus's own division; it has no sorrow
    "achievement": "positive",
    "anger": "negative",
    "fear": "negative",
    "pain": "negative",
    "pleasure": "positive",
    "surprise": "positive",
}
_VIVAE_BURST = {
    "achievement": "Triumph",
    "anger": "Anger",
    "fear": "Fear",
    "pain": "Pain",
    "surprise": "Surprise (Positive)",
}
_NOISE = ("bus", "cafe", "kitchen", "metro", "office", "street")
_PEOPLE_TALKING = ("cafe", "cafeteria", "meeting", "restaurant")  # kinds of noise that hold voices throughout
_SPOKEN_EMOTION = {  # of every corpus of speech; surprise and boredom have no counterpart, and calm is not neutral
    **{label: label for label in TASKS["speech-emotion"]},
    **{"anger": "ANG", "angry": "ANG", "disgust": "DIS", "fear": "FEA", "fearful": "FEA"},
    **{"happiness": "HAP", "happy": "HAP", "neutral": "NEU", "sad": "SAD", "sadness": "SAD"},
}

# task -> corpus -> the corpus's label -> the task's label; None: the corpus knows the label, the task has
# none for it
_MAPS: dict[str, dict[str, dict[str, str | None]]] = {
    "scream-detection": {
        "deeply": {name: "scream" if name == "screaming" else "other" for name in DEEPLY_CLASSES},
        "esc-10": dict.fromkeys(ESC10_CLASSES, "other"),
        "noise": dict.fromkeys(_NOISE, "other"),
        "ravdess": dict.fromkeys(RAVDESS_EMOTIONS, "other"),
        "emogator": dict.fromkeys(EMOGATOR_CATEGORIES, None),  # the category does not tell; the tagger's score does
        "demand": dict.fromkeys(DEMAND_ENVIRONMENTS.values(), "other"),
        "asvp-esd": dict.fromkeys(ASVP_ESD_EMOTIONS, None),  # the emotion alone does not tell; see the top
    },
    "scream-type": {
        "emogator": {name: _SCREAM_TYPE.get(name) for name in EMOGATOR_CATEGORIES},
        "vivae": _VIVAE_SCREAM_TYPE,
    },
    "scream-type-sorrow": {
        "emogator": {name: _SCREAM_TYPE_SORROW.get(name) for name in EMOGATOR_CATEGORIES},
        "vivae": _VIVAE_SCREAM_TYPE,
    },
    "vocal-burst": {
        "emogator": {name: name if name in TASKS["vocal-burst"] else None for name in EMOGATOR_CATEGORIES},
        "vivae": {name: _VIVAE_BURST.get(name) for name in VIVAE_EMOTIONS},
    },
    "speech-emotion": {
        corpus: {name: _SPOKEN_EMOTION.get(name) for name in emotions}
        for corpus, emotions in (
            ("ravdess", RAVDESS_EMOTIONS),
            ("crema-d", CREMA_D_EMOTIONS),
            ("emodb", EMODB_EMOTIONS),
            ("savee", SAVEE_EMOTIONS),
            ("tess", TESS_EMOTIONS),
        )
    },
    "speech-detection": {
        "deeply": dict.fromkeys(DEEPLY_CLASSES, "other"),
        "esc-10": dict.fromkeys(ESC10_CLASSES, "other"),
        "noise": {name: None if name in _PEOPLE_TALKING else "other" for name in _NOISE},
        "demand": {name: None if name in _PEOPLE_TALKING else "other" for name in DEMAND_ENVIRONMENTS.values()},
        # of these an emotion's name does not tell; the part, the channel, and the tagger's score do
        "ravdess": dict.fromkeys(RAVDESS_EMOTIONS, None),
        "asvp-esd": dict.fromkeys(ASVP_ESD_EMOTIONS, None),
        "emogator": dict.fromkeys(EMOGATOR_CATEGORIES, None),
    },
}
_NEVER_SCREAM = (
    "librispeech",
    "noise",
    "esc-10",
    "ravdess",
    "crema-d",
    "demand",
    "emodb",
    "savee",
    "tess",
)  # whatever their labels: no screams were recorded
_SPEECH = ("librispeech", "crema-d", "emodb", "savee", "tess")  # whatever their labels: people say words
_NO_SPEECH_BELOW = 0.5  # the tagger's score for speech, 0 to 1, under which an EmoGator burst holds no words
_NUMBERED: dict[str, tuple[str, ...]] = {
    "emogator": EMOGATOR_CATEGORIES,
    "ravdess": RAVDESS_EMOTIONS,
}  # "03" stands for the third
_OWN = ("csv", "folder")  # the user's own, whose labels may come from any corpus


class ScreamRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a general tagger's score for screaming makes an EmoGator burst a scream. Scores are 0 to 1."""

    scream_from: float = 0.3  # at least this: scream
    other_below: float = 0.05  # less than this: other, however it scores for shouting or crying; between: no label


class Counterparts(msgspec.Struct, frozen=True, kw_only=True):
    """How many clips of a corpus a task has a label for, and which labels of the corpus it has none for."""

    labels: dict[str, int]  # the task's label -> clips
    without: dict[str, int]  # the corpus's label -> clips that stand outside the task


def task_labels(task: str) -> tuple[str, ...]:
    """Return a task's labels in the order of its head's outputs.

    Raises:
        CorpusError: when no task has that name.
    """
    try:
        return TASKS[task]
    except KeyError:
        raise CorpusError(f"task {task!r} is not known; known are {', '.join(TASKS)}") from None


def map_label(task: str, clip: Clip, rule: ScreamRule = ScreamRule()) -> str | None:
    """Return what a task calls a clip, or None where it has no label for it.

    Args:
        task: a name in :data:`TASKS`.
        clip: of any corpus; one of the user's own is read by :func:`canonical_label`.
        rule: for scream-detection on EmoGator, which needs ``tagger.csv`` beside the corpus.

    Raises:
        CorpusError: when the task is not known, or a label is none that the task or the corpus knows.
    """
    if clip.label in task_labels(task):
        return clip.label
    if task == "scream-detection":
        if clip.corpus in _NEVER_SCREAM:
            return "other"
        if clip.corpus == "emogator":
            return _scream_by_tagger(clip, rule)
        if clip.corpus == "asvp-esd":
            return _scream_by_emotion(clip)
    if task == "speech-detection" and clip.corpus in _SPEECH_BY:
        return _SPEECH_BY[clip.corpus](clip)
    if clip.label is None or (clip.corpus not in _MAPS[task] and clip.corpus not in _OWN):
        return None
    return canonical_label(task, clip.label, None if clip.corpus in _OWN else clip.corpus)


def counterparts(clips: Iterable[Clip]) -> dict[str, Counterparts]:
    """Return what each task calls the clips, of the tasks that have a label for any of them.

    Args:
        clips: of one corpus; of the user's own, tasks that do not know a label of theirs are left out.
    """
    clips = tuple(clips)
    found = {}
    for task in TASKS:
        try:
            called = [(map_label(task, clip), clip) for clip in clips]
        except CorpusError:
            continue
        labels = Counter(label for label, _ in called if label is not None)
        without = Counter(clip.label or "(none)" for label, clip in called if label is None)
        if labels:
            counts = {label: labels[label] for label in TASKS[task] if labels[label]}
            found[task] = Counterparts(labels=counts, without=dict(sorted(without.items())))
    return found


def _scream_by_tagger(clip: Clip, rule: ScreamRule) -> str | None:
    score = clip.extra.get("tagger_screaming")
    if not isinstance(score, int | float):
        return None
    if score >= rule.scream_from:
        return "scream"
    return "other" if score < rule.other_below else None


def _scream_by_emotion(clip: Clip) -> str | None:
    """Return what an ASVP-ESD clip is called: by its emotion, where it has no words."""
    if clip.extra.get("channel") != "without words":
        return None
    if clip.label == "fearful":
        return "scream"
    return None if str(clip.extra.get("sound", "")).endswith("6") else "other"


def _speech_by_channel(clip: Clip) -> str | None:
    """Return what an ASVP-ESD clip is called: by whether it has words."""
    return {"speech": "speech", "without words": "other"}.get(str(clip.extra.get("channel")))


def _speech_by_tagger(clip: Clip) -> str | None:
    """Return what an EmoGator burst is called: None where it may hold words, or nobody knows."""
    score = clip.extra.get("tagger_speech")
    return "other" if isinstance(score, int | float) and score < _NO_SPEECH_BELOW else None


_SPEECH_BY: dict[str, Callable[[Clip], str | None]] = {
    **dict.fromkeys(_SPEECH, lambda clip: "speech"),
    "vivae": lambda clip: "other",
    "noise": lambda clip: None if clip.label in _PEOPLE_TALKING else "other",
    "ravdess": lambda clip: None if clip.extra.get("part") == "song" else "speech",
    "asvp-esd": _speech_by_channel,
    "emogator": _speech_by_tagger,
}


def canonical_label(task: str, text: str, corpus: str | None = None) -> str | None:
    """Return the task's label for a label as the task or a corpus names it, in any case.

    Args:
        task: a name in :data:`TASKS`.
        text: "scream", "screaming", "Dog bark", "Anger", or a corpus's number for it such as "03".
        corpus: whose names count; None: those of every corpus that the task maps, in their order there.

    Returns:
        The task's label; None where the corpus knows the label and the task has none for it ("Awe" is neither
        negative nor positive).

    Raises:
        CorpusError: when the task is not known, or neither it nor a corpus knows the label.
    """
    wanted = _folded(text)
    for label in task_labels(task):
        if _folded(label) == wanted:
            return label
    maps = {name: names for name, names in _MAPS[task].items() if corpus in (None, name)}
    for name, names in maps.items():
        for known, label in names.items():
            if _folded(known) == wanted:
                return label
        numbered = _NUMBERED.get(name, ())
        if wanted.isdecimal() and 1 <= int(wanted) <= len(numbered):
            return names[numbered[int(wanted) - 1]]
    known = dict.fromkeys((*TASKS[task], *(known for names in maps.values() for known in names)))
    raise CorpusError(f"label {text!r} is not known for {task}; known are {', '.join(known)}")


def _folded(text: str) -> str:
    return text.strip().casefold().replace("_", " ").replace("-", " ")
