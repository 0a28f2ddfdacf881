import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from pneumo.evaluation.heatmap_metrics import (
    BORDER_SHARE,
    CENTRAL_SHARE,
    RANDOMIZATION_LIMIT,
    MapMetric,
    area_under_curves,
    auroc_inside,
    average_precision_inside,
    border,
    central_band,
    coherency,
    constant,
    drops,
    energy_inside,
    fails_randomization_check,
    increases,
    iou_of_top,
    pointing_game,
    rank_correlation,
    strongest_first,
)

EMPTY, CONSTANT = np.zeros((10, 10)), np.full((10, 10), 0.3)
MASK = np.zeros((10, 10), bool)
MASK[2:5, 3:8] = True
INSIDE, OUTSIDE = MASK.astype(float), (~MASK).astype(float)
WITH_MASK = (pointing_game, energy_inside, iou_of_top, auroc_inside)


def masks(maps):
    return np.stack([MASK] * len(maps))


@pytest.fixture
def maps():
    return np.random.default_rng(0).uniform(0, 1, (6, 10, 10))


@pytest.mark.parametrize("metric", WITH_MASK)
def test_a_map_of_the_mask_scores_1_and_a_map_of_the_rest_0(metric):
    best, worst = metric(np.stack([INSIDE, OUTSIDE]), masks("ab"))
    assert (best, worst) == (1, 0)


def test_energy_is_the_share_of_the_sum(maps):
    expected = [values[MASK].sum() / values.sum() for values in maps]
    np.testing.assert_allclose(energy_inside(maps, masks(maps)), expected)
    np.testing.assert_allclose(energy_inside(maps, MASK), expected)
    np.testing.assert_allclose(energy_inside(CONSTANT[None], MASK), MASK.mean())


def test_the_auroc_is_that_of_scikit_learn(maps):
    coarse = np.round(maps, 1)
    expected = [roc_auc_score(MASK.ravel(), values.ravel()) for values in coarse]
    np.testing.assert_allclose(auroc_inside(coarse, masks(maps)), expected)


def test_the_average_precision_of_the_mask_is_1_and_of_a_constant_map_the_share_of_its_area():
    perfect, constant_map, inverted = average_precision_inside(np.stack([INSIDE, np.ones_like(INSIDE), OUTSIDE]), masks("abc"))
    assert perfect == pytest.approx(1)
    assert constant_map == pytest.approx(MASK.mean())
    assert inverted <= MASK.mean()
    assert np.isnan(average_precision_inside(INSIDE[None], np.zeros((1, *MASK.shape), bool)))[0]


def test_the_top_fifth_is_compared_with_the_mask(maps):
    expected = []
    for values in maps:
        top = values >= np.sort(values.ravel())[-20]
        expected.append((top & MASK).sum() / (top | MASK).sum())
    np.testing.assert_allclose(iou_of_top(maps, masks(maps)), expected)


def test_pixels_at_zero_are_not_among_the_strongest():
    dot = EMPTY.copy()
    dot[3, 4] = 1
    assert iou_of_top(dot[None], masks("a")) == pytest.approx(1 / 15)


def test_the_pointing_game_is_the_share_of_several_maxima_inside():
    pair = EMPTY.copy()
    pair[3, 4] = pair[0, 0] = 1
    assert pointing_game(pair[None], masks("a")) == 0.5


def test_empty_and_constant_maps_are_undefined_and_counted():
    flat = np.stack([EMPTY, CONSTANT])
    np.testing.assert_array_equal(pointing_game(flat, masks("ab")), [np.nan, np.nan])
    np.testing.assert_array_equal(iou_of_top(flat, masks("ab")), [np.nan, np.nan])
    np.testing.assert_array_equal(auroc_inside(flat, masks("ab")), [0.5, 0.5])
    np.testing.assert_allclose(energy_inside(flat, masks("ab")), [np.nan, 0.15])
    assert MapMetric.of(np.array([0.5, np.nan, 1.0])) == MapMetric(mean=0.75, images=3, undefined=1)
    assert MapMetric.of(pointing_game(flat, masks("ab"))) == MapMetric(mean=None, images=2, undefined=2)


@pytest.mark.parametrize("metric", WITH_MASK)
def test_metrics_are_undefined_without_a_lesion(metric, maps):
    assert np.isnan(metric(maps, np.zeros_like(maps, bool))).all()


def test_coherency_is_the_scaled_correlation_and_undefined_for_constant_maps(maps):
    expected = [(1 + np.corrcoef(first.ravel(), second.ravel())[0, 1]) / 2 for first, second in zip(maps, maps[::-1], strict=True)]
    np.testing.assert_allclose(coherency(maps, maps[::-1]), expected)
    np.testing.assert_allclose(coherency(maps, 3 * maps + 1), 1)
    np.testing.assert_allclose(coherency(maps, 1 - maps), 0, atol=1e-12)
    assert np.isnan(coherency(maps[:2], np.stack([EMPTY, CONSTANT]))).all()
    assert np.isnan(coherency(np.stack([EMPTY, CONSTANT]), maps[:2])).all()


def test_a_map_with_rounding_errors_is_constant(maps):
    almost = CONSTANT + 1e-8 * maps
    assert constant(np.concatenate([almost, EMPTY[None]])).all()
    assert not constant(maps).any()
    assert not constant(1e-20 * maps).any()


def test_drops_and_increases_of_class_scores():
    before, after = np.array([0.8, 0.5, 0.5, 0.0]), np.array([0.2, 0.5, 0.9, 0.0])
    np.testing.assert_allclose(drops(before, after), [0.75, 0, 0, 0])
    np.testing.assert_array_equal(increases(before, after), [0, 0, 1, 0])


def test_areas_are_those_of_the_trapezoidal_rule():
    np.testing.assert_allclose(area_under_curves(np.array([[0, 1, 1, 1, 1.0], [0, 0.25, 0.5, 0.75, 1]])), [0.875, 0.5])


def test_ties_are_ordered_by_row_and_column():
    order = strongest_first(np.array([[[0.0, 2.0], [2.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]]]))
    np.testing.assert_array_equal(order, [[1, 2, 3, 0], [0, 1, 2, 3]])


@pytest.mark.parametrize("shape", [(200, 100), (16, 16), (3, 3)])
def test_border_and_central_band_are_symmetric_parts_of_the_radiograph(shape):
    for mask in (border(*shape), central_band(*shape)):
        assert mask.shape == shape
        np.testing.assert_array_equal(mask, mask[::-1])
        assert 0 < mask.mean() < 1
    np.testing.assert_array_equal(border(*shape), border(*shape)[:, ::-1])


def test_border_and_central_band_have_the_documented_width():
    frame, band = border(200, 100), central_band(200, 100)
    assert frame.mean() == pytest.approx(1 - (1 - 2 * BORDER_SHARE) ** 2)
    assert band.mean() == pytest.approx(CENTRAL_SHARE)
    assert band[:, 40:60].all()


def test_the_rank_correlation_is_spearmans_also_with_ties(maps):
    coarse, others = np.round(maps, 1), np.maximum(0, np.round(maps[::-1] - 0.4, 1))
    expected = [spearmanr(first.ravel(), second.ravel()).statistic for first, second in zip(coarse, others, strict=True)]
    np.testing.assert_allclose(rank_correlation(coarse, others), expected)


def test_the_rank_correlation_depends_on_the_order_alone(maps):
    np.testing.assert_allclose(rank_correlation(maps, maps**3), 1)
    np.testing.assert_allclose(rank_correlation(maps, 1 - maps), -1)


def test_a_constant_map_has_no_rank_correlation(maps):
    others = np.stack([EMPTY, CONSTANT, maps[0]])
    assert np.isnan(rank_correlation(others, maps[:3])).tolist() == [True, True, False]
    assert np.isnan(rank_correlation(maps[:3], others)).tolist() == [True, True, False]


def test_a_method_fails_the_randomization_check_from_the_limit_on_and_undefined_maps_do_not_count():
    nan = float("nan")
    assert fails_randomization_check(MapMetric.of(np.array([RANDOMIZATION_LIMIT, nan])))
    assert fails_randomization_check(MapMetric.of(np.array([RANDOMIZATION_LIMIT - 0.01, nan]))) is False
    assert fails_randomization_check(MapMetric.of(np.array([nan, nan]))) is None
