"""The variants of a recipe that an ablation compares."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pneumo.config import BASELINE, NO_AUGMENTATION, Cnn, CnnRecipe, Recipe, ResidualRecipe
from pneumo.errors import UserError

# The networks of reference system 003. Its convolutions are padded ("same") and these are not, which takes a pixel off each edge of
# each block and changes nothing else; its validation images were augmented like those of training, these never are.
NETWORKS = {
    "plain": Cnn(filters=(32, 64), dense_units=64, convolution_dropout=0, dense_dropout=0),
    "dropout": Cnn(filters=(32, 64), dense_units=64, convolution_dropout=0.25, dense_dropout=0.3),
    "deeper": Cnn(filters=(32, 64, 128), dense_units=64, convolution_dropout=0.25, dense_dropout=0.3),
}
SMALLEST_PX = 22
# Components of the robust recipe's augmentation, and the settings that turn each off.
AUGMENTATION_COMPONENTS: Mapping[str, Mapping[str, float]] = {
    "aspect ratio": {"aspect_log_range": 0},
    "zoom": {"zoom_fraction": 0},
    "aspect ratio and zoom": {"aspect_log_range": 0, "zoom_fraction": 0},
    "photometric changes": {"contrast_fraction": 0, "brightness_fraction": 0, "gamma_log_range": 0},
    "sharpness": {"sharpness_fraction": 0},
}


@dataclass(frozen=True)
class RecipeVariant:
    """One recipe of an ablation, and how results name it."""

    recipe: Recipe
    group: str
    label: str
    description: str


def plain_networks(common: CnnRecipe) -> dict[str, RecipeVariant]:
    """Each of three networks without and with the recipe's augmentation, by name.

    Raises:
        UserError: the images are too small for the deepest network.
    """
    if common.image_size_px < SMALLEST_PX:
        raise UserError(f"ablate.recipe.image_size_px is {common.image_size_px}: three blocks need at least {SMALLEST_PX} px")
    variants = {}
    for name, network in NETWORKS.items():
        dropout = (
            f"dropout {network.convolution_dropout:g} and {network.dense_dropout:g}" if network.dense_dropout else "no dropout"
        )
        description = f"{', '.join(map(str, network.filters))} filters, {dropout}"
        for augmented in (False, True):
            changes = {"network": network, "augmentation": common.augmentation if augmented else NO_AUGMENTATION}
            label = f"{'with' if augmented else 'without'} augmentation"
            variant = RecipeVariant(common.model_copy(update=changes), name, label, description)
            variants[f"{name}-augmented" if augmented else name] = variant
    return variants


def leave_one_out(whole: ResidualRecipe) -> dict[str, RecipeVariant]:
    """The whole recipe as "none", and the recipe without each of its components, by the component that is left out."""
    recipes: dict[str, Recipe] = {"none": whole}
    for name, changes in AUGMENTATION_COMPONENTS.items():
        recipes[name] = whole.model_copy(update={"augmentation": whole.augmentation.model_copy(update=dict(changes))})
    recipes["label smoothing"] = whole.model_copy(update={"fit": whole.fit.model_copy(update={"label_smoothing": 0})})
    common: dict[str, Any] = {name: getattr(whole, name) for name in Recipe.model_fields if name != "network"}
    recipes["residual network"] = CnnRecipe(**common, network=BASELINE.network)
    return {
        name: RecipeVariant(recipe, name, "left out", "the whole recipe" if name == "none" else f"without {name}")
        for name, recipe in recipes.items()
    }
