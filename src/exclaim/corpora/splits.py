"""Who is trained on and who is tested: splits by speaker, by recording, or by the corpus's own folds.

A group (a speaker or a recording) goes whole into one part. Its place is drawn by a hash of the seed and its
own key, so the same seed always gives the same split, on every machine, and with fractions a speaker who
joins moves nobody else.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping

import msgspec

from exclaim.corpora.clip import Clip
from exclaim.corpora.manifest import Exclusion, Manifest
from exclaim.errors import CorpusError

__all__ = [
    "keep_sentences_apart",
    "speaker_folds",
    "split_at_random",
    "split_by_fold",
    "split_by_recording",
    "split_by_speaker",
    "split_for_fold",
]

Parts = Mapping[str, float | int | None]
LabelOf = Callable[[Clip], str | None]
_SEEDS_TRIED = 100


def split_by_speaker(
    manifest: Manifest, parts: Parts, seed: int = 0, label: LabelOf | None = None
) -> dict[str, Manifest]:
    """Split by speaker.

    Args:
        manifest: every clip names its speaker.
        parts: part to its share of the speakers: fractions that sum to 1, or numbers of speakers with None
            for "the rest".
        seed: of the draw.
        label: what a clip is called, for instance ``partial(map_label, "scream-type")``; each of these labels
            must then be in each part. None: not asked for.

    Returns:
        A manifest for each part, in the order of ``parts``.

    Raises:
        CorpusError: when a clip has no speaker, the shares do not add up, a part stays empty, or a label is
            not in each part (the message names a seed with which it is, when there is one).
    """
    return _split(manifest, _groups(manifest, "speaker"), parts, seed, label)


def split_by_recording(
    manifest: Manifest, parts: Parts, seed: int = 0, label: LabelOf | None = None
) -> dict[str, Manifest]:
    """Split by recording, as :func:`split_by_speaker`: what was cut from one recording stays together."""
    return _split(manifest, _groups(manifest, "recording"), parts, seed, label)


def split_at_random(
    manifest: Manifest, parts: Parts, seed: int = 0, label: LabelOf | None = None
) -> dict[str, Manifest]:
    """Split clip by clip, as :func:`split_by_speaker`: the same people are heard in training and in the test.

    It tells how well a network knows voices that it has met, and is there to show how far that is from the truth.
    A clip is drawn by its file's name, and by its folder's too where several files share a name.
    """
    times = Counter(clip.path.name for clip in manifest)
    names = [clip.path.name if times[clip.path.name] == 1 else "/".join(clip.path.parts[-2:]) for clip in manifest]
    return _split(manifest, names, parts, seed, label)


def split_by_fold(manifest: Manifest, parts: Mapping[str, Collection[int]]) -> dict[str, Manifest]:
    """Split by the corpus's own folds, for instance ``{"train": (1, 2, 3, 4), "test": (5,)}``.

    Raises:
        CorpusError: when a clip has no fold, a fold is in two parts, or a part is empty.
    """
    if missing := next((clip for clip in manifest if clip.fold is None), None):
        raise CorpusError(f"{missing.path} has no fold; {manifest.corpus} must be split by speaker or by recording")
    folds = [fold for chosen in parts.values() for fold in chosen]
    if len(folds) != len(set(folds)):
        raise CorpusError(f"a fold is in two parts: {dict(parts)}; each fold may be in one")
    split = {part: manifest.select(lambda clip, chosen=chosen: clip.fold in chosen) for part, chosen in parts.items()}
    _check_not_empty(manifest, split)
    return split


def speaker_folds(manifest: Manifest, k: int, seed: int = 0) -> tuple[Manifest, ...]:
    """Return k parts for cross-validation by speaker.

    The numbers of speakers differ by one at most, and so do those of women and of men where their sex is known.

    Raises:
        CorpusError: when a clip has no speaker, or there are fewer than k speakers.
    """
    keys = _groups(manifest, "speaker")
    fold_of = _deal(manifest, keys, k, seed)
    return tuple(_gather(manifest, keys, fold_of, [str(fold) for fold in range(k)]).values())


def split_for_fold(manifest: Manifest, k: int, fold: int, validation: float, seed: int = 0) -> dict[str, Manifest]:
    """Split for one round of cross-validation: one fold is tested, and validated is on some speakers of the others.

    Args:
        manifest: its clips name their speakers; where one does not, all are dealt out by recording.
        k: how many folds.
        fold: which is tested, 1 to k; each group is tested in exactly one of the k rounds.
        validation: share of all groups, drawn from the other folds, women and men in proportion; 0: none.
        seed: of the draw.

    Returns:
        Train, validation where there is one, and test.

    Raises:
        CorpusError: when there are fewer than k groups, or none is left to train on.
    """
    if not 1 <= fold <= k:
        raise CorpusError(f"fold {fold} of {k}; expected 1 to {k}")
    keys = _groups(manifest, "speaker" if all(clip.speaker is not None for clip in manifest) else "recording")
    part_of = {
        key: "test" if number == str(fold - 1) else "train" for key, number in _deal(manifest, keys, k, seed).items()
    }
    rest = [key for key in part_of if part_of[key] == "train"]
    wanted = max(1, round(validation * len(part_of))) if validation > 0 else 0
    part_of |= dict.fromkeys(_in_proportion(manifest, keys, rest, seed)[:wanted], "validation")
    names = ["train", *(["validation"] if wanted else []), "test"]
    split = _gather(manifest, keys, part_of, names)
    _check_not_empty(manifest, split)
    return split


def keep_sentences_apart(split: Mapping[str, Manifest], seed: int = 0) -> dict[str, Manifest]:
    """Leave out clips until no sentence is in two parts of a split.

    Each part is given sentences in proportion to its clips, one at least, in the order of a draw; its clips of other
    sentences are left out and stand among its exclusions.

    Args:
        split: parts of one corpus, whose clips all name their sentence.
        seed: of the draw.

    Raises:
        CorpusError: when a clip names no sentence, or there are fewer sentences than parts.
    """
    clips = [clip for part in split.values() for clip in part]
    if silent := next((clip for clip in clips if clip.sentence_key is None), None):
        raise CorpusError(f"{silent.path} names no sentence; a split with its sentences apart needs to know them all")
    ranked = sorted({str(clip.sentence_key) for clip in clips}, key=lambda key: _draw(seed, key))
    if len(ranked) < len(split):
        corpus = clips[0].corpus
        raise CorpusError(
            f"{corpus} has {len(ranked)} sentences for {len(split)} parts; expected one for each part at least: leave "
            "out the validation part, or the corpus"
        )
    owner: dict[str, str] = {}
    left, clips_left = list(ranked), len(clips)
    for number, (name, part) in enumerate(sorted(split.items(), key=lambda item: len(item[1])), start=1):
        share = round(len(left) * len(part) / max(1, clips_left))
        count = len(left) if number == len(split) else min(max(1, share), len(left) - (len(split) - number))
        owner |= dict.fromkeys(left[:count], name)
        left, clips_left = left[count:], clips_left - len(part)
    return {
        name: _with_sentences(part, {key for key, whose in owner.items() if whose == name})
        for name, part in split.items()
    }


def _with_sentences(part: Manifest, sentences: Collection[str]) -> Manifest:
    reason = "its sentence is kept for another part of the split"
    dropped = tuple(Exclusion(path=clip.path, reason=reason) for clip in part if clip.sentence_key not in sentences)
    kept = part.select(lambda clip: clip.sentence_key in sentences)
    return msgspec.structs.replace(kept, excluded=(*part.excluded, *dropped))


def _deal(manifest: Manifest, keys: list[str], k: int, seed: int) -> dict[str, str]:
    """Return each group's fold, "0" to k - 1: dealt out in turn, first one sex, then the other, then who tells none."""
    sexes = _sexes(manifest, keys)
    ranked = sorted(sexes, key=lambda key: (sexes[key], _draw(seed, key)))
    if not 2 <= k <= len(ranked):
        named = "speakers" if manifest.speakers else "recordings"
        raise CorpusError(f"{k} folds of {len(ranked)} {named} of {manifest.corpus}; expected 2 to {len(ranked)} folds")
    return {key: str(rank % k) for rank, key in enumerate(ranked)}


def _in_proportion(manifest: Manifest, keys: list[str], chosen: Collection[str], seed: int) -> list[str]:
    """Return groups in an order of which every beginning holds the sexes about as the whole does."""
    sexes = _sexes(manifest, keys)
    places: dict[str, tuple[float, float]] = {}
    for sex in sorted({sexes[key] for key in chosen}):
        members = sorted((key for key in chosen if sexes[key] == sex), key=lambda key: _draw(seed, f"validation:{key}"))
        places |= {key: ((rank + 0.5) / len(members), _draw(seed, key)) for rank, key in enumerate(members)}
    return sorted(places, key=places.__getitem__)


def _sexes(manifest: Manifest, keys: list[str]) -> dict[str, str]:
    """Return the sex that each group's first clip tells; nothing where it tells none."""
    return {key: clip.sex or "" for clip, key in zip(reversed(manifest.clips), reversed(keys), strict=True)}


def _groups(manifest: Manifest, by: str) -> list[str]:
    """Return each clip's group key."""
    keys = [clip.speaker_key if by == "speaker" else clip.recording_key for clip in manifest]
    if None in keys:
        path = manifest.clips[keys.index(None)].path
        other = "recording or fold" if by == "speaker" else "speaker"
        raise CorpusError(f"{path} names no {by}; {manifest.corpus} cannot be split by {by}: split it by {other}")
    return [key for key in keys if key is not None]


def _draw(seed: int, key: str) -> float:
    """Return a number in [0, 1) that depends on the seed and the key alone."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{key}".encode()).digest()[:8], "big") / 2**64


def _split(manifest: Manifest, keys: list[str], parts: Parts, seed: int, label: LabelOf | None) -> dict[str, Manifest]:
    assign = _by_count if _are_counts(parts) else _by_fraction

    def draw(seed: int) -> dict[str, Manifest]:
        return _gather(manifest, keys, assign(set(keys), parts, seed), list(parts))

    split = draw(seed)
    _check_not_empty(manifest, split)
    if label is not None and (missing := _missing_label(split, label)):
        tried = (other for other in range(_SEEDS_TRIED) if other != seed)
        good = next((s for s in tried if not _missing_label(draw(s), label)), None)
        advice = f"with seed {good} each part has each label" if good is not None else "use fewer parts or labels"
        raise CorpusError(f"with seed {seed} part {missing[0]!r} of {manifest.corpus} has no {missing[1]!r}; {advice}")
    return split


def _are_counts(parts: Parts) -> bool:
    """Tell numbers of groups (with None for the rest) from fractions, and check that they add up."""
    shares = list(parts.values())
    if all(share is None or (isinstance(share, int) and share > 0) for share in shares) and shares.count(None) <= 1:
        return True
    if (
        all(isinstance(share, int | float) and share > 0 for share in shares)
        and abs(sum(map(float, shares)) - 1) < 1e-6
    ):
        return False
    raise CorpusError(
        f"parts {dict(parts)}: expected fractions that sum to 1, or whole numbers and None once for the rest"
    )


def _by_fraction(keys: set[str], parts: Parts, seed: int) -> dict[str, str]:
    """Return each group's part: the one whose stretch of [0, 1) its draw falls into."""
    names, chosen = list(parts), {}
    for key in keys:
        rest = _draw(seed, key)
        for name in names:
            chosen[key] = name
            rest -= float(parts[name] or 0)
            if rest < 0:
                break
    return chosen


def _by_count(keys: set[str], parts: Parts, seed: int) -> dict[str, str]:
    """Return each group's part: groups ranked by their draw, so many of the first to each part, in order."""
    ranked = sorted(keys, key=lambda key: _draw(seed, key))
    asked = sum(share or 0 for share in parts.values())
    rest = next((name for name, share in parts.items() if share is None), None)
    if asked > len(ranked) or (rest is None and asked != len(ranked)):
        raise CorpusError(
            f"parts {dict(parts)} ask for {asked} of {len(ranked)}; give None to the part that takes the rest"
        )
    names = [name for name, share in parts.items() for _ in range(int(share or 0))]
    return dict(zip(ranked, names + [rest or ""] * (len(ranked) - asked), strict=True))


def _gather(manifest: Manifest, keys: list[str], part_of: Mapping[str, str], names: list[str]) -> dict[str, Manifest]:
    clips: dict[str, list[Clip]] = {name: [] for name in names}
    for clip, key in zip(manifest, keys, strict=True):
        clips[part_of[key]].append(clip)
    return {name: msgspec.structs.replace(manifest, clips=tuple(chosen)) for name, chosen in clips.items()}


def _check_not_empty(manifest: Manifest, split: Mapping[str, Manifest]) -> None:
    if empty := next((name for name, part in split.items() if not part.clips), None):
        advice = "give it a larger share or another seed"
        raise CorpusError(f"part {empty!r} of {manifest.corpus} is empty with {len(manifest)} clips; {advice}")


def _missing_label(split: Mapping[str, Manifest], label: LabelOf) -> tuple[str, str] | None:
    """Return the first part that lacks a label that another part has, and that label."""
    present = {name: {found for clip in part if (found := label(clip)) is not None} for name, part in split.items()}
    every = set().union(*present.values())
    return next(((name, sorted(every - found)[0]) for name, found in present.items() if every - found), None)
