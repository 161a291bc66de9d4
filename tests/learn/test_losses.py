"""The losses against hand calculation, their limits and their gradients."""

from math import log, sqrt

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from exclaim.learn.losses import (
    binary_cross_entropy,
    correlation,
    cross_entropy,
    decoupled,
    distillation,
    divergence,
    similarity,
    weighted_mean,
)

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


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# Three classes at temperature 2: the student says (1/2, 1/4, 1/4), the teacher (1/4, 1/2, 1/4).
THIRDS = 2 * torch.tensor([[log(2), 0, 0]], dtype=torch.float64)
OTHERS = 2 * torch.tensor([[0, log(2), 0]], dtype=torch.float64)
TARGET_CLASS = 0.25 * log(1 / 2) + 0.75 * log(3 / 2)  # (1/4, 3/4) against (1/2, 1/2)
OTHER_CLASSES = 2 / 3 * log(4 / 3) + 1 / 3 * log(2 / 3)  # (2/3, 1/3) against (1/2, 1/2)


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 0.0), (0.0, 1.0), (0.5, 8.0)])
def test_decoupled_by_hand(alpha, beta):
    loss = decoupled(THIRDS, torch.tensor([0]), OTHERS, alpha=alpha, beta=beta, temperature=2.0)
    assert loss.item() == pytest.approx(alpha * TARGET_CLASS + beta * OTHER_CLASSES)


def test_the_divergence_is_the_decoupled_one_with_the_teachers_doubt_for_beta():
    # KL = TCKD + (1 - p of the target) NCKD; the teacher gives the target 1/4
    coupled = decoupled(THIRDS, torch.tensor([0]), OTHERS, alpha=1.0, beta=3 / 4, temperature=2.0)
    assert coupled.item() == pytest.approx(divergence(THIRDS, OTHERS, temperature=2.0).item())


def test_of_two_classes_decoupling_leaves_alpha_times_the_divergence():
    loss = decoupled(STUDENT, LABELS, TEACHER, alpha=0.7, beta=8.0, temperature=2.0)
    assert loss.item() == pytest.approx(0.7 * divergence(STUDENT, TEACHER, temperature=2.0).item())


def test_a_mixture_decouples_each_of_its_classes_by_its_share():
    student, teacher = drawn(1, 4), drawn(1, 4, seed=1)
    each = [decoupled(student, torch.tensor([label]), teacher).item() for label in range(4)]
    mixture = torch.tensor([[0.75, 0.0, 0.25, 0.0]])
    assert decoupled(student, mixture, teacher).item() == pytest.approx(0.75 * each[0] + 0.25 * each[2])


def test_decoupling_stays_finite_and_has_a_gradient_where_both_are_sure():
    student = torch.tensor([[200.0, 0.0, -200.0]], requires_grad=True)
    loss = decoupled(student, torch.tensor([0]), torch.tensor([[200.0, -200.0, 0.0]]), temperature=1.0)
    loss.backward()
    assert loss.item() == pytest.approx(8 * 200)  # the others: (0, 1) against (1, 0) by 200 nats
    assert student.grad.isfinite().all()
    assert student.grad[0, 1].item() == pytest.approx(8)


def test_correlation_is_that_of_numpy():
    student, teacher = drawn(6, 4), drawn(6, 4, seed=1)
    one, other = ((each / 3).softmax(-1).numpy() for each in (student, teacher))
    inter = 1 - np.mean([np.corrcoef(one[clip], other[clip])[0, 1] for clip in range(6)])
    intra = 1 - np.mean([np.corrcoef(one[:, label], other[:, label])[0, 1] for label in range(4)])
    assert correlation(student, teacher, temperature=3.0).item() == pytest.approx(inter + intra)
    both = correlation(student, teacher, beta=2.0, gamma=0.5, temperature=3.0)
    assert both.item() == pytest.approx(2 * inter + 0.5 * intra)


def test_correlation_of_opposites_by_hand():
    # (3/4, 1/4) then (1/4, 3/4), and the other way round: r is -1 for each clip and for each class
    student = torch.tensor([[log(3.0), 0.0], [0.0, log(3.0)]])
    assert correlation(student, student.flip(0)).item() == pytest.approx(2 + 2)


def test_a_student_that_is_less_sure_in_the_same_way_correlates_perfectly():
    # halfway from its teacher to the uniform answer: shifted and scaled probabilities
    teacher = drawn(6, 4).softmax(-1)
    student = (0.5 * teacher + 0.5 / 4).log()
    assert correlation(student, teacher.log()).item() == pytest.approx(0, abs=1e-12)
    assert divergence(student, teacher.log()).item() > 0.01


def test_correlation_ignores_a_shift_of_logits_and_their_scale_with_the_temperature():
    student, teacher = drawn(6, 4), drawn(6, 4, seed=1)
    loss = correlation(student, teacher).item()
    assert correlation(student + drawn(6, 1), teacher - 3).item() == pytest.approx(loss)
    assert correlation(5 * student, 5 * teacher, temperature=5.0).item() == pytest.approx(loss)


def test_two_classes_learn_from_the_relations_between_clips_alone():
    student = drawn(6, 2).requires_grad_()
    teacher = drawn(6, 2, seed=1)
    inter = correlation(student, teacher, gamma=0.0)
    disagree = (student.argmax(1) != teacher.argmax(1)).double().mean()
    assert inter.item() == pytest.approx(2 * disagree.item())
    assert torch.autograd.grad(inter, student)[0].abs().max() < 1e-9
    assert torch.autograd.grad(correlation(student, teacher, beta=0.0), student)[0].abs().max() > 1e-3


def test_what_does_not_vary_correlates_with_nothing_and_has_no_gradient():
    student = torch.zeros(1, 3, requires_grad=True)
    loss = correlation(student, drawn(1, 3))
    loss.backward()
    assert loss.item() == pytest.approx(1 + 1)
    assert torch.equal(student.grad, torch.zeros(1, 3))


def test_similarity_by_hand():
    # the student finds two clips alike, rows (1, 1) / sqrt 2; its teacher finds them different, rows (1, 0), (0, 1):
    # each row differs by (1 - 1/sqrt 2)^2 + 1/2 = 2 - sqrt 2, and two of them are divided by 2^2
    student = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    assert similarity(student, torch.eye(2)).item() == pytest.approx((2 - sqrt(2)) / 2)


def test_similarity_is_the_papers_formula():
    student, teacher = drawn(5, 3), drawn(5, 8, seed=1)
    grams = [each.numpy() @ each.numpy().T for each in (student, teacher)]
    one, other = (gram / np.linalg.norm(gram, axis=1, keepdims=True) for gram in grams)
    assert similarity(student, teacher).item() == pytest.approx(np.linalg.norm(one - other) ** 2 / 5**2)


def test_similarity_ignores_rotation_and_scale():
    student, teacher = drawn(5, 3), drawn(5, 8, seed=1)
    rotation, _ = torch.linalg.qr(drawn(8, 8, seed=2))
    loss = similarity(student, teacher).item()
    assert similarity(7 * student, teacher @ rotation / 3).item() == pytest.approx(loss)
    assert similarity(teacher @ rotation, 2 * teacher).item() == pytest.approx(0, abs=1e-12)


def test_binary_cross_entropy_by_hand():
    # clip 0, label 0: sigmoids 9/10 and 1/2, wanted 1 and 0; clip 1, label 1: 1/2 and 1/2, wanted 0 and 1
    expected = ((-log(0.9) - log(0.5)) / 2 - log(0.5)) / 2
    assert binary_cross_entropy(STUDENT, LABELS).item() == pytest.approx(expected)


def test_binary_cross_entropy_is_that_of_torch():
    logits, targets = drawn(5, 3), drawn(5, 3, seed=1).softmax(-1)
    sigmoid = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets)
    softmax = torch.nn.functional.binary_cross_entropy(logits.softmax(-1), targets)
    assert binary_cross_entropy(logits, targets).item() == pytest.approx(sigmoid.item())
    assert binary_cross_entropy(logits, targets, over="softmax").item() == pytest.approx(softmax.item())


def test_over_a_softmax_of_two_it_is_the_cross_entropy():
    loss = binary_cross_entropy(STUDENT, LABELS, over="softmax")
    assert loss.item() == pytest.approx(cross_entropy(STUDENT, LABELS).item())


CLIPS = torch.tensor([0, 3, 1, 2, 1])
COUNTED = {
    "binary": lambda logits, weights: binary_cross_entropy(logits, CLIPS[: len(logits)], weights),
    "binary over softmax": lambda logits, weights: binary_cross_entropy(
        logits, CLIPS[: len(logits)], weights, over="softmax"
    ),
    "decoupled": lambda logits, weights: decoupled(
        logits, CLIPS[: len(logits)], drawn(5, 4, seed=1)[: len(logits)], weights
    ),
    "correlation": lambda logits, weights: correlation(logits, drawn(5, 4, seed=1)[: len(logits)], weights),
    "similarity": lambda logits, weights: similarity(logits, drawn(5, 6, seed=1)[: len(logits)], weights),
}


@pytest.mark.parametrize("loss", COUNTED.values(), ids=COUNTED)
def test_the_gradient_of_each_is_right(loss):
    weights = torch.tensor([1.0, 0.5, 1.0, 2.0, 0.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda logits: loss(logits, weights), drawn(5, 4).requires_grad_())


@pytest.mark.parametrize("loss", COUNTED.values(), ids=COUNTED)
def test_a_clip_of_weight_zero_might_as_well_not_be_there(loss):
    weights = torch.tensor([2.0, 2.0, 2.0, 2.0, 0.0], dtype=torch.float64)
    logits = drawn(5, 4).requires_grad_()
    whole = loss(logits, weights)
    assert whole.item() == pytest.approx(loss(logits[:4], None).item())
    gradient = torch.autograd.grad(whole, logits)[0]
    assert gradient[:4].abs().sum(1).min() > 0
    assert torch.equal(gradient[4], torch.zeros(4, dtype=torch.float64))


@pytest.mark.parametrize("loss", COUNTED.values(), ids=COUNTED)
def test_where_no_clip_counts_each_is_zero_with_a_gradient_of_zero(loss):
    logits = drawn(5, 4).requires_grad_()
    nothing = loss(logits, torch.zeros(5, dtype=torch.float64))
    nothing.backward()
    assert nothing.item() == 0.0
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@pytest.mark.parametrize("loss", [binary_cross_entropy, decoupled])
def test_a_label_of_minus_one_is_ignored_by_the_newer_losses_too(loss):
    labels = torch.tensor([0, -1])
    rest = (TEACHER,) if loss is decoupled else ()
    assert loss(STUDENT, labels, *rest).item() == pytest.approx(
        loss(STUDENT[:1], labels[:1], *(each[:1] for each in rest)).item()
    )


@pytest.mark.parametrize("loss", [decoupled, correlation, similarity])
def test_no_newer_loss_teaches_the_teacher(loss):
    student, teacher = drawn(2, 3).requires_grad_(), drawn(2, 3, seed=1).requires_grad_()
    arguments = (student, LABELS, teacher) if loss is decoupled else (student, teacher)
    loss(*arguments).backward()
    assert teacher.grad is None
    assert student.grad.abs().sum() > 0


@settings(max_examples=50, deadline=None)
@given(student=logits, teacher=logits, temperature=st.floats(0.5, 20))
def test_the_newer_losses_stay_within_their_bounds(student, teacher, temperature):
    labels = torch.tensor([0, 2])
    assert decoupled(student, labels, teacher, temperature=temperature).item() >= -1e-12
    assert decoupled(teacher, labels, teacher, temperature=temperature).item() == pytest.approx(0, abs=1e-10)
    assert -1e-9 <= correlation(student, teacher, temperature=temperature).item() <= 4 + 1e-9
    assert -1e-12 <= similarity(student, teacher).item() <= 4 / 2
