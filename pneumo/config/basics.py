"""Types and validators that groups of settings share."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def different(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Refuse duplicate values."""
    if len(set(values)) < len(values):
        raise ValueError("the same value is given twice")
    return values


def increasing(bounds: tuple[float, float]) -> tuple[float, float]:
    """Refuse a lower bound that is not below the upper one."""
    if bounds[0] >= bounds[1]:
        raise ValueError("give the lower bound first; it must be below the upper one")
    return bounds


Fraction = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[int, Field(gt=0)]
# The range that NumPy, scikit-learn and Keras all accept.
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Range = Annotated[tuple[Annotated[float, Field(gt=0, lt=1)], Annotated[float, Field(gt=0, lt=1)]], AfterValidator(increasing)]


class Settings(BaseModel):
    """A group of settings; unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)
