import pytest

from pneumo.config import Config, Recipe
from pneumo.errors import UserError
from pneumo.nets import cnn
from pneumo.stages.ablate import SMALLEST_PX, UNCHANGED, variants

COMMON = Config().ablate.recipe


def test_the_variants_differ_in_network_and_augmentation_alone():
    found = variants(COMMON)
    assert [
        (recipe.network.filters, recipe.network.convolution_dropout, recipe.network.dense_dropout) for recipe in found.values()
    ] == [
        *[((32, 64), 0, 0)] * 2,
        *[((32, 64), 0.25, 0.3)] * 2,
        *[((32, 64, 128), 0.25, 0.3)] * 2,
    ]
    assert [recipe.augmentation for recipe in found.values()] == [UNCHANGED, COMMON.augmentation] * 3
    for recipe in found.values():
        assert recipe.network.dense_units == 64
        assert recipe.model_copy(update={"network": COMMON.network, "augmentation": COMMON.augmentation}) == COMMON


def test_every_network_can_be_built_at_the_smallest_size_and_a_smaller_one_is_refused():
    for recipe in variants(Recipe(image_size_px=SMALLEST_PX)).values():
        cnn.build(recipe.network, SMALLEST_PX)
    with pytest.raises(UserError, match=r"ablate\.recipe.image_size_px is 21: three blocks need at least 22 px"):
        variants(Recipe(image_size_px=SMALLEST_PX - 1))
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        cnn.build(variants(Recipe(image_size_px=SMALLEST_PX))["deeper"].network, SMALLEST_PX - 1)
