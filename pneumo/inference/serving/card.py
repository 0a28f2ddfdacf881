"""The card of the served model: what it is for, how it performed on test, and what that means at another prevalence."""

from typing import Self

from pydantic import BaseModel, Field

from pneumo.inference.specification import Specification
from pneumo.report.cards import INTENDED_USES, OUT_OF_SCOPE_USES
from pneumo.results.model import AnyRecord, ModelRecord


class TestScores(BaseModel):
    """Performance on the test split at the locked threshold."""

    sensitivity: float | None
    specificity: float | None
    auroc: float | None
    pneumonia: int = Field(description="Number of radiographs with pneumonia.")
    normal: int = Field(description="Number of radiographs without.")


class ModelCard(BaseModel):
    """What the served model is, and how it performed."""

    name: str
    recipe: str
    version: int
    model_sha256: str
    cohort: str = Field(description="Cohort that it was trained on.")
    adapted_on: str | None = Field(description="Cohort that its head was refitted on; None of a model that was not adapted.")
    synthetic: bool = Field(description="Whether that was a phantom cohort: then predictions say nothing about patients.")
    input: str = Field(description="What the network is given.")
    threshold: float = Field(description="Of the temperature-scaled probability: PNEUMONIA at this or more.")
    temperature: float | None
    referral: str = Field(description="When a decision is referred to a reader.")
    test: TestScores | None = Field(description="None of a bundle, which does not tell it, and of an adapted model.")
    intended_uses: tuple[str, ...]
    out_of_scope_uses: tuple[str, ...]

    @classmethod
    def of(cls, specification: Specification, record: AnyRecord | None) -> Self:
        """Make the card of a model, whose record is None where it was loaded from a bundle."""
        referral = specification.referral
        rule = (
            f"{specification.referral_reason}: every decision is referred"
            if referral.cutoff is None
            else f"where {specification.referral_reason}; on {referral.chosen_on}, "
            f"at most {100 * referral.most_errors:g} % of the others are wrong"
        )
        return cls(
            name=specification.name,
            recipe=specification.recipe,
            version=specification.version,
            model_sha256=specification.model_sha256,
            cohort=specification.cohort,
            adapted_on=specification.adapted_on,
            synthetic=specification.synthetic,
            input=f"{specification.image_size_px} px, {specification.resize}; {specification.preprocessing}",
            threshold=specification.calibrated_threshold,
            temperature=specification.temperature,
            referral=rule,
            test=_test_scores(record) if isinstance(record, ModelRecord) else None,
            intended_uses=INTENDED_USES,
            out_of_scope_uses=OUT_OF_SCOPE_USES,
        )


class PredictiveValues(BaseModel):
    """What a decision means where pneumonia has another prevalence than in the test split."""

    prevalence: float
    positive: float | None = Field(description="Share with pneumonia among those called PNEUMONIA; none where it is undefined.")
    negative: float | None = Field(description="Share without pneumonia among those called NORMAL; none where it is undefined.")

    @classmethod
    def at(cls, prevalence: float, sensitivity: float, specificity: float) -> Self:
        """Apply Bayes' rule; all are in 0..1."""
        true_positives, false_negatives = prevalence * sensitivity, prevalence * (1 - sensitivity)
        true_negatives, false_positives = (1 - prevalence) * specificity, (1 - prevalence) * (1 - specificity)
        return cls(
            prevalence=prevalence,
            positive=_share(true_positives, false_positives),
            negative=_share(true_negatives, false_negatives),
        )


def _share(part: float, rest: float) -> float | None:
    return part / (part + rest) if part + rest > 0 else None


def _test_scores(record: ModelRecord) -> TestScores:
    point = record.test.locked
    return TestScores(
        sensitivity=point.sensitivity,
        specificity=point.specificity,
        auroc=record.test.auroc,
        pneumonia=point.pneumonia.support,
        normal=point.normal.support,
    )
