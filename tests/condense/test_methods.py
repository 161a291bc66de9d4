"""Each method's measure in closed form, and sets that beat a random subset by construction."""

from pathlib import Path

import numpy as np
import pytest
import torch

from exclaim.condense.groups import groups_of
from exclaim.condense.learned import Learned
from exclaim.condense.methods.distribution import DistributionMatching, distance_of_means
from exclaim.condense.methods.gradient import GradientMatching, distance_of_gradients
from exclaim.condense.methods.subsets import herd, herding, k_means, random_clips
from exclaim.condense.networks import check_networks, drawn_network, embed, flat, named
from exclaim.condense.real import Real, to_tensor
from exclaim.condense.recipe import learner, load_condense_recipe
from exclaim.errors import RecipeError
from exclaim.learn.cells import changed, draw_change
from exclaim.learn.network import network_of

PLAIN = {"pitch_bands": [0, 0], "tilt_db": [0, 0], "time_masks": 0, "band_masks": 0}
CPU = torch.device("cpu")
RECIPES = Path(__file__).parents[2] / "recipes"


def real_of(windows: np.ndarray, labels: list[int]) -> Real:
    return Real(windows, np.array(labels, np.int64), "ab" * 32, windows.nbytes, {})


def noise(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 16, 24)).astype(np.uint8)


def test_equal_sets_have_no_distance() -> None:
    features = torch.randn(9, 5)
    assert distance_of_means(features, features[torch.randperm(9)]) == pytest.approx(0, abs=1e-10)
    assert distance_of_means(torch.tensor([[1.0, 0], [3, 0]]), torch.tensor([[2.0, 3]])) == 9


def test_distribution_matching_has_nothing_to_do_where_the_set_is_the_corpus(make_recipe) -> None:
    recipe = load_condense_recipe(make_recipe({"name": "distribution-matching", "batch": 4}, items=4))
    codes = noise(12)
    real = real_of(codes, [0] * 4 + [1] * 4 + [2] * 4)
    learned = Learned(to_tensor(codes, CPU), 3, 4, 0.01)
    method = DistributionMatching(recipe, recipe.method, real, None)
    assert method.step(learned, 0) == pytest.approx(0, abs=1e-6)
    assert learned.items.grad.abs().max() < 1e-4
    other = Learned(-to_tensor(codes, CPU), 3, 4, 0.01)
    assert method.step(other, 0) > 1e-3


def test_agreement_adds_the_teachers_cross_entropy_with_the_labels_items_are_made_for(make_recipe) -> None:
    options = {"name": "distribution-matching", "batch": 4, "agreement": 3}
    recipe = load_condense_recipe(
        make_recipe(options, items=4, augment=PLAIN | {"shift_frames": [0, 0]}, teacher="x.yaml")
    )
    codes = noise(12)
    weights = torch.randn(16 * 24, 3, generator=torch.Generator().manual_seed(1))

    class Listener:
        def logits(self, items: torch.Tensor) -> torch.Tensor:
            return items.flatten(1) @ weights

    real = real_of(codes, [0] * 4 + [1] * 4 + [2] * 4)
    learned = Learned(to_tensor(codes, CPU), 3, 4, 0.01)
    loss = DistributionMatching(recipe, recipe.method, real, None, Listener()).step(learned, 0)
    items = to_tensor(codes, CPU).requires_grad_()
    known = 3 * torch.nn.functional.cross_entropy(Listener().logits(items), learned.own)
    assert loss == pytest.approx(float(known.detach()), rel=1e-5)
    assert torch.allclose(learned.items.grad, torch.autograd.grad(known, items)[0], atol=1e-4)


def test_each_group_of_alike_clips_is_matched_by_its_own_items(make_recipe) -> None:
    """Two bright and two dark clips of a label: their items have to lie in the same order."""

    class Listener:
        def embeddings(self, codes: np.ndarray) -> np.ndarray:
            level = codes.mean(axis=(1, 2)) - 127.5
            return np.stack([level, np.ones_like(level)], axis=1).astype(np.float32)

    level = np.array([10, 245] * 6, np.uint8)
    codes = np.repeat(level, 16 * 24).reshape(12, 16, 24)
    real = real_of(codes, [0] * 4 + [1] * 4 + [2] * 4)
    plain = PLAIN | {"shift_frames": [0, 0]}

    def loss(groups: int, items: np.ndarray) -> float:
        options = {"name": "distribution-matching", "batch": 4, "groups": groups, "group_clips": 1}
        recipe = load_condense_recipe(make_recipe(options, items=2, augment=plain, teacher="x.yaml"))
        method = DistributionMatching(recipe, recipe.method, real, None, Listener())
        return method.step(Learned(to_tensor(items, CPU), 3, 2, 0.01), 0)

    groups = groups_of(real, 0, 2, 2, Listener().embeddings(codes), 51)
    ordered = [level[group.clips[0]] for group in groups]
    apart = np.repeat(np.array(ordered * 3, np.uint8), 16 * 24).reshape(6, 16, 24)
    swapped = np.repeat(np.array(ordered[::-1] * 3, np.uint8), 16 * 24).reshape(6, 16, 24)
    assert loss(1, apart) == pytest.approx(0, abs=1e-6)
    assert loss(1, swapped) == pytest.approx(0, abs=1e-6)
    matched, missed = sorted((loss(2, apart), loss(2, swapped)))  # whichever group comes first
    assert matched == pytest.approx(0, abs=1e-6)
    assert missed > 1e-3


def test_networks_beside_the_first_take_turns_and_count_as_much(make_recipe) -> None:
    """ResNet-9's features are larger, its distances some ten times CNN-6's; side by side they are of one size."""
    codes = noise(12)
    real = real_of(codes, [0] * 4 + [1] * 4 + [2] * 4)
    other = Learned(-to_tensor(codes, CPU), 3, 4, 0.01)

    def losses(**changes: object) -> list[float]:
        options = {"name": "distribution-matching", "batch": 4}
        recipe = load_condense_recipe(make_recipe(options, items=4, **changes))
        method = DistributionMatching(recipe, recipe.method, real, None)
        return [method.step(other, iteration) for iteration in range(2)]

    small, large = ({"name": name, "options": {"width": 0.125}} for name in ("cnn6", "resnet9"))
    alone, wide = losses(network=small), losses(network=large)
    both = losses(network=small, beside=[large])
    assert wide[1] > 3 * alone[1]
    assert both[0] == pytest.approx(alone[0], rel=0.3)  # the first network's turn
    assert alone[1] / 3 < both[1] < 3 * alone[1]
    assert both[1] != pytest.approx(alone[1], rel=1e-3)  # the other's


def test_gradients_that_point_alike_have_no_distance_and_opposite_ones_two_an_output() -> None:
    weight, bias = torch.randn(3, 2, 5, 5), torch.randn(3)
    assert distance_of_gradients([weight, bias], [4 * weight, -bias]) == pytest.approx(0, abs=1e-4)
    assert distance_of_gradients([weight], [-weight]) == pytest.approx(2 * 3, abs=1e-4)
    still = torch.zeros(3, 4)
    assert distance_of_gradients([still], [still]) == 0
    assert distance_of_gradients([torch.eye(3, 4)], [still]) == 3
    one, other = torch.tensor([[1.0, 0]]), torch.tensor([[0.0, 2]])
    assert distance_of_gradients([one], [other]) == pytest.approx(1)


def test_gradient_matching_has_nothing_to_do_where_the_set_is_the_corpus(make_recipe) -> None:
    recipe = load_condense_recipe(
        make_recipe({"name": "gradient-matching", "batch": 4, "steps": 0}, items=4, augment=PLAIN)
    )
    codes = noise(12)
    learned = Learned(to_tensor(codes, CPU), 3, 4, 0.01)
    real = real_of(codes, [0] * 4 + [1] * 4 + [2] * 4)
    assert GradientMatching(recipe, recipe.method, real, CPU).step(learned, 0) < 0.05
    other = Learned(-to_tensor(codes, CPU), 3, 4, 0.01)
    assert GradientMatching(recipe, recipe.method, real, CPU).step(other, 0) > 1


def test_real_and_synthetic_windows_are_changed_alike(make_recipe, monkeypatch) -> None:
    """Both batches of a label see one draw, and the next label another."""
    from exclaim.condense.methods import distribution

    seen = []
    monkeypatch.setattr(distribution, "changed", lambda windows, change: (seen.append(change), windows)[1])
    recipe = load_condense_recipe(make_recipe({"name": "distribution-matching", "batch": 4}))
    learned = Learned(to_tensor(noise(6), CPU), 3, 2, 0.01)
    DistributionMatching(recipe, recipe.method, real_of(noise(12), [0, 1, 2] * 4), None).step(learned, 0)
    assert len(seen) == 6
    assert all(seen[2 * label] is seen[2 * label + 1] for label in range(3))
    assert len({id(change) for change in seen}) == 3


def test_herding_follows_the_mean() -> None:
    """Of 0, 1, 2, 10 the mean is 3.25: nearest is 2; with 2 beside it 1.. 10 makes 6 and 1 makes 1.5, so 1; then 10."""
    assert herd(np.array([[0.0], [1.0], [2.0], [10.0]]), 3).tolist() == [2, 1, 3]
    assert herd(np.array([[0.0], [1.0], [2.0], [10.0]]), 4).tolist() == [2, 1, 3, 0]


def test_subsets_hold_each_clip_once_label_by_label() -> None:
    codes = noise(60)
    real = real_of(codes, [0, 1, 2] * 20)
    embeddings = np.random.default_rng(1).normal(size=(60, 4)).astype(np.float32)
    for choose in (random_clips, herding, k_means):
        chosen = choose(real, 5, 3, embeddings, 0)
        assert real.labels[chosen].tolist() == [0] * 5 + [1] * 5 + [2] * 5
        assert len(set(chosen.tolist())) == 15
        np.testing.assert_array_equal(chosen, choose(real, 5, 3, embeddings, 0))
    assert random_clips(real, 5, 3, None, 0).tolist() != random_clips(real, 5, 3, None, 1).tolist()
    with pytest.raises(RecipeError, match="no teacher"):
        herding(real, 5, 3, None, 0)


def test_k_means_takes_a_clip_of_every_cluster() -> None:
    rng = np.random.default_rng(2)
    centres = np.repeat(np.array([[0, 0], [9, 0], [0, 9]], np.float32), 20, axis=0)
    embeddings = centres + rng.normal(0, 0.1, (60, 2)).astype(np.float32)
    chosen = k_means(real_of(noise(60), [0] * 60), 3, 1, embeddings, 0)
    assert sorted(chosen // 20) == [0, 1, 2]


def test_fixed_initialisation_is_what_a_training_recipe_of_the_seed_draws(make_recipe) -> None:
    from exclaim.condense.recipe import learner
    from exclaim.learn.network import network_of

    recipe = load_condense_recipe(make_recipe({"name": "random"}, initialisation="fixed", seed=7))
    one, other = drawn_network(recipe, 3, CPU), network_of(learner(recipe))
    assert all(torch.equal(one.state_dict()[name], value) for name, value in other.state_dict().items())
    free = load_condense_recipe(make_recipe({"name": "random"}, seed=7))
    first, second = (flat(list(drawn_network(free, draw, CPU).parameters())) for draw in (0, 1))
    assert not first.equal(second)


def test_a_training_recipe_begins_where_a_set_was_condensed_for() -> None:
    """The project's own recipes: the network's seed alone decides, whatever the run's."""
    from exclaim.learn.network import network_of
    from exclaim.learn.recipe import load_recipe

    condensed = drawn_network(load_condense_recipe(RECIPES / "sets/mtt-10-fixed.yaml"), 3, CPU)
    path = RECIPES / "condensed/on-random-10.yaml"
    trained = [network_of(load_recipe(path, {"seed": seed, "network": {"seed": 51}})) for seed in (1, 2)]
    for network in trained:
        assert all(network.state_dict()[name].equal(value) for name, value in condensed.state_dict().items())
    assert not flat(list(network_of(load_recipe(path, {"seed": 1})).parameters())).equal(
        flat(list(condensed.parameters()))
    )


def test_the_networks_seed_goes_before_the_recipes(make_recipe) -> None:
    own = {"name": "cnn6", "options": {"width": 0.125}, "seed": 4}
    one, other = (
        load_condense_recipe(make_recipe({"name": "random"}, initialisation="fixed", **changes))
        for changes in ({"seed": 7, "network": own}, {"seed": 4})
    )
    first, second = (flat(list(drawn_network(recipe, 0, CPU).parameters())) for recipe in (one, other))
    assert first.equal(second)


def test_many_windows_are_embedded_in_parts_as_they_are_at_once(make_recipe, monkeypatch) -> None:
    """Also their gradients."""
    from exclaim.condense import networks

    network = drawn_network(load_condense_recipe(make_recipe({"name": "random"})), 0, CPU).requires_grad_(False)
    windows = to_tensor(noise(150), CPU)
    told = []
    for part in (64, 1000):
        monkeypatch.setattr(networks, "_PART", part)
        own = windows.clone().requires_grad_()
        features = embed(network, own)
        features.square().sum().backward()
        told.append((features.detach(), own.grad))
    for one, other in zip(*told, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    assert len(told[0][0]) == 150


def test_a_network_with_dropout_is_refused(make_recipe) -> None:
    network = {"name": "cnn6", "options": {"width": 0.125, "dropout": 0.5}}
    with pytest.raises(RecipeError, match="dropout"):
        check_networks(load_condense_recipe(make_recipe({"name": "distribution-matching"}, network=network)))


def test_a_gradient_that_is_no_number_is_not_passed_over() -> None:
    wrong, right = torch.tensor([[float("nan"), 1.0], [1.0, 0.0]]), torch.ones(2, 2)
    assert distance_of_gradients([wrong], [right]).isnan()


def test_no_draw_is_where_a_training_of_a_small_seed_begins(make_recipe) -> None:
    recipe = load_condense_recipe(make_recipe({"name": "random"}))
    begun = {number: network_of(learner(recipe, number)).state_dict() for number in range(6)}
    for draw in range(6):
        drawn = flat(list(drawn_network(recipe, draw, CPU).parameters()))
        assert not any(flat([begun[seed][key] for key in begun[seed]]).equal(drawn) for seed in begun)


def test_a_vector_is_a_networks_parameters_and_back(make_recipe) -> None:
    network = drawn_network(load_condense_recipe(make_recipe({"name": "random"})), 0, CPU)
    vector = flat(list(network.parameters()))
    assert flat(list(named(network, vector).values())).equal(vector)


def test_a_learnt_item_beats_a_random_clip_where_clips_are_mostly_noise(make_recipe, tmp_path: Path) -> None:
    """Each clip is its label's faint pattern under strong noise; an item with the mean features of its clips has less.

    So the nearest item tells unheard clips apart more often than the nearest of one random clip a label does.
    """
    rng = np.random.default_rng(3)
    patterns = np.kron(rng.normal(0, 0.12, (3, 4, 6)), np.ones((1, 4, 4)))
    labels = np.arange(240) % 3
    clips = np.clip(patterns[labels] + rng.normal(0, 0.4, (240, 16, 24)), -1, 1)
    codes = np.round((clips + 1) * 127.5).astype(np.uint8)
    real = real_of(codes[:180], labels[:180].tolist())
    recipe = load_condense_recipe(
        make_recipe({"name": "distribution-matching", "batch": 60, "rate": 0.05}, items=1, augment=PLAIN)
    )
    learned = Learned(torch.from_numpy(rng.normal(0, 0.1, (3, 16, 24)).astype(np.float32)), 3, 1, 0.01)
    optimizer = torch.optim.Adam([learned.items], 0.03)
    method = DistributionMatching(recipe, recipe.method, real, None)
    for iteration in range(60):
        optimizer.zero_grad()
        method.step(learned, iteration)
        optimizer.step()
        learned.hold()

    unheard = torch.from_numpy(clips[180:].astype(np.float32))

    def right(items: torch.Tensor) -> float:
        """Share of unheard clips whose nearest item has their label, in the features of networks not yet seen."""
        found = []
        for draw in range(900, 910):
            network = drawn_network(recipe, draw, CPU)
            with torch.no_grad():
                apart = torch.cdist(embed(network, unheard), embed(network, items))
            found.append(np.mean(apart.argmin(dim=1).numpy() == labels[180:]))
        return float(np.mean(found))

    drawn = [right(to_tensor(codes[random_clips(real, 1, 3, None, seed)], CPU)) for seed in range(5)]
    assert right(learned.items.detach()) > max(drawn)


def test_a_draw_is_one_for_all_windows_of_a_label() -> None:
    from exclaim.learn.recipe import AugmentOptions

    change = draw_change(AugmentOptions(shift_frames=(-40, 40)), (16, 24), np.random.default_rng(0))
    window = torch.rand(1, 16, 24)
    both = changed(window.expand(3, 16, 24), change)
    assert both[0].equal(both[2])
