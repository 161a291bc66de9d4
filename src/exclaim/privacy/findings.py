"""What the attacks find in a run's shadows, and how near its sets' items are to clips."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

import msgspec
import numpy as np

from exclaim.condense.real import Real
from exclaim.condense.recipe import CondenseRecipe
from exclaim.corpora.condensed import CondensedSet
from exclaim.learn.loop import Report
from exclaim.learn.views import quantise
from exclaim.privacy.encoder import SpeakerEncoder
from exclaim.privacy.lira import deviations, likelihood_ratios, raised
from exclaim.privacy.looks import by_means, by_nearest, looks_of, of_speakers
from exclaim.privacy.neighbours import Near, nearest_by_embedding, nearest_by_log_mel, nearness
from exclaim.privacy.recipe import PrivacyRecipe, Target, privacy_hash
from exclaim.privacy.report import Attack, Encoder, Neighbours, PrivacyReport, Quality
from exclaim.privacy.roc import Roc, attack_figures, roc, thinned
from exclaim.privacy.shadow import Answers, parts
from exclaim.privacy.speakers import speaker_scores

__all__ = ["Case", "Curves", "findings", "neighbours_of_set"]

Curves = dict[tuple[Target, str], Roc]
_HALF, _SET = "membership of the half", "membership of the set"
_STRANGERS = 400  # held-out clips at most whose nearest clip is looked for
_PAIR = 2  # shadows whose clips they are compared with


class Case(NamedTuple):
    """All that the attacks look at."""

    recipe: PrivacyRecipe
    condensed: CondenseRecipe
    real: Real
    halves: np.ndarray  # (shadows, n) bool
    shadows: list[dict[Target, Answers]]
    strangers: np.ndarray  # (k, bands, frames) uint8 of held-out speakers' clips
    encoder: SpeakerEncoder | None  # None where clips tell no speakers apart
    directions: np.ndarray  # (n, d) of the clips, by the encoder

    @property
    def owner(self) -> np.ndarray:
        """Each clip's speaker, a number."""
        return np.unique(np.asarray(self.real.speakers), return_inverse=True)[1]

    def answers(self, target: Target) -> list[Answers]:
        """What a target of each shadow left."""
        return [shadow[target] for shadow in self.shadows]


class _Found(NamedTuple):
    """What attacks found, before it is a report."""

    attacks: list[Attack]
    curves: Curves


def findings(case: Case, encoder: Encoder | None, report: Report) -> tuple[PrivacyReport, Curves]:
    """Attack all targets of a case; return the report, and the curves of the attacks.

    Args:
        case: all that the attacks look at.
        encoder: how well the speaker encoder does.
        report: told of progress.
    """
    recipe, condensed, real = case.recipe, case.condensed, case.real
    found = _Found([], {})
    quality = []
    targets = parts(recipe, condensed) if recipe.networks else recipe.targets  # a teacher is a network on the half
    for number, target in enumerate(targets):
        report(0, 1, number, len(targets), {})
        if recipe.networks:
            quality.append(_quality(case, target))
            _infer_membership(found, case, target)
        if target != "full":
            _look(found, case, target)
        if target != "full" and recipe.halves == "speakers":
            _infer_speakers(found, case, target)
    near = _neighbours(case, [target for target in targets if target != "full"])
    report(0, 1, len(targets), len(targets), {})
    whole = PrivacyReport(
        name=recipe.name,
        recipe=privacy_hash(recipe),
        condense=condensed.name,
        changes=recipe.changes,
        method=str(msgspec.to_builtins(condensed.method)["name"]),
        task=condensed.task,
        labels=condensed.labels,
        view=condensed.view,
        items=condensed.items,
        sources=condensed.sources,
        data_sha256=real.data,
        halves=recipe.halves,
        shadows=recipe.shadows,
        clips=len(real.labels),
        speakers=len(set(real.speakers)),
        network=(recipe.network or condensed.network).name if recipe.networks else "",
        attacks=tuple(found.attacks),
        quality=tuple(quality),
        encoder=encoder,
        neighbours=tuple(near),
        seconds=round(sum(sum(made.seconds.values()) for shadow in case.shadows for made in shadow.values()), 1),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    return whole, found.curves


def _quality(case: Case, target: Target) -> Quality:
    right = np.stack([answer.right for answer in case.answers(target)])
    inside = case.halves
    return Quality(target=target, accuracy_in=float(right[inside].mean()), accuracy_out=float(right[~inside].mean()))


def _infer_membership(found: _Found, case: Case, target: Target) -> None:
    """Ask whether a clip was in the half and, where clips became a set's items or these began as clips, in the set."""
    recipe, halves, speakers = case.recipe, case.halves, case.real.speakers
    confidence = np.stack([answer.confidence for answer in case.answers(target)]).astype(np.float64)
    ratios = likelihood_ratios(confidence, halves, recipe.shared_variance)
    shift = raised(confidence, case.real.labels)
    if recipe.halves == "speakers":
        names, first, owner = np.unique(np.asarray(speakers), return_index=True, return_inverse=True)
        ways = {"confidence": ratios, "raised confidence": shift}
        for way, means in of_speakers(ways, owner).items():
            what = f"speakers by the network's {way} in their clips"
            _add(found, target, what, means, halves[:, first], list(names), recipe.seed, area_only=True)
        return
    _add(found, target, _HALF, ratios, halves, speakers, recipe.seed)
    _add(found, target, f"{_HALF} by raised confidence", shift, halves, speakers, recipe.seed)
    own = _own(case, target)
    if own.any():
        alone = deviations(confidence, own, recipe.shared_variance)
        _add(found, target, _SET, alone, own, speakers, recipe.seed)


def _own(case: Case, target: Target) -> np.ndarray:
    """Return which clips are or began as items of each shadow's set: (shadows, n) bool."""
    own = np.zeros(case.halves.shape, bool)
    for row, answer in zip(own, case.answers(target), strict=True):
        row[answer.own] = True
    return own


def _look(found: _Found, case: Case, target: Target) -> None:
    """Ask the sets themselves, by their means and by their nearest items; no network has a part in it."""
    recipe, real = case.recipe, case.real
    sets = np.stack([answer.items for answer in case.answers(target) if answer.items is not None])
    looks = looks_of(real.windows, sets, len(case.condensed.labels))
    near = by_nearest(looks, real.labels)
    scores = by_means(looks, real.labels, case.halves) | near
    if recipe.halves == "speakers":
        names, first, owner = np.unique(np.asarray(real.speakers), return_index=True, return_inverse=True)
        for way, each in of_speakers(scores, owner).items():
            what = f"speakers by {way} of their clips" if way in near else f"speakers by {way}"
            _add(found, target, what, each, case.halves[:, first], list(names), recipe.seed, area_only=True)
        return
    own = _own(case, target)
    for way, each in scores.items():
        _add(found, target, f"{_HALF} by {way}", each, case.halves, real.speakers, recipe.seed)
        if own.any() and way in near:
            _add(found, target, f"{_SET} by {way}", each, own, real.speakers, recipe.seed)


def _infer_speakers(found: _Found, case: Case, target: Target) -> None:
    """Ask whose clips a set was made from, by how alike its items are to the speaker's clips."""
    assert case.encoder is not None
    names, first = np.unique(np.asarray(case.real.speakers), return_index=True)
    inside = case.halves[:, first]
    sets = [case.encoder.directions(answer.items) for answer in case.answers(target) if answer.items is not None]
    for name, scores in speaker_scores(case.directions, case.owner, sets, inside).items():
        _add(found, target, f"speakers by {name}", scores, inside, list(names), case.recipe.seed, area_only=True)


class _Measure(NamedTuple):
    """A distance, and the clips as it sees them."""

    name: Literal["log-mel", "embedding"]
    unit: str
    seen: Callable[[np.ndarray], np.ndarray]  # windows as bytes -> what is compared
    nearest: Callable[[np.ndarray, np.ndarray], np.ndarray]  # items, clips -> each item's distance to the nearest clip
    clips: np.ndarray
    strangers: np.ndarray


def _measures(case: Case) -> list[_Measure]:
    clips, strangers, encoder = case.real.windows, case.strangers, case.encoder
    found = [_Measure("log-mel", "dB", lambda windows: windows, nearest_by_log_mel, clips, strangers)]
    if encoder is not None:
        seen, own = encoder.directions, case.directions
        far = seen(strangers) if len(strangers) else own[:0]
        found.append(_Measure("embedding", "", seen, nearest_by_embedding, own, far))
    return found


def _some(strangers: np.ndarray, seed: int) -> np.ndarray:
    order = np.random.default_rng([seed, 19]).permutation(len(strangers))
    return strangers[order[:_STRANGERS]]


def _neighbours(case: Case, targets: Sequence[Target]) -> list[Neighbours]:
    """Compare the items of each shadow's set with the clips of its half and of the other."""
    found = []
    for measure in _measures(case):
        strangers = _some(measure.strangers, case.recipe.seed)
        halves = case.halves[:_PAIR] if len(strangers) else ()
        far = [measure.nearest(strangers, measure.clips[half]) for half in halves]
        for target in targets:
            inside, outside, shares, groups = [], [], [], []
            for number, answer in enumerate(case.answers(target)):
                items, half = measure.seen(answer.items), case.halves[number]
                inside.append(measure.nearest(items, measure.clips[half]))
                outside.append(measure.nearest(items, measure.clips[~half]))
                shares += [half.mean()] * len(items)
                groups += [f"pair {number // 2}"] * len(items)
            near = Near(
                np.concatenate(inside),
                np.concatenate(outside),
                np.concatenate([*far, np.zeros(0)]),
                np.array(shares),
                tuple(groups),
            )
            figures = nearness(near, case.recipe.seed)
            found.append(Neighbours(target=target, measure=measure.name, unit=measure.unit, **figures))
    return found


def neighbours_of_set(case: Case, found: CondensedSet, target: Target) -> list[Neighbours]:
    """Compare a set's items with the clips that it was made from and those of the speakers who were held out.

    Args:
        case: whose clips they are.
        found: the set.
        target: that it is like.

    Returns:
        For each measure the figures, their intervals over items; none where nobody was held out.
    """
    if not len(case.strangers):
        return []
    windows = found.items if found.items.dtype == np.uint8 else quantise(found.items.astype(np.float32))
    share = len(case.real.windows) / (len(case.real.windows) + len(case.strangers))
    rows = []
    for measure in _measures(case):
        items = measure.seen(windows)
        near = Near(
            measure.nearest(items, measure.clips),
            measure.nearest(items, measure.strangers),
            measure.nearest(_some(measure.strangers, case.recipe.seed), measure.clips),
            np.full(len(items), share),
            tuple(f"item {number}" for number in range(len(items))),
        )
        figures = nearness(near, case.recipe.seed)
        rows.append(Neighbours(target=target, measure=measure.name, unit=measure.unit, **figures))
    return rows


def _add(
    found: _Found,
    target: Target,
    name: str,
    scores: np.ndarray,
    members: np.ndarray,
    speakers: Sequence[str],
    seed: int,
    area_only: bool = False,
) -> None:
    counted = ~np.isnan(scores)
    found.attacks.append(
        Attack(
            target=target,
            attack=name,
            figures=attack_figures(scores, members, speakers, seed=seed, area_only=area_only),
            members=int(members[counted].sum()),
            others=int((~members[counted]).sum()),
        )
    )
    found.curves[target, name] = thinned(roc(scores[counted], members[counted]))
