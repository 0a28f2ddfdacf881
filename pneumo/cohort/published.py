"""Whether a cohort is the published one, whose licence and limits are known."""

import pandas as pd

TRAINING_FILMS = {"NORMAL": 1341, "PNEUMONIA": 3875}
_PATIENT = r"bacteria-\d+|virus-\d+|(?:NORMAL2-)?IM-\d+"


def is_published(table: pd.DataFrame) -> bool:
    """Tell whether these are the radiographs of Kermany et al. (Cell 172, 2018), by the size of `train` and the names of patients.

    The test split may be a part of the published one. Where something else was left out, nobody knows: no.

    Args:
        table: columns split, label and patient.
    """
    counts = table.loc[table["split"] == "train", "label"].value_counts().to_dict()
    return counts == TRAINING_FILMS and bool(table["patient"].str.fullmatch(_PATIENT).all())
