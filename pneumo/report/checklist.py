"""Items that reporting guidelines expect (CLAIM 2024, TRIPOD+AI, Model Cards), and where the page covers them.

An item is covered where the page has an element with its id. Templates set these ids only where there is something to show.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

# Item: its components, and the id of the element that covers each.
ITEMS = {
    "Flow of images and patients": {"flow": "flow", "exclusions": "exclusions"},
    "Partition": {"table by part and class": "flow", "patients in several parts": "partition"},
    "Audit of the data": {"leakage": "leakage", "shortcuts": "shortcuts", "linear pixel baseline": "linear-baseline"},
    "ROC and precision-recall curves, with intervals by patient bootstrap": {
        "ROC": "roc",
        "precision-recall": "precision-recall",
        "bands": "roc-bands",
        "intervals": "certainty",
    },
    "Several seeds, mean ± SD": {"seeds": "seeds"},
    "Confusion matrix at a threshold locked on validation": {"matrices": "confusion", "threshold rule": "threshold-rule"},
    "Specificity at 95 and 97 % sensitivity": {"operating points": "fixed"},
    "Predictive values by prevalence": {"PPV and NPV": "predictive"},
    "Calibration on validation and test": {"reliability curves": "reliability", "Brier score and ECE": "calibration-table"},
    "Gap between validation and test": {"gap": "gap"},
    "Sensitivity by subtype of pneumonia": {"subtypes": "subtypes"},
    "Decision curve": {"net benefit": "decision"},
    "Robustness to JPEG quality, blur, crop and aspect ratio": {
        "curves": "robustness",
        "of the selected model": "robustness-selected",
    },
    "External validation: other cohorts, at the locked threshold": {
        "scores with intervals": "other-cohorts-table",
        "of the selected model": "other-cohorts-selected",
        "by subgroup": "other-cohorts-subgroups",
    },
    "Mistakes with heatmaps": {"gallery": "gallery", "of the selected model": "gallery-selected"},
    "Paired comparison of models": {"DeLong and McNemar": "comparisons"},
    "Limitations": {"limitations": "limits"},
    "Model card": {
        "hashes, seeds, versions, compute": "provenance",
        "licence": "licence",
        "card of each model": "model-card",
    },
}


@dataclass(frozen=True)
class Item:
    """An item of the checklist."""

    name: str
    places: dict[str, str | None]
    """Id of the element that covers each component; None where the page has none."""

    @property
    def covered(self) -> Literal["yes", "in part", "not yet"]:
        """How much of the item the page covers."""
        present = [place is not None for place in self.places.values()]
        return "yes" if all(present) else "in part" if any(present) else "not yet"


def checklist(page: str) -> Sequence[Item]:
    """Return all items with the places where a finished page covers them."""
    ids = set(re.findall(r'\sid="([^"]+)"', page))
    return [
        Item(name, {component: place if place in ids else None for component, place in places.items()})
        for name, places in ITEMS.items()
    ]
