"""Several teachers as one: by hand, and what must not change the answer."""

import numpy as np
import pytest

from exclaim.errors import RecipeError
from exclaim.learn.calibrate import softmax
from exclaim.learn.ensemble import ensemble

FIRST = {"type": np.log([[0.9, 0.1]])}
SECOND = {"type": np.log([[0.4, 0.6]])}


def drawn(*shape: int, seed: int = 0) -> np.ndarray:
    return 3 * np.random.default_rng(seed).standard_normal(shape)


def test_the_mean_of_probabilities_by_hand():
    both = ensemble([FIRST, SECOND], mean="probabilities")
    assert softmax(both["type"])[0] == pytest.approx([0.65, 0.35])


def test_the_mean_of_log_probabilities_by_hand():
    # sqrt(.9 * .4) = .6 against sqrt(.1 * .6) = sqrt(.06)
    both = ensemble([FIRST, SECOND])
    assert softmax(both["type"])[0] == pytest.approx(np.array([0.6, 0.06**0.5]) / (0.6 + 0.06**0.5))


def test_a_sure_no_overrules_in_log_probabilities_only():
    against = {"type": np.log([[1e-6, 1 - 1e-6]])}
    assert softmax(ensemble([FIRST, against])["type"])[0, 0] < 0.01
    assert softmax(ensemble([FIRST, against], mean="probabilities")["type"])[0, 0] == pytest.approx(0.45, abs=1e-3)


def test_at_the_losss_temperature_the_answer_is_the_mean_of_probabilities_there():
    one, other = drawn(5, 4), drawn(5, 4, seed=1)
    both = ensemble([{"x": one}, {"x": other}], mean="probabilities", temperature=3.0)["x"]
    assert softmax(both, 3.0) == pytest.approx((softmax(one, 3.0) + softmax(other, 3.0)) / 2, abs=1e-6)


def test_the_mean_of_log_probabilities_is_the_mean_of_logits_at_any_temperature():
    one, other = drawn(5, 4), drawn(5, 4, seed=1)
    for temperature in (1.0, 4.0):
        both = ensemble([{"x": one}, {"x": other}], temperature=temperature)["x"]
        assert softmax(both) == pytest.approx(softmax((one + other) / 2), abs=1e-5)


@pytest.mark.parametrize("mean", ["log-probabilities", "probabilities"])
def test_one_teacher_alone_and_its_twins_say_what_it_says(mean):
    logits = drawn(5, 4)
    for teachers in ([{"x": logits}], [{"x": logits}, {"x": logits + 7}]):
        assert softmax(ensemble(teachers, mean=mean, temperature=2.0)["x"]) == pytest.approx(softmax(logits), abs=1e-5)


def test_a_head_is_answered_by_those_that_have_it():
    found = ensemble([FIRST | {"burst": drawn(1, 3)}, SECOND], mean="probabilities", shares=[1, 3])
    assert softmax(found["burst"]) == pytest.approx(softmax(drawn(1, 3)), abs=1e-5)
    assert softmax(found["type"])[0, 0] == pytest.approx(0.25 * 0.9 + 0.75 * 0.4)


def test_a_share_of_two_is_two_teachers_and_one_of_zero_is_none():
    teachers = [FIRST, FIRST, SECOND]
    assert ensemble([FIRST, SECOND], shares=[2, 1])["type"] == pytest.approx(ensemble(teachers)["type"])
    assert softmax(ensemble([FIRST, SECOND], shares=[0, 1])["type"]) == pytest.approx(np.array([[0.4, 0.6]]))
    assert ensemble([FIRST, {"burst": drawn(1, 3)}], shares=[1, 0]).keys() == {"type"}


def test_calibration_takes_back_what_a_teacher_exaggerates():
    loud = {"type": 5 * FIRST["type"]}
    calibrated = ensemble([loud, SECOND], calibration=[{"type": 5.0}, {}])
    assert calibrated["type"] == pytest.approx(ensemble([FIRST, SECOND])["type"], abs=1e-6)


def test_very_sure_teachers_stay_finite():
    sure = {"x": np.array([[2000.0, 0.0, -2000.0]])}
    for mean in ("log-probabilities", "probabilities"):
        found = ensemble([sure, {"x": -sure["x"]}], mean=mean)["x"]
        assert np.isfinite(found).all()
        assert found.dtype == np.float32


def test_embeddings_stand_side_by_side_with_the_mean_of_cosines():
    one, other = drawn(4, 3), drawn(4, 8, seed=1)
    both = ensemble([{"embedding": one}, {"embedding": 100 * other}], shares=[3, 1])["embedding"]
    cosines = [each @ each.T / np.outer(*[np.linalg.norm(each, axis=1)] * 2) for each in (one, other)]
    assert both.shape == (4, 11)
    assert both @ both.T == pytest.approx(0.75 * cosines[0] + 0.25 * cosines[1], abs=1e-6)


@pytest.mark.parametrize(
    ("teachers", "options", "says"),
    [
        ([], {}, "no teachers"),
        ([FIRST, {"type": np.zeros((1, 3))}], {}, "type in the shapes"),
        ([FIRST], {"shares": [1, 1]}, "expected one each"),
        ([FIRST], {"shares": [0]}, "shares"),
        ([FIRST], {"temperature": 0.0}, "not above 0"),
        ([FIRST], {"calibration": [{"type": -1.0}]}, "not above 0"),
    ],
    ids=["none", "shapes", "counts", "shares", "temperature", "calibration"],
)
def test_what_does_not_fit_is_refused(teachers, options, says):
    with pytest.raises(RecipeError, match=says):
        ensemble(teachers, **options)
