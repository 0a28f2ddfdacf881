"""What every group of settings is made from."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def different(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse a list that names something twice."""
    if len(set(values)) < len(values):
        raise ValueError("one of them is named twice")
    return values


def increasing(bounds: tuple[float, float]) -> tuple[float, float]:
    """Refuse bounds that leave nothing between them."""
    if bounds[0] >= bounds[1]:
        raise ValueError("the lower bound comes first, and below the upper one")
    return bounds


Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[int, Field(gt=0)]
# What NumPy, scikit-learn and Keras all take.
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Range = Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], Annotated[float, Field(gt=0, lt=1)]], AfterValidator(increasing)]


class Settings(BaseModel):
    """A group of settings; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)
