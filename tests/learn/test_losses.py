"""The losses against hand calculation, their limits and their gradients."""

from math import log

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exclaim.learn.losses import cross_entropy, distillation, divergence, weighted_mean

# Two clips, two classes, logits chosen so that every softmax is a simple fraction:
# softmax(log 3, 0) = (3/4, 1/4); at T = 2, softmax(log 9 / 2, 0) = softmax(log 3, 0) = (3/4, 1/4).
STUDENT = torch.tensor([[log(9.0), 0.0], [0.0, 0.0]], dtype=torch.float64)
TEACHER = torch.tensor([[0.0, 0.0], [0.0, log(9.0)]], dtype=torch.float64)
LABELS = torch.tensor([0, 1])


def test_cross_entropy_by_hand():
    # clip 0: softmax = (9/10, 1/10), label 0: -log .9; clip 1: (1/2, 1/2): -log .5
    expected = (-log(0.9) - log(0.5)) / 2
    assert cross_entropy(STUDENT, LABELS).item() == pytest.approx(expected)


def test_divergence_by_hand_at_temperature_two():
    # clip 0: teacher (1/2, 1/2) against student (3/4, 1/4): .5 log(.5/.75) + .5 log(.5/.25) = .5 log(4/3)
    # clip 1: teacher (1/4, 3/4) against student (1/2, 1/2): .25 log(1/2) + .75 log(3/2)
    expected = (0.5 * log(4 / 3) + 0.25 * log(1 / 2) + 0.75 * log(3 / 2)) / 2
    assert divergence(STUDENT, TEACHER, temperature=2.0).item() == pytest.approx(expected)


def test_distillation_by_hand():
    # .3 of the hard term and .7 of four times the soft one, both worked out above
    hard = (-log(0.9) - log(0.5)) / 2
    soft = (0.5 * log(4 / 3) + 0.25 * log(1 / 2) + 0.75 * log(3 / 2)) / 2
    loss = distillation(STUDENT, LABELS, TEACHER, alpha=0.7, temperature=2.0)
    assert loss.item() == pytest.approx(0.3 * hard + 0.7 * 4 * soft)


def test_probability_targets_weigh_the_classes():
    # clip 0 is a mixture of three parts class 0 and one part class 1; clip 1 is undecided
    targets = torch.tensor([[0.75, 0.25], [0.5, 0.5]])
    expected = (-0.75 * log(0.9) - 0.25 * log(0.1) - log(0.5)) / 2
    assert cross_entropy(STUDENT, targets).item() == pytest.approx(expected)


def test_label_smoothing_spreads_its_share():
    # a tenth spread over two classes: (.95, .05) for clip 0; clip 1 has equal probabilities whatever its target
    expected = (-0.95 * log(0.9) - 0.05 * log(0.1) - log(0.5)) / 2
    assert cross_entropy(STUDENT, LABELS, label_smoothing=0.1).item() == pytest.approx(expected)


def test_weights_are_divided_by_their_sum():
    expected = (3 * -log(0.9) + 1 * -log(0.5)) / 4
    weights = torch.tensor([3.0, 1.0])
    assert cross_entropy(STUDENT, LABELS, weights).item() == pytest.approx(expected)
    assert cross_entropy(STUDENT, LABELS, weights * 7).item() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("labels", "weights"),
    [(torch.tensor([0, -1]), None), (torch.tensor([0, 1]), torch.tensor([2.0, 0.0]))],
    ids=["label -1", "weight 0"],
)
def test_an_ignored_clip_counts_for_nothing(labels, weights):
    student = STUDENT.clone().requires_grad_()
    loss = cross_entropy(student, labels, weights)
    loss.backward()
    assert loss.item() == pytest.approx(-log(0.9))
    assert student.grad[0].abs().sum() > 0
    assert student.grad[1].abs().sum() == 0


def test_an_ignored_clip_may_even_be_infinite():
    assert weighted_mean(torch.tensor([2.0, torch.inf]), torch.tensor([1.0, 0.0])).item() == 2.0


def test_a_batch_without_labels_is_zero_and_has_a_gradient_of_zero():
    student = STUDENT.clone().requires_grad_()
    loss = cross_entropy(student, torch.tensor([-1, -1]))
    loss.backward()
    assert loss.item() == 0.0
    assert torch.equal(student.grad, torch.zeros_like(student))


def test_a_clip_without_label_still_learns_from_the_teacher():
    labels = torch.tensor([0, -1])
    loss = distillation(STUDENT, labels, TEACHER, alpha=0.5, temperature=2.0)
    soft = divergence(STUDENT, TEACHER, temperature=2.0)
    assert loss.item() == pytest.approx(0.5 * -log(0.9) + 0.5 * 4 * soft.item())


def test_the_teacher_is_asked_only_where_its_weight_says_so():
    loss = distillation(STUDENT, LABELS, TEACHER, alpha=1.0, temperature=2.0, teacher_weights=torch.tensor([1.0, 0.0]))
    assert loss.item() == pytest.approx(4 * 0.5 * log(4 / 3))


def test_alpha_zero_is_the_hard_loss_and_alpha_one_the_soft_one():
    hard = distillation(STUDENT, LABELS, TEACHER, alpha=0.0, temperature=3.0)
    soft = distillation(STUDENT, LABELS, TEACHER, alpha=1.0, temperature=3.0)
    assert hard.item() == pytest.approx(cross_entropy(STUDENT, LABELS).item())
    assert soft.item() == pytest.approx(9 * divergence(STUDENT, TEACHER, temperature=3.0).item())


def test_no_gradient_reaches_the_teacher():
    teacher = TEACHER.clone().requires_grad_()
    student = STUDENT.clone().requires_grad_()
    distillation(student, LABELS, teacher, alpha=0.5, temperature=2.0).backward()
    assert teacher.grad is None
    assert student.grad is not None


def test_the_gradient_is_right():
    generator = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn(5, 4, generator=generator, dtype=torch.float64) for _ in range(2))
    labels = torch.tensor([0, 3, -1, 2, 1])
    weights = torch.tensor([1.0, 0.5, 1.0, 2.0, 0.0], dtype=torch.float64)

    def loss(logits):
        return distillation(logits, labels, teacher, weights, alpha=0.6, temperature=3.0, label_smoothing=0.1)

    assert torch.autograd.gradcheck(loss, student.requires_grad_())


def test_a_hot_soft_loss_becomes_the_distance_of_centred_logits():
    # T^2 KL tends to sum((teacher - student)^2) / (2 classes) over centred logits (Hinton et al., equation 4)
    centred = (TEACHER - TEACHER.mean(1, keepdim=True)) - (STUDENT - STUDENT.mean(1, keepdim=True))
    expected = (centred**2).sum(1).mean() / (2 * 2)
    loss = distillation(STUDENT, LABELS, TEACHER, alpha=1.0, temperature=1000.0)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-3)


logits = st.lists(st.floats(-20, 20), min_size=6, max_size=6).map(
    lambda values: torch.tensor(values, dtype=torch.float64).reshape(2, 3)
)


@settings(max_examples=50, deadline=None)
@given(student=logits, teacher=logits, temperature=st.floats(0.5, 20), shift=st.floats(-50, 50))
def test_divergence_is_a_divergence(student, teacher, temperature, shift):
    value = divergence(student, teacher, temperature=temperature).item()
    assert value >= -1e-12
    assert divergence(teacher, teacher, temperature=temperature).item() == pytest.approx(0, abs=1e-12)
    # adding the same number to all logits of a clip changes nothing; scaling logits with T changes nothing
    moved = divergence(student + shift, teacher - shift, temperature=temperature).item()
    assert moved == pytest.approx(value, abs=1e-9)
    scaled = divergence(student * temperature, teacher * temperature, temperature=temperature).item()
    assert scaled == pytest.approx(divergence(student, teacher).item(), abs=1e-9)
