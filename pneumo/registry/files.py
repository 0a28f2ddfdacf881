"""The files that travel with a model, or with a result that is none."""

import hashlib
from pathlib import Path

RECORD = "record.json"
FIGURES = "figures"
RESULT = "result.json"
PREDICTIONS = "predictions.csv"
# Where `mlflow.keras` puts it, in the folder of the model.
MODEL = "data/model.keras"


def predictions(split: str) -> str:
    """Name the predictions on "validation" or "test"."""
    return f"predictions_{split}.csv"


def sha256(path: Path) -> str:
    """Return the hexadecimal digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
