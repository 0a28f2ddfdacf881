"""Localization of the maps of networks trained on phantoms, whose lesions are known."""

from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import binary_dilation
from sklearn.metrics import roc_auc_score

from pneumo.config import Augmentation, Fit, Phantom, ResidualCnn
from pneumo.evaluation.heatmap_metrics import auroc_inside, energy_inside, iou_of_top, pointing_game
from pneumo.explain.activations import ActivationModel
from pneumo.explain.cam import class_activation_maps, resize_maps
from pneumo.explain.lots import Lots
from pneumo.nets import residual
from pneumo.phantom.cohort import masks, write_cohort
from pneumo.radiographs.batches import training_batches
from pneumo.training.fit import compile_model
from pneumo.training.optimizer import scheduled_optimizer

pytestmark = pytest.mark.slow

SIZE_PX = 96
NETWORK = ResidualCnn(filters=(16, 32, 48), blocks=1, dropout=0)
FIT = Fit(epochs=15, batch_size=16, optimizer="adamw", learning_rate=2e-3, schedule="cosine", precision="float32")
MIRRORED = Augmentation(rotation_degrees=0, shift_fraction=0, shear_degrees=0, zoom_fraction=0)
# Within these steps the feature approaches its target. Further steps of the same size circle around it and change pixels all over
# the radiograph: after 100, the strongest pixel was inside the lesion less often than that of Random-CAM.
LOTS_STEPS = 20
# Maps of a coarse layer can miss the marker by this distance.
MARGIN_PX = 6
FAINTEST = Phantom(patients=200, size_px=SIZE_PX, difficulty=1)


class Radiographs(NamedTuple):
    """One split of a synthetic cohort, all (N, SIZE_PX, SIZE_PX)."""

    pixels: np.ndarray
    y_true: np.ndarray
    lung: np.ndarray
    lesion: np.ndarray
    marker: np.ndarray

    def take(self, rows):
        return Radiographs(*(array[rows] for array in self))


def radiographs_of(root: Path, split: str) -> Radiographs:
    paths = sorted(path.relative_to(root).as_posix() for path in root.glob(f"{split}/*/*.jpeg"))
    pixels = [np.asarray(Image.open(root / path).resize((SIZE_PX, SIZE_PX))) for path in paths]
    truth = [[resized(mask) for mask in masks(root, path)] for path in paths]
    return Radiographs(np.stack(pixels), np.array(["PNEUMONIA" in path for path in paths]), *np.stack(truth, axis=1))


def resized(mask):
    return np.asarray(Image.fromarray(mask).convert("L").resize((SIZE_PX, SIZE_PX))) > 127


def trained_on(root):
    radiographs = radiographs_of(root, "train")
    keras.utils.set_random_seed(FIT.seed)
    model = residual.build(NETWORK, SIZE_PX)
    count = len(radiographs.pixels)
    steps = -(-count // FIT.batch_size)
    compile_model(model, FIT, scheduled_optimizer(FIT, steps))
    batches = training_batches(
        radiographs.pixels,
        np.arange(count),
        radiographs.y_true,
        augmentation=MIRRORED,
        batch_size=FIT.batch_size,
        epochs=range(FIT.epochs),
        seed=FIT.seed,
    )
    model.fit(batches, epochs=FIT.epochs, steps_per_epoch=steps, shuffle=False, verbose=0)
    return model


def scores(model, pixels):
    return model.predict(pixels[..., None].astype(np.float32), verbose=0)[:, 0]


def maps_of(model, pixels, method):
    if method == "lots":
        return Lots(model, steps=LOTS_STEPS).maps(pixels[..., None])[0]
    return resize_maps(
        class_activation_maps(ActivationModel(model), pixels[..., None], "PNEUMONIA", [method])[method], SIZE_PX, SIZE_PX
    )


@pytest.fixture(scope="module")
def lesion_network(tmp_path_factory):
    """A network trained on lesions, and its true positives in the test split."""
    root = write_cohort(Phantom(patients=200, size_px=SIZE_PX), tmp_path_factory.mktemp("easy"))
    model, test = trained_on(root), radiographs_of(root, "test")
    y_score = scores(model, test.pixels)
    assert roc_auc_score(test.y_true, y_score) > 0.9
    return model, test.take(test.y_true & (y_score >= 0.5))


@pytest.fixture(scope="module")
def random_cam(lesion_network):
    return metrics(*lesion_network, "random-cam")


def metrics(model, radiographs, method):
    maps = maps_of(model, radiographs.pixels, method)
    by_metric = {
        "pointing game": pointing_game(maps, radiographs.lesion),
        "energy inside the lesion": energy_inside(maps, radiographs.lesion),
        "energy inside the lungs": energy_inside(maps, radiographs.lung),
        "IoU": iou_of_top(maps, radiographs.lesion),
        "AUROC": auroc_inside(maps, radiographs.lesion),
    }
    return {metric: np.nanmean(values) for metric, values in by_metric.items()}


@pytest.mark.parametrize("method", ["grad-cam", "hires-cam", "lots"])
def test_maps_of_a_network_that_finds_lesions_beat_random_cam_by_every_metric(lesion_network, random_cam, method):
    ours = metrics(*lesion_network, method)
    assert {metric: value for metric, value in ours.items() if value <= random_cam[metric]} == {}


@pytest.fixture(scope="module")
def sound_network(tmp_path_factory):
    return trained_on(write_cohort(FAINTEST, tmp_path_factory.mktemp("sound")))


@pytest.fixture(scope="module")
def planted_root(tmp_path_factory):
    return write_cohort(FAINTEST.model_copy(update={"shortcut": "marker"}), tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="module")
def planted_network(planted_root):
    return trained_on(planted_root)


@pytest.fixture(scope="module")
def marked_radiographs(sound_network, planted_network, planted_root):
    """True positives of both networks in the test split with a large marker, which PNEUMONIA had where the shortcut was planted."""
    test = radiographs_of(planted_root, "test")
    sound, planted = (scores(model, test.pixels) for model in (sound_network, planted_network))
    assert roc_auc_score(test.y_true, sound) > max(0.8, roc_auc_score(test.y_true, planted))
    letters = test.marker.mean(axis=(1, 2))
    return test.take(test.y_true & (sound >= 0.5) & (planted >= 0.5) & (letters > np.median(letters)))


# LOTS towards the zero feature shows the evidence of both classes: more of it lies elsewhere.
@pytest.mark.parametrize(("method", "times"), [("grad-cam", 3), ("hires-cam", 3), ("lots", 1.5)])
def test_maps_of_a_network_that_learned_the_marker_point_at_it(sound_network, planted_network, marked_radiographs, method, times):
    at_marker = np.stack([binary_dilation(mask, np.ones((3, 3)), iterations=MARGIN_PX) for mask in marked_radiographs.marker])
    sound, planted = (maps_of(model, marked_radiographs.pixels, method) for model in (sound_network, planted_network))
    assert energy_inside(planted, at_marker).mean() > times * energy_inside(sound, at_marker).mean()
    assert pointing_game(planted, at_marker).mean() > pointing_game(sound, at_marker).mean()
    assert energy_inside(planted, marked_radiographs.lesion).mean() < energy_inside(sound, marked_radiographs.lesion).mean()
    assert pointing_game(planted, marked_radiographs.lesion).mean() < pointing_game(sound, marked_radiographs.lesion).mean()
