import json

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pneumo.config import Cnn, Lots
from pneumo.explain.explainer import Explainer
from pneumo.explain.gallery import most_confident_mistakes, write_gallery
from pneumo.figures import heatmap as render
from pneumo.nets import cnn

HOSTILE = "<img src=x onerror=alert(1)>.jpeg"


@pytest.fixture
def predictions():
    return pd.DataFrame(
        {
            "path": list("abcdefgh"),
            "patient": [f"p{n}" for n in range(8)],
            "y_true": [0, 0, 0, 1, 1, 1, 0, 1],
            "y_score": [0.9, 0.7, 0.2, 0.1, 0.3, 0.8, 0.6, 0.6],
        }
    )


def test_mistakes_are_those_at_the_locked_threshold_the_most_confident_first(predictions):
    found = most_confident_mistakes(predictions, threshold=0.65, cases=5)
    assert list(zip(found["path"], found["kind"], strict=True)) == [
        ("a", "false_positive"),
        ("b", "false_positive"),
        ("d", "false_negative"),
        ("e", "false_negative"),
        ("h", "false_negative"),
    ]
    assert list(most_confident_mistakes(predictions, threshold=0.65, cases=1)["path"]) == ["a", "d"]


def test_a_score_at_the_threshold_is_called_pneumonia(predictions):
    assert "g" in set(most_confident_mistakes(predictions, threshold=0.6, cases=5)["path"])
    assert "h" not in set(most_confident_mistakes(predictions, threshold=0.6, cases=5)["path"])


def test_without_mistakes_there_are_no_cases(predictions):
    right = predictions.assign(y_score=predictions["y_true"].astype(float))
    assert most_confident_mistakes(right, 0.5, 5).empty


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


def gallery(folder, radiographs, mistakes, model):
    write_gallery(
        folder,
        mistakes,
        Explainer(model, Lots()),
        method="grad-cam",
        root=radiographs,
        image_size_px=20,
        resize="squash",
        threshold=0.4,
        model_sha256="abc",
    )
    return json.loads((folder / "cases.json").read_text())


def test_a_gallery_holds_three_pictures_a_case_at_the_radiographs_own_aspect_ratio(tmp_path, radiographs, mistakes):
    keras.utils.set_random_seed(0)
    folder = tmp_path / "reports" / "gallery"
    written = gallery(folder, radiographs, mistakes, cnn.build(Cnn(filters=(4,), dense_units=4), 20))
    assert written["model_sha256"] == "abc"
    first, second = written["cases"]
    assert (first["path"], first["predicted_label"], first["true_label"]) == (HOSTILE, "PNEUMONIA", "NORMAL")
    assert (second["explained_class"], second["confidence"], second["probability"]) == ("NORMAL", 0.8, 0.2)
    assert first["layer"] == "convolution_1"
    for case in written["cases"]:
        for file in case["files"].values():
            with Image.open(folder / file) as picture:
                assert picture.size == (480, 320)
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["cases.json", *(file for case in written["cases"] for file in case["files"].values())]
    )


def test_an_empty_map_is_marked_and_leaves_the_radiograph_untouched(tmp_path, radiographs, mistakes):
    model = cnn.build(Cnn(filters=(4,), dense_units=4), 20)
    model.get_layer("logit").set_weights([np.zeros((4, 1)), np.zeros(1)])
    folder = tmp_path / "gallery"
    for case in gallery(folder, radiographs, mistakes, model)["cases"]:
        assert case["empty"]
        overlay = np.asarray(Image.open(folder / case["files"]["overlay"]))
        original = np.asarray(Image.open(folder / case["files"]["original"]))
        np.testing.assert_array_equal(overlay, np.repeat(original[..., None], 3, axis=2))


def test_a_new_gallery_replaces_the_old_one_whole(tmp_path, radiographs, mistakes):
    model = cnn.build(Cnn(filters=(4,), dense_units=4), 20)
    folder = tmp_path / "gallery"
    gallery(folder, radiographs, mistakes, model)
    assert len(gallery(folder, radiographs, mistakes.head(0), model)["cases"]) == 0
    assert [path.name for path in folder.iterdir()] == ["cases.json"]


def test_shares_of_the_maximum_are_between_none_and_all():
    np.testing.assert_allclose(render.as_share_of_maximum(np.array([[0.0, 2.0, 4.0]], np.float32)), [[0, 0.5, 1]])
    assert not render.as_share_of_maximum(np.zeros((2, 2), np.float32)).any()


def test_brighter_colours_mean_stronger_evidence():
    ramp = np.asarray(render.heatmap(np.linspace(0, 1, 64, dtype=np.float32)[None])).astype(float)
    luminance = ramp[0] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > 0).all()
