"""What passes: the figures that attacks may reach at most, before a set is passed on.

The limits are on clips, by every way, and on speakers as the set itself shows them. What a network trained on a set
says of speakers is told beside them and has no limit: whatever is learnt from few people fits them a little better than
others, and whoever has tens of a person's labelled clips hears that in any network, also in one that is shared today.
"""

from collections.abc import Sequence

import msgspec

from exclaim.privacy.recipe import Target
from exclaim.privacy.report import Attack

__all__ = ["MOST_SPEAKERS", "MOST_TIMES_CHANCE", "Verdict", "asks_networks", "deciding", "verdict"]

MOST_TIMES_CHANCE = 2.0  # true positives at 1 % false ones, the upper bound of the interval over what chance finds
MOST_SPEAKERS = 0.60  # AUC of telling the speakers of the source from others
_MEMBERSHIP = "true_positives_at_1"
_NETWORKS = "speakers by the network's"  # ways that ask a network


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a set passes."""

    passes: bool
    says: str  # in words, with the figures that decided


def verdict(target: Target, attacks: Sequence[Attack]) -> Verdict:
    """Return whether attacks on sets of a kind stay within the limits; what was not tried does not pass.

    Args:
        target: what the set is: condensed from noise or from real clips, or a random subset.
        attacks: of one run or several, on clips and on speakers.
    """
    own = [each for each in attacks if each.target == target]
    members, speakers = _on_clips(own), _on_speakers(own)
    networks = [each for each in own if asks_networks(each.attack)]
    said = [_membership(members)] if members else []
    said += [_speakers(speakers)] if speakers else []
    for name, found in (("Membership of clips", members), ("Membership of speakers", speakers)):
        if not found:
            said.append((False, f"{name} was not attacked."))
    passes = all(good for good, _ in said)
    if networks:
        said.append((True, _of_networks(networks)))
    words = " ".join(words for _, words in said)
    return Verdict(passes=passes, says=f"{'Passes' if passes else 'Does not pass'}. {words}")


def deciding(attacks: Sequence[Attack]) -> list[Attack]:
    """Return the attacks that a verdict rests on: the worst on clips, and the worst on speakers as the set shows them.

    Args:
        attacks: on one target.
    """
    members, speakers = _on_clips(attacks), _on_speakers(attacks)
    return [*([_worst_on_clips(members)] if members else []), *([_worst_on_speakers(speakers)] if speakers else [])]


def asks_networks(attack: str) -> bool:
    """Tell whether a way asks networks that were trained on a set for speakers, which has no limit."""
    return attack.startswith(_NETWORKS)


def _on_clips(attacks: Sequence[Attack]) -> list[Attack]:
    return [each for each in attacks if each.attack.startswith("membership") and _MEMBERSHIP in each.figures]


def _on_speakers(attacks: Sequence[Attack]) -> list[Attack]:
    return [each for each in attacks if each.attack.startswith("speakers") and not asks_networks(each.attack)]


def _worst_on_clips(found: Sequence[Attack]) -> Attack:
    return max(found, key=lambda each: 1.0 if (high := each.figures[_MEMBERSHIP].high) is None else high)


def _worst_on_speakers(found: Sequence[Attack]) -> Attack:
    return max(found, key=lambda each: each.figures["auc"].value)


def _membership(found: Sequence[Attack]) -> tuple[bool, str]:
    worst = _worst_on_clips(found)
    figure = worst.figures[_MEMBERSHIP]
    most = MOST_TIMES_CHANCE * figure.chance
    ways = f"{len(found)} way{'s' if len(found) > 1 else ''}"
    what = f"{worst.attack[0].upper()}{worst.attack[1:]} (the worst of {ways})"
    if figure.high is None:
        return False, f"{what}: too few speakers or shadows to tell an upper bound."
    return figure.high <= most, (
        f"{what}: at 1 % false positives {100 * figure.value:.2f} % are found, {100 * figure.high:.2f} % at most; the "
        f"limit is {100 * most:g} %."
    )


def _speakers(found: Sequence[Attack]) -> tuple[bool, str]:
    worst = _worst_on_speakers(found)
    return worst.figures["auc"].value <= MOST_SPEAKERS, (
        f"Speakers are told from the set with an AUC of {_area(worst)} ({worst.attack.partition('by ')[2]}, the best "
        f"of {len(found)} ways); the limit, on the value itself, is {MOST_SPEAKERS:.2f}."
    )


def _of_networks(found: Sequence[Attack]) -> str:
    worst = _worst_on_speakers(found)
    return (
        f"By networks that were trained on such sets they are told with an AUC of {_area(worst)}, where tens of clips "
        "of each are at hand; that has no limit here."
    )


def _area(found: Attack) -> str:
    figure = found.figures["auc"]
    return f"{figure.value:.3f}" + ("" if figure.high is None else f", {figure.high:.3f} at most")
