"""What a careful reader expects of a report (CLAIM 2024, TRIPOD+AI, Model Cards), and where this page holds it.

An item is ticked because the page has a place of that id, and a template gives a place its id only where there is something to
show.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

# Item: what belongs to it, and the id of the place that holds it.
EXPECTED = {
    "Flow of images and patients": {"flow": "flow", "exclusions": "exclusions"},
    "Partition": {"table by part and class": "flow", "patients in several parts": "partition"},
    "Audit of the data": {"leakage": "leakage", "validation_shifted": "shortcuts", "linear pixel baseline": "linear-baseline"},
    "ROC and precision-recall, with intervals by patient bootstrap": {
        "ROC": "roc",
        "precision-recall": "precision-recall",
        "bands": "roc-bands",
        "intervals": "certainty",
    },
    "Several seeds, mean ± SD": {"seeds": "seeds"},
    "Confusion matrix at a threshold locked on validation": {"matrices": "confusion", "rule of the threshold": "threshold-rule"},
    "Specificity at 95 and 97 % sensitivity": {"fixed sensitivity": "fixed"},
    "Predictive values across prevalences": {"PPV and NPV": "predictive"},
    "Calibration on validation and test": {"reliability curve": "reliability", "Brier score and ECE": "calibration-table"},
    "Gap from validation to test": {"gap": "gap"},
    "Sensitivity by subtype": {"subtypes": "subtypes"},
    "Decision curve": {"net benefit": "decision"},
    "Robustness to JPEG quality, blur, crop and aspect ratio": {
        "curves": "robustness",
        "of the model to trust": "robustness-trusted",
    },
    "Failures with heatmaps": {"gallery": "gallery", "of the model to trust": "gallery-trusted"},
    "Paired comparison of models": {"DeLong and McNemar": "comparisons"},
    "Limits": {"limits": "limits"},
    "Model card": {
        "hashes, seeds, versions, compute": "provenance",
        "licence": "licence",
        "card of each model": "model-card",
    },
}


@dataclass(frozen=True)
class Item:
    """One thing that is expected."""

    name: str
    places: dict[str, str | None]
    """The id of each thing that belongs to it; None where the page does not hold it."""

    @property
    def held(self) -> Literal["yes", "in part", "not yet"]:
        """Tell how much of it the page holds."""
        there = [place is not None for place in self.places.values()]
        return "yes" if all(there) else "in part" if any(there) else "not yet"


def checklist(page: str) -> Sequence[Item]:
    """Look up every item in a finished page."""
    ids = set(re.findall(r'\sid="([^"]+)"', page))
    return [
        Item(name, {words: place if place in ids else None for words, place in places.items()}) for name, places in EXPECTED.items()
    ]
