"""What the registry says of a model where it lists it."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from pneumo.results.model import ModelRecord


class Entry(BaseModel):
    """One registered model as it is listed."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    version: int
    recipe: str
    created: datetime
    synthetic: bool
    aliases: tuple[str, ...]
    run_id: str
    """MLflow's run that holds the record, the predictions and the figures."""
    model_sha256: str
    data_name: str
    data_fingerprint: str
    validation_fingerprint: str | None = None
    """None in entries from before it was listed."""
    threshold: float
    validation_auroc: float | None = None
    validation_shifted_auroc: float | None = None
    """On shifted validation; None, too, in entries from before it was listed."""
    test_auroc: float | None = None
    test_accuracy: float

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return self.model_dump(mode="json")


def headline(record: ModelRecord) -> dict[str, str]:
    """Give the part of a record that a list shows, as texts: an entry is read back from them."""
    values = {
        "recipe": record.recipe,
        "created": record.created.isoformat(),
        "synthetic": record.synthetic,
        "data_name": record.data_name,
        "data_fingerprint": record.data_fingerprint,
        "validation_fingerprint": record.validation_fingerprint,
        "threshold": record.threshold,
        "validation_auroc": record.validation.auroc,
        "validation_shifted_auroc": record.validation_shifted.auroc,
        "test_auroc": record.test.auroc,
        "test_accuracy": record.test.locked.accuracy,
    }
    return {name: str(value) for name, value in values.items() if value is not None}
