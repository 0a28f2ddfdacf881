"""Selection of the test radiographs that are explained: mistakes, uncertain predictions, and phantoms with known lesions."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from pneumo.cohort.index import Cohort
from pneumo.phantom.cohort import masks
from pneumo.radiographs.decode import resize_mask
from pneumo.results.model import ModelRecord

# Fixed, so that a rerun measures the same radiographs.
SEED = 0


@dataclass(frozen=True)
class KnownLesions:
    """Radiographs (N, H, W, 1), which the model classifies as PNEUMONIA, with masks (N, H, W) of lesions, lungs and side marker."""

    images: npt.NDArray[np.uint8]
    lesions: npt.NDArray[np.bool_]
    lungs: npt.NDArray[np.bool_]
    markers: npt.NDArray[np.bool_]


def most_confident_mistakes(predictions: pd.DataFrame, threshold: float, mistakes_per_kind: int) -> pd.DataFrame:
    """Return the most confident false positives and false negatives, up to `mistakes_per_kind` of each; ties by path.

    Args:
        predictions: columns path, patient, y_true, y_score.

    Returns:
        These columns and `kind`, "false_positive" or "false_negative".
    """
    wrong = predictions[_misclassified(predictions, threshold)]
    false_positives = wrong[wrong["y_true"] == 0].sort_values(["y_score", "path"], ascending=[False, True])
    false_negatives = wrong[wrong["y_true"] == 1].sort_values(["y_score", "path"])
    selected = {"false_positive": false_positives, "false_negative": false_negatives}
    return pd.concat([table.head(mistakes_per_kind).assign(kind=kind) for kind, table in selected.items()])


def add_rows_and_mistakes(predictions: pd.DataFrame, threshold: float, cohort: Cohort) -> pd.DataFrame:
    """Return predictions with the columns `row`, in the cohort's table, and `misclassified`."""
    rows = predictions["path"].map({path: row for row, path in enumerate(cohort.table["path"])})
    return predictions.assign(row=rows.to_numpy(), misclassified=_misclassified(predictions, threshold))


def mistakes_and_uncertain(predictions: pd.DataFrame, threshold: float, radiographs: int) -> pd.DataFrame:
    """Return all mistakes, or a random sample of `radiographs` of them, filled up with the scores nearest to the threshold."""
    margin = (predictions["y_score"] - threshold).abs().where(~predictions["misclassified"], 0.0)
    shuffled = predictions.assign(margin=margin).sample(frac=1, random_state=SEED)
    return shuffled.sort_values(["misclassified", "margin"], ascending=[False, True], kind="stable").head(radiographs)


def known_lesions(
    predictions: pd.DataFrame, record: ModelRecord, cohort: Cohort, pixels: npt.NDArray[np.uint8], lesions: int
) -> KnownLesions | None:
    """Return a random sample of the phantoms correctly classified as PNEUMONIA; None if there are none, or no phantoms."""
    if not cohort.synthetic:
        return None
    true_positives = predictions[(predictions["y_true"] == 1) & ~predictions["misclassified"]]
    if true_positives.empty:
        return None
    sample = true_positives.sample(min(lesions, len(true_positives)), random_state=SEED)
    triples = [masks(cohort.root, path) for path in sample["path"]]
    lungs, lesion_masks, markers = (
        np.stack([resize_mask(mask, record.image_size_px, record.resize) for mask in kind]) for kind in zip(*triples, strict=True)
    )
    return KnownLesions(pixels[sample["row"].to_numpy()][..., None], lesion_masks, lungs, markers)


def _misclassified(predictions: pd.DataFrame, threshold: float) -> pd.Series:
    return (predictions["y_score"] >= threshold) != (predictions["y_true"] == 1)
