import keras
import numpy as np
import pytest

from pneumo.config import ResidualCnn
from pneumo.nets import ensemble, residual

TINY = ResidualCnn(filters=(4, 6), blocks=2, dropout=0.2)


@pytest.fixture
def radiographs():
    return np.random.default_rng(0).integers(0, 256, (3, 32, 32, 1)).astype("float32")


def output_of(model, layer, radiographs):
    return keras.Model(model.inputs[0], model.get_layer(layer).output)(radiographs, training=False).numpy()


def test_the_stem_halves_the_side_twice_and_each_further_stage_once():
    model = residual.build(ResidualCnn(), 128)
    sides = [model.get_layer(f"stage_{stage}_block_2_relu_2").output.shape[1:] for stage in (1, 2, 3, 4)]
    assert sides == [(32, 32, 32), (16, 16, 64), (8, 8, 128), (4, 4, 256)]


def test_each_block_starts_as_the_identity(radiographs):
    model = residual.build(TINY, 32)
    before, after = (output_of(model, layer, radiographs) for layer in ("stage_1_block_1_relu_2", "stage_1_block_2_relu_2"))
    assert before.any()
    np.testing.assert_array_equal(before, after)


def test_grey_values_are_rescaled_and_the_probability_is_the_sigmoid_of_the_logit(radiographs):
    model = residual.build(TINY, 32)
    logit = output_of(model, "logit", radiographs)
    np.testing.assert_allclose(model(radiographs, training=False).numpy(), 1 / (1 + np.exp(-logit)), rtol=1e-5)
    assert model.get_layer("rescale")(np.array([0.0, 255.0])).numpy() == pytest.approx([-1, 1])


def test_the_seed_determines_the_initial_weights():
    def weights(seed):
        return np.concatenate([variable.numpy().ravel() for variable in residual.build(TINY, 32, seed).weights])

    assert np.array_equal(weights(1), weights(1))
    assert not np.array_equal(weights(1), weights(2))


def test_an_image_too_small_for_its_stages_is_refused():
    with pytest.raises(ValueError, match="4 stages need images of at least 32 px, not 31"):
        residual.build(ResidualCnn(), 31)


def test_an_ensemble_averages_logits_also_after_saving_and_loading(radiographs, tmp_path):
    members = [residual.build(TINY, 32, seed) for seed in (0, 1, 2)]
    # As the registry loads them.
    for number, member in enumerate(members):
        member.save(tmp_path / f"{number}.keras")
    loaded = [keras.saving.load_model(tmp_path / f"{number}.keras", compile=False) for number in range(3)]
    ensemble.build(loaded).save(tmp_path / "ensemble.keras")
    model = keras.saving.load_model(tmp_path / "ensemble.keras", compile=False, safe_mode=True)
    mean = np.mean([output_of(member, "logit", radiographs) for member in members], axis=0)
    np.testing.assert_allclose(model(radiographs, training=False).numpy(), 1 / (1 + np.exp(-mean)), rtol=1e-5)
