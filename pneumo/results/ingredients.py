"""What each ingredient of the robust recipe is worth: the recipe without it, beside the whole."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from pneumo.evaluation.predictions import PARTS
from pneumo.evaluation.scores import Evaluation
from pneumo.results.experiment import Experiment


class Without(BaseModel):
    """The recipe without one ingredient, trained once."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: str
    """Of what was left out; "nothing" for the whole recipe."""
    validation: Evaluation
    """As the next two, with the threshold that its own validation locked."""
    validation_shifted: Evaluation
    """Shifted validation."""
    test: Evaluation
    """Opened after all were trained."""
    threshold: float
    history: dict[str, list[float]]
    """Each quantity after each epoch."""
    parameters: int
    """Trainable weights."""
    seconds: float


class Ingredients(Experiment):
    """The recipe without each ingredient in turn."""

    KIND: ClassVar[str] = "ingredients"

    training_images: int
    variants: tuple[Without, ...]
    """The first is the whole recipe."""

    def headline(self) -> dict[str, float]:
        """Give the AUROC of each variant on each part."""
        scores = {f"without_{each.name}_{part}_auroc": getattr(each, part).auroc for each in self.variants for part in PARTS}
        return {name.replace(" ", "_"): value for name, value in scores.items() if value is not None}
