"""What passes: the upper bound of membership, every way of telling speakers; what was not tried does not."""

import pytest

from exclaim.privacy.report import Attack
from exclaim.privacy.roc import Figure
from exclaim.privacy.verdict import verdict


def membership(
    value: float, high: float | None, attack: str = "membership of the half", target: str = "noise"
) -> Attack:
    figures = {
        "auc": Figure(value=0.5, chance=0.5),
        "true_positives_at_1": Figure(value=value, low=0.0, high=high, chance=0.01),
    }
    return Attack(target=target, attack=attack, figures=figures, members=1, others=1)


def speakers(value: float, way: str = "nearest item") -> Attack:
    figures = {"auc": Figure(value=value, low=value - 0.05, high=value + 0.05, chance=0.5)}
    return Attack(target="noise", attack=f"speakers by {way}", figures=figures, members=1, others=1)


@pytest.mark.parametrize(
    ("attacks", "passes", "said"),
    [
        ([membership(0.011, 0.02), speakers(0.60)], True, "1.10 % are found, 2.00 % at most; the limit is 2 %"),
        ([membership(0.011, 0.021), speakers(0.55)], False, "2.10 % at most"),
        ([membership(0.011, 0.012), speakers(0.61)], False, "AUC of 0.610, 0.660 at most (nearest item"),
        (
            [membership(0.01, 0.012), speakers(0.5), speakers(0.7, "mean likeness")],
            False,
            "(mean likeness, the best of 2",
        ),
        ([membership(0.01, 0.012)], False, "Membership of speakers was not attacked"),
        ([speakers(0.5)], False, "Membership of clips was not attacked"),
        ([membership(0.01, None), speakers(0.5)], False, "too few speakers or shadows"),
        ([membership(0.01, 0.012), membership(0.3, 0.4, "membership of the set"), speakers(0.5)], False, "40.00 %"),
        ([membership(0.01, 0.012), membership(0.3, 0.4, target="full"), speakers(0.5)], True, "Passes."),
        (
            [membership(0.01, 0.012), speakers(0.5), speakers(0.9, "the network's raised confidence in their clips")],
            True,
            "By networks that were trained on such sets they are told with an AUC of 0.900, 0.950 at most",
        ),
        ([membership(0.01, 0.012), speakers(0.5, "the network's confidence")], False, "speakers was not attacked"),
    ],
)
def test_a_set_passes_where_every_attack_stays_within_its_limit(attacks: list, passes: bool, said: str) -> None:
    found = verdict("noise", attacks)
    assert found.passes is passes
    assert said in found.says
    assert found.says.startswith("Passes." if passes else "Does not pass.")
