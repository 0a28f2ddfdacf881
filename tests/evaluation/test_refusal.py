"""What the detector of frontal chest radiographs accepts and refuses, on phantoms."""

import io

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from pneumo import config
from pneumo.evaluation.frontal_detector import FrontalDetector, gradient_histograms
from pneumo.evaluation.refusal import fit_detector
from pneumo.phantom.cohort import Child, radiographs

SIZE = 64


def phantoms(first: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Squashed radiographs, (number, SIZE, SIZE), one for each child, and their labels."""
    settings = config.Phantom(size_px=SIZE)
    subtypes = [("normal", "bacterial", "viral")[index % 3] for index in range(number)]
    children = [Child("train", subtype, index, index) for index, subtype in enumerate(subtypes, first)]
    greys = [Image.fromarray(next(radiographs(child, settings)).grey) for child in children]
    return np.stack([np.asarray(grey.resize((SIZE, SIZE))) for grey in greys]), np.array(
        [kind != "normal" for kind in subtypes]
    ).astype(int)


@pytest.fixture(scope="module")
def parts() -> dict[str, np.ndarray]:
    """80 training, 60 validation and 30 other phantoms."""
    pixels, y_true = phantoms(0, 170)
    return {"training": pixels[:80], "y_true": y_true[:80], "validation": pixels[80:140], "others": pixels[140:]}


def fit(parts: dict[str, np.ndarray], **settings: float) -> FrontalDetector:
    return fit_detector(parts["training"], parts["validation"], **settings)


@pytest.fixture(scope="module")
def detector(parts) -> FrontalDetector:
    return fit(parts)


def refused(detector: FrontalDetector, pixels: np.ndarray) -> float:
    return float(detector.refuses(pixels).mean())


@pytest.mark.parametrize("most_refused", [0.0, 0.01, 0.05])
def test_no_larger_share_of_validation_is_refused_than_was_asked_for(parts, most_refused):
    assert refused(fit(parts, most_refused=most_refused), parts["validation"]) <= most_refused


def test_the_threshold_rises_where_too_many_of_validation_would_be_refused(parts):
    turned = np.rot90(parts["validation"], axes=(1, 2))
    detector = fit_detector(parts["training"], turned, most_refused=0.05)
    assert detector.threshold > 0
    assert refused(detector, turned) == pytest.approx(0.05)


def test_other_radiographs_of_the_same_kind_are_accepted(detector, parts):
    assert refused(detector, parts["others"]) <= 0.1


@pytest.mark.parametrize("change", ["quarter turn", "half turn", "upside down", "inverted", "corner"])
def test_changed_radiographs_are_refused(detector, parts, change):
    others = parts["others"]
    changed = {
        "quarter turn": np.rot90(others, axes=(1, 2)),
        "half turn": np.rot90(others, 2, axes=(1, 2)),
        "upside down": others[:, ::-1],
        "inverted": 255 - others,
        "corner": others[:, : SIZE // 2, : SIZE // 2].repeat(2, axis=1).repeat(2, axis=2),
    }[change]
    assert refused(detector, changed) >= 0.9


def test_photographs_noise_and_blank_images_are_refused(detector):
    photographs = [np.asarray(Image.fromarray(image).convert("L").resize((SIZE, SIZE))) for image in load_sample_images().images]
    noise = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE), dtype=np.uint8)
    blank = np.full((SIZE, SIZE), 128, np.uint8)
    assert refused(detector, np.stack([*photographs, noise, blank])) == 1


def test_contrast_and_brightness_hardly_change_the_gradients(parts):
    before = gradient_histograms(parts["others"])
    after = gradient_histograms((parts["others"] * 0.6 + 40).astype(np.uint8))
    between = np.abs(before[1:] - before[:-1]).mean()
    assert np.abs(after - before).mean() < between / 3


def test_gradients_are_taken_of_any_size_and_of_no_radiograph():
    for size in (48, 50, 224):
        gradients = gradient_histograms(np.random.default_rng(0).integers(0, 256, (3, size, size), dtype=np.uint8))
        assert gradients.shape == (3, 512)
        assert np.isfinite(gradients).all()
    assert gradient_histograms(np.zeros((0, 64, 64), np.uint8)).shape == (0, 512)


def test_a_radiograph_has_the_same_score_alone_and_among_others(detector, parts):
    together = detector.scores(np.concatenate([parts["others"]] * 3))
    alone = detector.scores(parts["others"][:1])
    assert together[[0, 30, 60]] == pytest.approx(np.repeat(alone, 3), rel=1e-4, abs=1e-4)


def test_a_stored_detector_is_the_same_bytes_again_and_a_damaged_one_is_refused(detector, parts):
    content = detector.to_bytes()
    loaded = FrontalDetector.from_bytes(content)
    assert loaded.to_bytes() == content
    assert loaded.threshold == detector.threshold
    assert (loaded.scores(parts["others"]) == detector.scores(parts["others"])).all()
    for damaged in (b"", b"text", content[:-200], content[: len(content) // 2]):
        with pytest.raises(ValueError, match="no detector of frontal chest radiographs"):
            FrontalDetector.from_bytes(damaged)
    with io.BytesIO() as stream:
        np.savez(stream, weights=detector.weights, threshold=np.zeros(2))
        with pytest.raises(ValueError, match="no detector"):
            FrontalDetector.from_bytes(stream.getvalue())


def test_the_same_radiographs_give_the_same_detector(detector, parts):
    again = fit(parts)
    assert again.to_bytes() == detector.to_bytes()
