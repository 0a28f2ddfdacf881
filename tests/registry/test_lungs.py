"""Lung segmentations in the registry, beside the classifiers."""

import keras
import numpy as np
import pytest

from pneumo import config
from pneumo.config import UNet
from pneumo.errors import UserError
from pneumo.nets import build_network
from pneumo.registry import LungModels
from pneumo.results.lungs import DiceScores, LungRecord, MaskCheck
from tests.registry.tiny_models import register, registry_in
from tests.tiny_experiments import provenance_fields


def tiny_unet() -> keras.Model:
    return build_network(UNet(filters=(2, 4)), 16, 0)


def lung_record(**changes) -> LungRecord:
    check = MaskCheck.of([None, None, "one part", None], data_name="chest_xray", data_fingerprint="f00d", synthetic=False)
    return LungRecord(
        **provenance_fields("5e7"),
        image_size_px=16,
        preprocessing="grey 0..255 in",
        settings={"fit": {"epochs": 2}},
        training_phantoms=18,
        validation_phantoms=2,
        dice=DiceScores.of(np.array([0.9, 0.8])),
        dice_augmented=DiceScores.of(np.array([0.7, 0.8])),
        masks=check,
        history={"loss": [0.7, 0.6], "val_iou": [0.1, 0.2]},
        parameters=99,
        training_seconds=1.5,
        seed=0,
        precision="float32",
        precision_reason="asked for",
    ).model_copy(update=changes)


def lung_models(folder) -> LungModels:
    return LungModels(config.Registry(directory=folder))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A registry with a segmentation, a classifier, and another segmentation, in this order."""
    folder = tmp_path_factory.mktemp("models")
    figure = folder / "sheet.png"
    figure.write_bytes(b"a picture")
    model = tiny_unet()
    lung_models(folder).add(lung_record(), model, [figure])
    register(registry_in(folder))
    lung_models(folder).add(lung_record(seed=1), model)
    return folder, model


def test_a_segmentation_is_listed_with_its_dice_and_accepted_masks(finished):
    entries = lung_models(finished[0]).entries()
    assert [entry.version for entry in entries] == [1, 2]
    entry = lung_models(finished[0]).newest()
    assert entry == entries[-1]
    assert (entry.dice, entry.checked, entry.accepted, entry.checked_on) == (pytest.approx(0.85), 4, 3, "chest_xray")


def test_record_and_network_come_back_as_they_were(finished):
    folder, model = finished
    models = lung_models(folder)
    assert models.record(models.newest()) == lung_record(seed=1)
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 1)).astype("float32")
    np.testing.assert_array_equal(models.load(models.newest()).predict(images, verbose=0), model.predict(images, verbose=0))


def test_the_classifiers_do_not_see_it(finished):
    registry = registry_in(finished[0])
    assert [(entry.version, entry.recipe, entry.aliases) for entry in registry.entries()] == [(1, "baseline", ("champion",))]
    assert registry.unreadable() == []
    for reference in ("lungs", "lung-segmentation"):
        with pytest.raises(UserError, match=f"No model `{reference}`"):
            registry.promote(reference)


def test_a_failed_registration_leaves_nothing_listed_and_the_next_one_works(tmp_path):
    def interrupted():
        raise KeyboardInterrupt
        yield

    register(registry_in(tmp_path))
    models = lung_models(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        models.add(lung_record(), tiny_unet(), interrupted())
    assert models.entries() == []
    with pytest.raises(UserError, match=r"No lung segmentation is registered in .*: run `pneumo lungs` first"):
        models.newest()
    assert models.add(lung_record(), tiny_unet()).version == 1
    assert registry_in(tmp_path).get("champion").version == 1


def test_a_changed_file_is_detected(tmp_path):
    models = lung_models(tmp_path)
    entry = models.add(lung_record(), tiny_unet())
    (file,) = tmp_path.rglob("model.keras")
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"The file of lung segmentation 1 in .* is not the one that was registered") as raised:
        models.load(entry)
    assert "\n" not in str(raised.value)


def test_an_empty_registry_lists_nothing_and_writes_nothing(tmp_path):
    assert lung_models(tmp_path / "models").entries() == []
    assert list(tmp_path.iterdir()) == []


def test_the_sentence_on_masks_names_the_reasons():
    assert lung_record().masks.sentence == (
        "3 of 4 masks (75%) on training radiographs of chest_xray are accepted; rejected: one part 1"
    )
    check = MaskCheck.of([None], data_name="a", data_fingerprint="b", synthetic=True)
    assert check.sentence.endswith("are accepted; rejected: none")
