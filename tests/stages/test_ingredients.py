"""What is left out of the robust recipe, and the whole of it run on a small phantom."""

import io

import pytest
from rich.console import Console

from pneumo.cohort.index import index
from pneumo.config import Cnn, Config, Robust
from pneumo.registry import Registry
from pneumo.results.ingredients import Ingredients
from pneumo.stages import ingredients
from pneumo.stages.ingredients import variants

WHOLE = Robust()


def differences(one, other):
    one, other = one.model_dump(exclude={"seeds"}), other.model_dump(exclude={"seeds"})
    return {name for name in one if one[name] != other[name]}


def test_each_variant_differs_from_the_whole_in_what_it_is_named_after():
    found = variants(WHOLE)
    assert next(iter(found)) == "nothing"
    assert {name: differences(WHOLE, recipe) for name, recipe in found.items()} == {
        "nothing": set(),
        "stretch": {"augmentation"},
        "zoom": {"augmentation"},
        "stretch and zoom": {"augmentation"},
        "photometric changes": {"augmentation"},
        "sharpness": {"augmentation"},
        "label smoothing": {"fit"},
        "residual network": {"network"},
    }
    assert found["stretch"].augmentation.zoom_fraction == WHOLE.augmentation.zoom_fraction
    assert found["stretch"].augmentation.aspect_log_range == 0
    assert isinstance(found["residual network"].network, Cnn)


@pytest.mark.slow
def test_test_is_opened_once_a_variant_after_all_were_trained(tmp_path, monkeypatch):
    # One change of the augmentation stands for all five, which take minutes.
    monkeypatch.setattr(ingredients, "OF_AUGMENTATION", {"stretch": ingredients.OF_AUGMENTATION["stretch"]})
    recipe = {"image_size_px": 64, "network": {"filters": (4, 8), "blocks": 1}, "fit": {"epochs": 1, "precision": "float32"}}
    config = Config(
        cohort={"cache_dir": tmp_path / "data", "phantom": {"patients": 60, "size_px": 64}},
        registry={"directory": tmp_path / "models"},
        robust=recipe,
    )
    console = Console(file=io.StringIO(), width=200)
    ingredients.run(config, console)
    registry = Registry(config.registry)
    openings = registry.test_accesses(index(config).fingerprint)
    assert len(openings) == len(variants(config.robust)) == 4
    (kept,) = registry.newest_experiments(Ingredients, openings[0].data_fingerprint)
    assert [each.name for each in kept.result.variants] == list(variants(config.robust))
    assert set(kept.predictions["part"]) == {"validation", "validation_shifted", "test"}
    for each in kept.result.variants:
        assert each.test.images == (kept.predictions.query("variant == @each.name and part == 'test'")).shape[0]
    assert not list(config.registry.directory.rglob("state"))
    # Which was trained last is said before the first opening: one line for each, then the table.
    assert console.file.getvalue().index("4 of 4") < console.file.getvalue().index("test accuracy")
