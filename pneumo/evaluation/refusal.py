"""Fitting of the detector that refuses what is no upright frontal chest radiograph.

It is fitted to training radiographs alone. What it is to refuse is made from them as well: turned, inverted and cropped copies
(Golan & El-Yaniv 2018; Hendrycks et al. 2019). Mildly changed copies stand for radiographs of other hospitals, which it is to
accept. Its threshold is where refusing becomes the more likely class, unless more of validation than allowed would be refused.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import numpy.typing as npt
from PIL import Image
from sklearn.linear_model import LogisticRegression

from pneumo.evaluation.frontal_detector import FrontalDetector, Pixels, gradient_histograms

MAX_TRAINING = 2000
"""Training radiographs whose gradients are used, at most."""
MAX_NEGATIVES = 1000
"""Copies made by each transformation, at most."""
CHANGED_COPIES = 2
"""Mildly changed copies of each training radiograph."""
SEED = 0
_INVERSE_PENALTY = 0.1
_ITERATIONS = 400
_WHITE = 255
# Limits of the mild changes: patients lie askew, collimation and exposure differ, and the heart may lie on the right.
_DEGREES, _ZOOM, _SHIFT = 7, (0.85, 1.18), 0.08
_LOG_GAMMA, _CONTRAST, _BRIGHTNESS = 0.5, (0.6, 1.3), 0.1

Transformation = Callable[[Pixels], Pixels]


def fit_detector(training_pixels: Pixels, validation_pixels: Pixels, *, most_refused: float = 0.01) -> FrontalDetector:
    """Fit a detector to training radiographs, and set its threshold.

    Args:
        training_pixels: (N, S, S), as the network sees them; may be memory-mapped.
        validation_pixels: (V, S, S).
        most_refused: share of the validation radiographs that may be refused, in 0..1; of fewer than its inverse, none is.
    """
    generator = np.random.default_rng(SEED)
    drawn = np.sort(generator.permutation(len(training_pixels))[:MAX_TRAINING])
    pixels = np.asarray(training_pixels[drawn])
    copies = np.concatenate([pixels, *(_changed(pixels, generator) for _ in range(CHANGED_COPIES))])
    weights = _weights(gradient_histograms(copies), gradient_histograms(_negatives(copies, generator)))
    scores = np.sort(FrontalDetector(weights, threshold=np.inf).scores(validation_pixels))
    return FrontalDetector(weights, threshold=max(0.0, float(scores[-1 - int(most_refused * len(scores))])))


def _weights(accepted: npt.NDArray[np.float32], refused: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Weights and intercept, (G + 1,), of a logistic regression between gradient histograms (N, G) of the two."""
    points, labels = np.concatenate([accepted, refused]), np.repeat([0, 1], [len(accepted), len(refused)])
    fitted = LogisticRegression(C=_INVERSE_PENALTY, max_iter=_ITERATIONS).fit(points, labels)
    return np.append(fitted.coef_[0], fitted.intercept_).astype(np.float32)


def _negatives(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Copies that are to be refused, (M, S, S)."""
    return np.concatenate([change(pixels[generator.permutation(len(pixels))[:MAX_NEGATIVES]]) for change in _transformations()])


def _transformations() -> Iterator[Transformation]:
    """What makes of upright frontal radiographs images that are none: turning, flipping, inverting, and cropping to a quarter."""
    for quarter_turns in (1, 2, 3):
        yield partial(np.rot90, k=quarter_turns, axes=(1, 2))
    yield lambda pixels: pixels[:, ::-1]
    yield lambda pixels: _WHITE - pixels
    for top in (False, True):
        for left in (False, True):
            yield partial(_quarter, top=top, left=left)


def _quarter(pixels: Pixels, *, top: bool, left: bool) -> Pixels:
    """One quarter of radiographs (N, S, S), enlarged to their size."""
    size = pixels.shape[1]
    half = size // 2
    row, column = 0 if top else size - half, 0 if left else size - half
    box = (column, row, column + half, row + half)
    return np.stack([np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR, box)) for image in pixels])


def _changed(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Changed copies, (N, S, S)."""
    return np.stack([_changed_exposure(_changed_position(image, generator), generator) for image in pixels])


def _changed_position(image: Pixels, generator: np.random.Generator) -> Pixels:
    """A radiograph (S, S) turned, stretched and shifted about its centre, and mirrored in half of the draws; black beyond it."""
    size = len(image)
    angle = np.deg2rad(generator.uniform(-_DEGREES, _DEGREES))
    zoom = generator.uniform(*_ZOOM, size=2)
    mirror = generator.choice([-1, 1])
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    # From pixels of the copy to pixels of the radiograph, as Pillow takes it.
    linear = turn / zoom * np.array([mirror, 1])
    centre = np.full(2, size / 2)
    offset = centre - linear @ centre + generator.uniform(-_SHIFT, _SHIFT, size=2) * size
    coefficients = np.column_stack([linear, offset]).ravel().tolist()
    copy = Image.fromarray(image).transform((size, size), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
    return np.asarray(copy)


def _changed_exposure(image: Pixels, generator: np.random.Generator) -> Pixels:
    """A radiograph (S, S) with another gamma, contrast and brightness."""
    gamma = np.exp(generator.uniform(-_LOG_GAMMA, _LOG_GAMMA))
    contrast, brightness = generator.uniform(*_CONTRAST), generator.uniform(-_BRIGHTNESS, _BRIGHTNESS)
    levels = (np.arange(_WHITE + 1) / _WHITE) ** gamma
    table = np.clip((levels - 0.5) * contrast + 0.5 + brightness, 0, 1) * _WHITE
    return np.asarray(np.rint(table).astype(np.uint8)[image])
