"""What the variants of an ablation differ in."""

import pytest

from pneumo.config import NO_AUGMENTATION, Cnn, CnnRecipe, Config, ResidualRecipe
from pneumo.errors import UserError
from pneumo.nets import cnn
from pneumo.training.variants import SMALLEST_PX, leave_one_out, plain_networks

COMMON = Config().ablate.recipe
WHOLE = ResidualRecipe()


def test_plain_networks_differ_only_in_network_and_augmentation():
    variants = plain_networks(COMMON)
    recipes = [variant.recipe for variant in variants.values()]
    assert [(recipe.network.filters, recipe.network.convolution_dropout, recipe.network.dense_dropout) for recipe in recipes] == [
        *[((32, 64), 0, 0)] * 2,
        *[((32, 64), 0.25, 0.3)] * 2,
        *[((32, 64, 128), 0.25, 0.3)] * 2,
    ]
    assert [recipe.augmentation for recipe in recipes] == [NO_AUGMENTATION, COMMON.augmentation] * 3
    for recipe in recipes:
        assert recipe.network.dense_units == 64
        assert recipe.model_copy(update={"network": COMMON.network, "augmentation": COMMON.augmentation}) == COMMON


def test_plain_networks_are_drawn_in_one_panel_for_each_network_and_described():
    variants = plain_networks(COMMON)
    assert [(variant.group, variant.label) for variant in variants.values()] == [
        (network, label) for network in ("plain", "dropout", "deeper") for label in ("without augmentation", "with augmentation")
    ]
    assert variants["deeper-augmented"].description == "32, 64, 128 filters, dropout 0.25 and 0.3"
    assert variants["plain"].description == "32, 64 filters, no dropout"


def test_every_plain_network_can_be_built_at_the_smallest_size_and_a_smaller_one_is_refused():
    variants = plain_networks(CnnRecipe(image_size_px=SMALLEST_PX))
    for variant in variants.values():
        cnn.build(variant.recipe.network, SMALLEST_PX)
    with pytest.raises(UserError, match=r"ablate\.recipe.image_size_px is 21: three blocks need at least 22 px"):
        plain_networks(CnnRecipe(image_size_px=SMALLEST_PX - 1))
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        cnn.build(variants["deeper"].recipe.network, SMALLEST_PX - 1)


def differences(one, other):
    one, other = one.model_dump(exclude={"seeds"}), other.model_dump(exclude={"seeds"})
    return {name for name in one if one[name] != other[name]}


def test_leave_one_out_variants_differ_from_the_whole_recipe_in_the_component_they_are_named_after():
    variants = leave_one_out(WHOLE)
    assert next(iter(variants)) == "none"
    assert {name: differences(WHOLE, variant.recipe) for name, variant in variants.items()} == {
        "none": set(),
        "aspect ratio": {"augmentation"},
        "zoom": {"augmentation"},
        "aspect ratio and zoom": {"augmentation"},
        "photometric changes": {"augmentation"},
        "sharpness": {"augmentation"},
        "label smoothing": {"fit"},
        "residual network": {"network"},
    }
    aspect_ratio = variants["aspect ratio"].recipe.augmentation
    assert (aspect_ratio.aspect_log_range, aspect_ratio.zoom_fraction) == (0, WHOLE.augmentation.zoom_fraction)
    assert isinstance(variants["residual network"].recipe.network, Cnn)
