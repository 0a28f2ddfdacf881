"""Selection of the test radiographs that readers review: confident contradictions of label and decision, and matched controls."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pneumo.errors import UserError
from pneumo.evaluation.calibration import logits
from pneumo.results.model import RegisteredModel


def margins_of(model: RegisteredModel) -> pd.Series:
    """Return the distance of a model's test scores to its threshold in tempered logits, by path; positive where it says PNEUMONIA.

    Not tempered where no temperature could be fitted.
    """
    test, threshold = model.predictions["test"], logits(np.asarray([model.record.threshold]))[0]
    distance = (logits(test["y_score"].to_numpy(float)) - threshold) / (model.record.temperature or 1)
    return pd.Series(distance, index=test["path"])


def margins(models: Sequence[RegisteredModel]) -> pd.DataFrame:
    """Return a row for each test radiograph: path, patient, y_true, and margin, the mean over the models.

    Raises:
        UserError: the models were tested on different radiographs.
    """
    table, *others = (model.predictions["test"].set_index("path")[["patient", "y_true"]].sort_index() for model in models)
    for model, other in zip(models[1:], others, strict=True):
        if not other.index.equals(table.index):
            raise UserError(f"{models[0].name} and {model.name} were tested on different radiographs: review them one by one")
    mean = pd.concat([margins_of(model) for model in models], axis=1).mean(axis=1)
    return table.assign(margin=mean).reset_index()


def select(table: pd.DataFrame, contradictions: int, seed: int) -> pd.DataFrame:
    """Select the most confident contradictions of label and decision, and as many controls of each label, in random order.

    Of each label there are at most as many contradictions as radiographs that can be their controls.

    Args:
        table: as `margins` returns it.
        contradictions: largest number of them.

    Returns:
        The rows with the column `group`, "contradiction" or "control".

    Raises:
        UserError: no decision contradicts its label.
    """
    wrong = (table["margin"] >= 0) != (table["y_true"] == 1)
    correct = table[~wrong].sort_values("path")
    ranked = table[wrong].assign(distance=table["margin"].abs()).sort_values(["distance", "path"], ascending=[False, True])
    matched = ranked.groupby("y_true").cumcount() < ranked["y_true"].map(correct["y_true"].value_counts()).fillna(0)
    selected = ranked[matched].head(contradictions).drop(columns="distance")
    if selected.empty:
        raise UserError("no decision on the test split contradicts its label, so there is nothing to review: name another model")
    generator = np.random.default_rng(seed)
    controls = [
        correct[correct["y_true"] == label].sample(int(count), random_state=generator)
        for label, count in selected["y_true"].value_counts().sort_index().items()
    ]
    both = pd.concat([selected.assign(group="contradiction"), *(rows.assign(group="control") for rows in controls)])
    return both.sample(frac=1, random_state=generator, ignore_index=True)
