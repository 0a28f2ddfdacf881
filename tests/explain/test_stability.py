from types import SimpleNamespace

import numpy as np
import pytest

from pneumo.evaluation.heatmap_metrics import rank_correlation
from pneumo.explain.stability import SIDE_PX, NetworkMaps, explain_network, method_stability


def random_maps(seed):
    return np.random.default_rng(seed).uniform(size=(3, SIDE_PX, SIDE_PX))


@pytest.fixture
def networks():
    return [NetworkMaps(group, {"grad-cam": random_maps(seed)}) for seed, group in enumerate(("robust", "robust", "baseline"))]


def test_pairs_of_one_seed_group_and_pairs_of_several_recipes_are_kept_apart(networks):
    first, second, other = (network.maps["grad-cam"] for network in networks)
    scores = method_stability(networks, "grad-cam")
    assert (scores.seeds.images, scores.recipes.images) == (3, 6)
    assert scores.seeds.mean == pytest.approx(rank_correlation(first, second).mean())
    assert scores.recipes.mean == pytest.approx(np.mean([rank_correlation(first, other), rank_correlation(second, other)]))


def test_networks_with_the_same_maps_agree_fully_and_without_a_pair_there_is_no_mean(networks):
    scores = method_stability([networks[0], networks[0]], "grad-cam")
    assert scores.seeds.mean == pytest.approx(1)
    assert (scores.recipes.images, scores.recipes.mean) == (0, None)


def test_maps_of_any_resolution_are_compared_at_one():
    small = SimpleNamespace(maps=lambda _images, target, methods: {method: np.ones((2, 4, 4)) for method in methods if target})
    network = explain_network(small, np.zeros((2, 32, 32, 1), np.uint8), ["grad-cam"], "robust")
    assert network.maps["grad-cam"].shape == (2, SIDE_PX, SIDE_PX)
