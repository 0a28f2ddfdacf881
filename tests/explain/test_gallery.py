import json

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pneumo.config import Cnn, Lots
from pneumo.explain.explainer import Explainer
from pneumo.explain.gallery import write_gallery
from pneumo.nets import cnn
from tests.registry.tiny_models import tiny_record

HOSTILE = "<img src=x onerror=alert(1)>.jpeg"
RECORD = tiny_record().model_copy(update={"image_size_px": 20, "resize": "squash", "threshold": 0.4})


@pytest.fixture
def radiographs(tmp_path):
    random = np.random.default_rng(0)
    for name in (HOSTILE, "wide.jpeg"):
        Image.fromarray(random.integers(0, 256, (60, 90), dtype=np.uint8)).save(tmp_path / name, format="JPEG")
    return tmp_path


@pytest.fixture
def mistakes():
    kinds = ["false_positive", "false_negative"]
    return pd.DataFrame(
        {"path": [HOSTILE, "wide.jpeg"], "patient": ["1", "2"], "y_true": [0, 1], "y_score": [0.9, 0.2], "kind": kinds}
    )


def written_gallery(folder, radiographs, mistakes, model):
    explainer = Explainer(model, Lots())
    write_gallery(
        folder, mistakes, explainer, method="grad-cam", file_of=lambda path: radiographs / path, record=RECORD, model_sha256="abc"
    )
    return json.loads((folder / "mistakes.json").read_text())


def test_a_gallery_has_three_pictures_of_each_mistake_at_the_radiographs_aspect_ratio(tmp_path, radiographs, mistakes):
    keras.utils.set_random_seed(0)
    folder = tmp_path / "reports" / "gallery"
    gallery = written_gallery(folder, radiographs, mistakes, cnn.build(Cnn(filters=(4,), dense_units=4), 20))
    assert gallery["model_sha256"] == "abc"
    first, second = gallery["mistakes"]
    assert (first["path"], first["predicted_label"], first["true_label"]) == (HOSTILE, "PNEUMONIA", "NORMAL")
    assert (second["explained_class"], second["confidence"], second["probability"]) == ("NORMAL", 0.8, 0.2)
    assert (first["layer"], first["threshold"]) == ("convolution_1", 0.4)
    names = [name for mistake in gallery["mistakes"] for name in mistake["files"].values()]
    for name in names:
        with Image.open(folder / name) as picture:
            assert picture.size == (480, 320)
    assert sorted(path.name for path in folder.iterdir()) == sorted(["mistakes.json", *names])


def test_an_empty_map_is_marked_and_leaves_the_radiograph_unchanged(tmp_path, radiographs, mistakes):
    model = cnn.build(Cnn(filters=(4,), dense_units=4), 20)
    model.get_layer("logit").set_weights([np.zeros((4, 1)), np.zeros(1)])
    folder = tmp_path / "gallery"
    for mistake in written_gallery(folder, radiographs, mistakes, model)["mistakes"]:
        assert mistake["empty"]
        overlay = np.asarray(Image.open(folder / mistake["files"]["overlay"]))
        original = np.asarray(Image.open(folder / mistake["files"]["original"]))
        np.testing.assert_array_equal(overlay, np.repeat(original[..., None], 3, axis=2))


def test_a_new_gallery_replaces_the_old_one(tmp_path, radiographs, mistakes):
    model = cnn.build(Cnn(filters=(4,), dense_units=4), 20)
    folder = tmp_path / "gallery"
    written_gallery(folder, radiographs, mistakes, model)
    assert written_gallery(folder, radiographs, mistakes.head(0), model)["mistakes"] == []
    assert [path.name for path in folder.iterdir()] == ["mistakes.json"]
