"""How well a network trained on subtypes tells viral from bacterial pneumonia."""

import pandas as pd

from pneumo.evaluation import weighted_scores
from pneumo.evaluation.bootstrap import Estimate, estimates
from pneumo.evaluation.scores import Result

BACTERIAL, VIRAL = "bacterial", "viral"


class SubtypeScores(Result):
    """Discrimination of viral from bacterial pneumonia on one part, among its radiographs with PNEUMONIA of known subtype."""

    bacterial: int
    """Radiographs."""
    viral: int
    auroc: Estimate
    """With an interval by patient bootstrap."""


def subtype_scores(predictions: pd.DataFrame) -> SubtypeScores | None:
    """Score the column viral_score, P(viral | PNEUMONIA), against the column subtype.

    Args:
        predictions: also with the column patient.

    Returns:
        None where the network has no such scores, or a subtype is missing.
    """
    if "viral_score" not in predictions:
        return None
    known = predictions[predictions["subtype"].isin([BACTERIAL, VIRAL])]
    viral = (known["subtype"] == VIRAL).to_numpy().astype(int)
    if not 0 < viral.sum() < len(viral):
        return None
    intervals, _ = estimates(known["patient"], {"auroc": weighted_scores.auroc(viral, known["viral_score"].to_numpy())})
    return SubtypeScores(bacterial=int((1 - viral).sum()), viral=int(viral.sum()), auroc=intervals["auroc"])
