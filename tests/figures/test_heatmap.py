import numpy as np

from pneumo.figures.heatmap import heatmap, scale_to_maximum


def test_scaled_maps_have_a_maximum_of_1_and_empty_ones_stay_empty():
    np.testing.assert_allclose(scale_to_maximum(np.array([[0.0, 2.0, 4.0]], np.float32)), [[0, 0.5, 1]])
    assert not scale_to_maximum(np.zeros((2, 2), np.float32)).any()


def test_brighter_colours_mean_stronger_evidence():
    ramp = np.asarray(heatmap(np.linspace(0, 1, 64, dtype=np.float32)[None])).astype(float)
    luminance = ramp[0] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > 0).all()
