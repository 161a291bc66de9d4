"""What passes: the figures that attacks may reach at most, before a set is passed on."""

from collections.abc import Sequence

import msgspec

from exclaim.privacy.recipe import Target
from exclaim.privacy.report import Attack

__all__ = ["MOST_SPEAKERS", "MOST_TIMES_CHANCE", "Verdict", "verdict"]

MOST_TIMES_CHANCE = 2.0  # true positives at 1 % false ones, the upper bound of the interval over what chance finds
MOST_SPEAKERS = 0.60  # AUC of telling the speakers of the source from others
_MEMBERSHIP = "true_positives_at_1"


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
    members = [each for each in own if each.attack.startswith("membership") and _MEMBERSHIP in each.figures]
    speakers = [each for each in own if each.attack.startswith("speakers")]
    said = [_membership(each) for each in members] + ([_speakers(speakers)] if speakers else [])
    for name, found in (("Membership of clips", members), ("Membership of speakers", speakers)):
        if not found:
            said.append((False, f"{name} was not attacked."))
    passes = all(good for good, _ in said)
    words = " ".join(words for _, words in said)
    return Verdict(passes=passes, says=f"{'Passes' if passes else 'Does not pass'}. {words}")


def _membership(found: Attack) -> tuple[bool, str]:
    figure = found.figures[_MEMBERSHIP]
    most = MOST_TIMES_CHANCE * figure.chance
    what = f"{found.attack[0].upper()}{found.attack[1:]}"
    if figure.high is None:
        return False, f"{what}: too few speakers or shadows to tell an upper bound."
    return figure.high <= most, (
        f"{what}: at 1 % false positives {100 * figure.value:.2f} % are found, {100 * figure.high:.2f} % at most; the "
        f"limit is {100 * most:g} %."
    )


def _speakers(found: Sequence[Attack]) -> tuple[bool, str]:
    worst = max(found, key=lambda each: each.figures["auc"].value)
    figure = worst.figures["auc"]
    bound = "" if figure.high is None else f", {figure.high:.3f} at most"
    return figure.value <= MOST_SPEAKERS, (
        f"Speakers are told with an AUC of {figure.value:.3f}{bound} ({worst.attack.partition('by ')[2]}, the best of "
        f"{len(found)} ways); the limit is {MOST_SPEAKERS:.2f}."
    )
