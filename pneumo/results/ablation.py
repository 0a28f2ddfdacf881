"""What an ablation found: networks that differ in one thing, side by side on validation."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from pneumo.config import Cnn
from pneumo.results.experiment import METRICS, Experiment, Scores


class Variant(BaseModel):
    """One network, trained with or without augmentation."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: str
    network: Cnn
    augmented: bool
    scores: Scores
    """On validation, with the weights of `epoch`."""
    epoch: int
    """Counted from 1: the best by validation loss where training stops early, otherwise the last."""
    history: dict[str, list[float]]
    """Each quantity after each epoch."""
    parameters: int
    """Trainable weights."""
    seconds: float


class Ablation(Experiment):
    """Several variants of one recipe."""

    KIND: ClassVar[str] = "ablation"

    training_images: int
    variants: tuple[Variant, ...]

    def headline(self) -> dict[str, float]:
        """Give each score of each variant."""
        scores = {f"{each.name}_{metric}": getattr(each.scores, metric) for each in self.variants for metric in METRICS}
        return {name: value for name, value in scores.items() if value is not None}
