"""How the class of a recipe decides what is built and trained."""

import keras
import numpy as np
import pytest

from pneumo.config import Cnn, CnnRecipe, Fit, Network, Recipe
from pneumo.errors import UserError
from pneumo.nets import build_network
from pneumo.registry import Registry
from pneumo.training.fit import Trained
from pneumo.training.register import register
from pneumo.training.run import load_run
from pneumo.training.train import train, train_recipe


class GreyLevels(Network):
    """A network that a new module would add: a dense layer on the mean and the maximum of the grey values."""

    units: int = 3
    """Units of the dense layer."""

    @property
    def preprocessing(self):
        return "rescaled to 0..1"


class GreyLevelsRecipe(Recipe):
    network: GreyLevels = GreyLevels()


@build_network.register
def _(settings: GreyLevels, image_size_px: int, seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((image_size_px, image_size_px, 1))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Concatenate()([keras.layers.GlobalAveragePooling2D()(x), keras.layers.GlobalMaxPooling2D()(x)])
    x = keras.layers.Dense(settings.units, activation="relu", name="dense")(x)
    logit = keras.layers.Dense(1, dtype="float32", name="logit")(x)
    return keras.Model(inputs, keras.layers.Activation("sigmoid", dtype="float32", name="probability")(logit))


class ConstantRecipe(GreyLevelsRecipe):
    """A recipe with its own way of training: none."""


@train_recipe.register
def _(recipe: ConstantRecipe, run, console) -> Trained:
    console.print(f"{run.name} is not trained")
    model = build_network(recipe.network, recipe.image_size_px, recipe.fit.seed)
    model.get_layer("logit").set_weights([np.zeros((recipe.network.units, 1)), np.zeros(1)])
    return Trained(model, {}, 0.0)


class UnknownNetwork(Network):
    """Settings for which no network is registered."""

    @property
    def preprocessing(self):
        return "none"


class UnknownRecipe(Recipe):
    network: UnknownNetwork = UnknownNetwork()


FIT = Fit(epochs=2, batch_size=4, precision="float32", class_weights="balanced")


def trained_and_registered(config, recipe, console):
    """What a stage does with a recipe."""
    run = load_run(config, "new", recipe, console)
    registry = Registry(config.registry)
    entry = register(run, train(run, console), registry, console)
    return registry.record(entry), registry.load(entry)


def test_a_new_recipe_needs_its_settings_and_its_network_alone(config, console):
    recipe = GreyLevelsRecipe(image_size_px=16, network=GreyLevels(units=5), fit=FIT)
    record, model = trained_and_registered(config, recipe, console)
    assert len(record.history["loss"]) == 2
    assert record.settings["network"] == {"units": 5}
    assert record.preprocessing == "grey values 0..255 in one channel, rescaled to 0..1 inside the model"
    assert record.parameters == 3 * 5 + 6
    assert model.get_layer("dense").units == 5
    initial = build_network(recipe.network, 16, FIT.seed)
    assert not np.array_equal(model.get_layer("dense").kernel, initial.get_layer("dense").kernel), "nothing was trained"


def test_a_recipe_may_register_its_own_way_of_training(config, console):
    record, model = trained_and_registered(config, ConstantRecipe(image_size_px=16, fit=FIT), console)
    assert "new is not trained" in console.file.getvalue()
    assert (record.history, record.training_seconds) == ({}, 0)
    assert model.predict(np.zeros((1, 16, 16, 1)), verbose=0) == 0.5


def test_a_recipe_without_a_network_is_named(config, console):
    with pytest.raises(TypeError, match="no network is registered for UnknownNetwork"):
        train(load_run(config, "new", UnknownRecipe(image_size_px=16), console), console)


def test_a_network_too_deep_for_its_image_is_refused(config, console):
    recipe = CnnRecipe(image_size_px=16, network=Cnn(filters=(4, 4, 4, 4)))
    message = r"tiny: the network cannot be built for 16 px .*; raise image_size_px or shorten network.filters"
    with pytest.raises(UserError, match=message):
        train(load_run(config, "tiny", recipe, console), console)
