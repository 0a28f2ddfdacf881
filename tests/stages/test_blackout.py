"""The blackout command on radiographs whose label is known to be in the lungs and in the frame."""

import io

import keras
import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from pneumo.cli import USER_MISTAKE, main
from pneumo.cohort.index import index
from pneumo.cohort.splits import partition
from pneumo.config import Config
from pneumo.registry import LungModels, Registry
from pneumo.results.blackout import Blackouts
from pneumo.results.files import load_result
from pneumo.stages import blackout
from tests.registry.test_lungs import lung_record
from tests.registry.tiny_models import tiny_record

pytestmark = pytest.mark.slow

SIDE = 32
ROWS, COLUMNS = np.mgrid[:SIDE, :SIDE]
LUNGS = ((ROWS - 15) / 10) ** 2 + ((np.abs(COLUMNS - 15.5) - 7) / 4.5) ** 2 <= 1
CORNER = (ROWS < 4) & (COLUMNS < 4)
WHITE = 255


def radiograph(pneumonia, rng):
    """Lungs of about 130 in the dark; with PNEUMONIA both the lungs and a corner are brighter."""
    image = rng.normal(40, 6, (SIDE, SIDE))
    image[LUNGS] = rng.normal(150 if pneumonia else 120, 6, LUNGS.sum())
    image[CORNER] = rng.normal(60 if pneumonia else 25, 4, CORNER.sum())
    return Image.fromarray(image.clip(0, WHITE).astype(np.uint8))


def brightness_of(region, middle):
    """A classifier by the mean grey value of a region."""
    inputs = keras.Input((SIDE, SIDE, 1))
    x = keras.layers.Rescaling(1 / WHITE)(inputs)
    x = keras.layers.Conv2D(1, 1, activation="relu", kernel_initializer="ones", name="convolution")(x)
    logit = keras.layers.Dense(1, name="logit", dtype="float32")
    model = keras.Model(inputs, keras.layers.Activation("sigmoid", dtype="float32")(logit(keras.layers.Flatten()(x))))
    weights = 60 * region.ravel()[:, None] / region.sum()
    logit.set_weights([weights.astype(np.float32), np.array([-60 * middle / WHITE], np.float32)])
    return model


def bright_pixels(threshold=90):
    """A segmentation by the grey value of each pixel."""
    inputs = keras.Input((SIDE, SIDE, 1))
    logit = keras.layers.Conv2D(1, 1, name="logit")
    model = keras.Model(inputs, keras.layers.Activation("sigmoid")(logit(inputs)))
    logit.set_weights([np.ones((1, 1, 1, 1), np.float32), np.array([-threshold], np.float32)])
    return model


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    root, rng = tmp_path_factory.mktemp("project"), np.random.default_rng(0)
    for split, number in (("train", 40), ("val", 1), ("test", 2)):
        for label in ("NORMAL", "PNEUMONIA"):
            folder = root / "chest_xray" / split / label
            folder.mkdir(parents=True)
            for patient in range(number):
                name = f"IM-{split}{patient:04}-0001" if label == "NORMAL" else f"person{number}{patient}_virus_1"
                radiograph(label == "PNEUMONIA", rng).save(folder / f"{name}.png")
    config = Config(
        data=root / "chest_xray",
        cohort={"cache_dir": root / "data", "patient_pattern": "file"},
        protocol={"validation_fraction": 0.5},
        registry={"directory": root / "models"},
        report={"directory": root / "reports"},
        blackout={"margin": 0.05},
    )
    cohort = index(config.data, config.cohort)
    radiographs = cohort.table[partition(cohort, config.protocol) == "validation"]
    y_true = (radiographs["label"] == "PNEUMONIA").astype(int)
    table = radiographs[["path", "patient"]].assign(y_true=y_true, y_score=0.5)
    changes = {"data_fingerprint": cohort.fingerprint, "protocol_fingerprint": config.protocol.fingerprint, "image_size_px": SIDE}
    # The stage would fail if it read the test radiograph, which does not exist.
    predictions = {"validation": table, "validation_shifted": table, "test": table.assign(path="absent.jpeg")}
    for recipe, model in (("frame", brightness_of(CORNER, 42)), ("lungs", brightness_of(LUNGS, 135))):
        Registry(config.registry).add(tiny_record(recipe).model_copy(update=changes), model, predictions)
    return config


def run(config):
    """Run the command; return the saved results by recipe, and the output."""
    console = Console(file=io.StringIO(), width=400)
    assert blackout.run(config, console) is None
    saved = load_result(config.report.directory / "blackout.json", Blackouts)
    return {model.recipe: model for model in saved.models}, console.file.getvalue()


def arguments(config):
    return [
        "blackout", f"--data={config.data}", f"--cohort.cache_dir={config.cohort.cache_dir}", "--cohort.patient_pattern=file",
        "--protocol.validation_fraction=0.5", f"--registry.directory={config.registry.directory}",
        f"--report.directory={config.report.directory}",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def refusal(config):
    """Exit status and standard error of the command before a segmentation is registered."""
    with pytest.MonkeyPatch.context() as patch:
        printed = io.StringIO()
        patch.setattr("sys.stderr", printed)
        return main(arguments(config)), printed.getvalue()


@pytest.fixture(scope="module")
def measured(config, refusal):  # noqa: ARG001 (runs before a segmentation is registered)
    LungModels(config.registry).add(lung_record(), bright_pixels())
    return run(config)


def test_without_a_segmentation_the_error_is_one_line_with_status_2(refusal):
    status, printed = refusal
    assert status == USER_MISTAKE
    assert printed.startswith("pneumo: No lung segmentation is registered in ")
    assert printed.endswith("run `pneumo lungs` first\n")
    assert printed.count("\n") == 1


def aurocs(model):
    return {(condition.removed, condition.fill): condition.auroc.value for condition in model.conditions}


def test_a_model_that_looks_only_at_the_frame_keeps_its_auroc_without_lungs(measured):
    values = aurocs(measured[0]["frame"])
    assert values["nothing", None] > 0.95
    assert values["lungs", "black"] == values["lungs", "mean"] == values["nothing", None]
    assert values["surroundings", "black"] == 0.5
    assert "it may use something else" in measured[0]["frame"].verdict


def test_a_model_that_looks_only_at_the_lungs_loses_its_auroc_without_them(measured):
    values = aurocs(measured[0]["lungs"])
    assert values["nothing", None] > 0.95
    assert values["surroundings", "black"] == values["surroundings", "mean"] == values["nothing", None]
    assert values["lungs", "black"] == 0.5


def test_masks_and_heatmaps_are_counted(measured, config):
    for model in measured[0].values():
        assert model.checked == model.accepted == model.images == 40
        assert set(model.energy) == {"NORMAL", "PNEUMONIA"}
        # Brightness is evidence for PNEUMONIA alone.
        assert model.energy["PNEUMONIA"].energy.mean > LUNGS.mean()
        assert model.energy["NORMAL"].energy.undefined == model.energy["NORMAL"].energy.images
        for lungs in model.energy.values():
            assert lungs.area.mean == pytest.approx(LUNGS.mean(), abs=0.01)
    assert "Next: pneumo report" in measured[1]
    again, output = run(config)
    assert again == measured[0]
    assert output.count("(measured before)") == 2


def test_a_new_segmentation_makes_the_controls_outdated(measured, config):
    del measured
    LungModels(config.registry).add(lung_record(seed=1), bright_pixels(91))
    _, output = run(config)
    assert "(measured before)" not in output
