"""Patient and subtype of one path, as the cohort's index reads them from names."""

import pandas as pd

from pneumo.cohort.names import from_names, without_suffix


def subtype_and_patient(path: str) -> tuple[str, str]:
    """Subtype and patient of a radiograph at split/label/name; under an unknown scheme each file is a patient of its own."""
    named = from_names(pd.Series([path])).iloc[0]
    subtype = "normal" if path.split("/")[1] == "NORMAL" else named["subtype"] or "unknown"
    return subtype, named["patient"] or without_suffix(path)
