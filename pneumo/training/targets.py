"""What a network is trained to predict: the label, or also the subtype of pneumonia."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from pneumo.config import Recipe
from pneumo.nets.subtypes import PNEUMONIA, VIRAL
from pneumo.training.dataset import Dataset

# Codes of the classes; the label of a radiograph is whether its code is above NORMAL.
NORMAL, UNKNOWN_SUBTYPE, BACTERIAL, VIRAL_SUBTYPE = range(4)


def trains_subtypes(dataset: Dataset, recipe: Recipe) -> bool:
    """Whether the recipe asks for subtypes and the training set has radiographs of both."""
    if recipe.targets == "labels":
        return False
    return {BACTERIAL, VIRAL_SUBTYPE} <= set(subtype_codes(dataset, "training").tolist())


def subtype_codes(dataset: Dataset, part: str) -> np.ndarray:
    """Code of the class of each radiograph of a part, (M,) int64."""
    subtype = dataset.table["subtype"].to_numpy(dtype=str)[dataset.rows(part)]
    classes = [dataset.y_true(part) == 0, subtype == "bacterial", subtype == "viral"]
    return np.select(classes, [NORMAL, BACTERIAL, VIRAL_SUBTYPE], UNKNOWN_SUBTYPE).astype(np.int64)


@dataclass(frozen=True)
class SubtypeTargets:
    """Turns batches of codes into targets of both outputs of a network with subtypes, and their weights in the loss."""

    class_weight: dict[int, float] | None

    def __call__(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        """Batches of (inputs, codes (b, 1), …) as (inputs, targets, weights), the last two by output.

        The output `viral` is trained where the subtype is known, with the weight of PNEUMONIA.
        """
        return batches.map(lambda inputs, codes, *_: (inputs, *self._of(codes)))

    def _of(self, codes: tf.Tensor) -> tuple[dict[str, tf.Tensor], dict[str, tf.Tensor]]:
        label, known = codes > NORMAL, codes > UNKNOWN_SUBTYPE
        normal, pneumonia = (self.class_weight[0], self.class_weight[1]) if self.class_weight else (1.0, 1.0)
        targets = {PNEUMONIA: tf.cast(label, tf.float32), VIRAL: tf.cast(codes == VIRAL_SUBTYPE, tf.float32)}
        weights = {
            PNEUMONIA: tf.where(label, tf.constant(pneumonia, tf.float32), normal),
            VIRAL: tf.where(known, tf.constant(pneumonia, tf.float32), 0.0),
        }
        return targets, {name: weight[:, 0] for name, weight in weights.items()}
