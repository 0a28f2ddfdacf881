"""Another cohort than the one that a registered model was trained on, without the radiographs that both have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pneumo.cohort.index import Cohort, index
from pneumo.config import Config
from pneumo.errors import UserError
from pneumo.files import printable
from pneumo.registry import Entry, Registry
from pneumo.registry.runs import OWN_RADIOGRAPHS
from pneumo.registry.test_access import AUDIT, Access
from pneumo.results.provenance import provenance

MAX_SHARED = 0.5
"""Largest share of a cohort that may be left out: one that shares more is the model's own, differently arranged."""
OTHER_COHORT = "give another cohort with --data"


@dataclass(frozen=True, eq=False)
class OtherCohort:
    """A cohort, and those of its radiographs that a model may be scored on, whatever their split."""

    cohort: Cohort
    rows: np.ndarray
    """(N,), of the cohort's table."""
    left_out: int | None
    """Other rows, of patients with a radiograph of the model's own cohort; None where this cannot be checked."""

    @property
    def table(self) -> pd.DataFrame:
        """A row for each of the radiographs."""
        return self.cohort.table.iloc[self.rows]

    def fields(self, entry: Entry, threshold: float, accesses: Sequence[Access]) -> dict[str, Any]:
        """Return the fields of `OnOtherCohort` of a model that was scored here, with this access the last of the logged ones."""
        cohort = self.cohort
        return provenance(cohort, entry.protocol_fingerprint) | {
            "version": entry.version,
            "recipe": entry.recipe,
            "model_sha256": entry.model_sha256,
            "training_data_name": entry.data_name,
            "training_data_fingerprint": entry.data_fingerprint,
            "threshold": threshold,
            "left_out": self.left_out,
            "foreign": dict(cohort.foreign),
            "problems": cohort.left_out.groupby("problem")["path"].nunique().to_dict(),
            "patients_known": cohort.patients_known,
            "patients_from": cohort.patients_from,
            "accesses": sum(access.recipe != AUDIT for access in accesses),
        }


def load_other_cohort(config: Config, registry: Registry, entry: Entry) -> OtherCohort:
    """Index the cohort of the settings, to score a model on it that was trained on another one.

    Raises:
        UserError: none is given, or it is the one that the model was trained on, or most of it.
    """
    # A model of patients is not scored on the phantoms that stand in where no data are given.
    if config.data is None and not entry.synthetic:
        raise UserError(f"no cohort is given to score {entry.recipe} on; {OTHER_COHORT}")
    cohort = index(config.data, config.cohort, to_train=False)
    return OtherCohort(cohort, *_other_radiographs(registry, entry, cohort))


def _other_radiographs(registry: Registry, entry: Entry, cohort: Cohort) -> tuple[np.ndarray, int | None]:
    """Return the rows of the cohort that the model's own cohort does not have, and the number of the rows that it has.

    A patient with one radiograph of the own cohort is left out with all; the number is None where this cannot be checked.

    Raises:
        UserError: the cohort is the one that the model was trained on, or most of it.
    """
    name = f"{printable(cohort.root.name)} is the cohort that {entry.recipe} v{entry.version} was trained on"
    content = registry.attachment(entry, OWN_RADIOGRAPHS)
    own = None if content is None else set(content.decode().split())
    # Where splits were drawn for training, the fingerprints differ. A cohort that a model was adapted on may have others left.
    trained = entry.parent_version is None and cohort.fingerprint == entry.data_fingerprint
    if trained or set(cohort.table["sha256"]) == own:
        raise UserError(f"{name}, and `pneumo report` has its scores on the test split; {OTHER_COHORT}")
    rows = np.arange(len(cohort.table))
    if own is None:
        return rows, None
    shared = cohort.table["sha256"].isin(own)
    left_out = cohort.table["patient"].isin(cohort.table.loc[shared, "patient"]).to_numpy()
    if left_out.mean() > MAX_SHARED:
        counted = f"{left_out.sum()} of {len(rows)} radiographs are of patients with an identical radiograph there"
        raise UserError(f"{name}, for the most part: {counted}; {OTHER_COHORT}")
    return rows[~left_out], int(left_out.sum())
