"""Section "Referral": how many radiographs a model refers to a reader, and how many errors are left among the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pneumo.evaluation.bootstrap import Estimate, Proportion, estimates
from pneumo.evaluation.referral import Certainty, Referral, certainties, choose_referral, wrong_decisions
from pneumo.evaluation.scores import PARTS, Part
from pneumo.figures.drawing import Picture
from pneumo.figures.referral import risk_coverage_curves
from pneumo.results.model import RegisteredModel


@dataclass(frozen=True, eq=False)
class Decisions:
    """Decisions of a model on one part."""

    patient: npt.NDArray[Any]
    errors: npt.NDArray[np.bool_]
    """(N,), whether the decision at the locked threshold is wrong."""
    certainty: Certainty
    """(N,), by the criterion of the model's referral."""


@dataclass(frozen=True)
class ReferredShare:
    """How a referral works on one part."""

    images: int
    referred: Estimate
    """Share of the radiographs that are referred."""
    errors: Estimate
    """Error rate among the others."""
    errors_of_all: Estimate
    """Error rate if none were referred."""


@dataclass(frozen=True, eq=False)
class ModelReferral:
    """The referral of one model."""

    model: RegisteredModel
    referral: Referral
    shares: Mapping[Part, ReferredShare]


@dataclass(frozen=True, eq=False)
class ReferralSection:
    """The referrals of the models on the page, and the risk–coverage curves of the selected one."""

    most_errors: float
    models: Sequence[ModelReferral]
    picture: Picture

    def metrics(self) -> list[dict[str, Any]]:
        """Return the numbers of the section."""
        return [
            {
                "model": entry.model.name,
                **entry.referral.model_dump(mode="json"),
                **{
                    part: {"images": share.images}
                    | {name: getattr(share, name).model_dump(mode="json") for name in ("referred", "errors", "errors_of_all")}
                    for part, share in entry.shares.items()
                },
            }
            for entry in self.models
        ]


def referral_section(
    shown: Sequence[RegisteredModel],
    models: Sequence[RegisteredModel],
    selected: RegisteredModel,
    most_errors: float,
    synthetic: bool,
) -> ReferralSection:
    """Choose the referral of each model on the page on shifted validation, and measure it on all parts.

    Args:
        shown: models on the page.
        models: these and the members of ensembles, whose spread is compared with the margin.
        selected: the model whose curves are drawn.
        most_errors: largest error rate on shifted validation among the decisions that are not referred.
        synthetic: whether the cohort is a phantom cohort.
    """
    versions = {model.version: model for model in models}
    chosen, drawn = [], {}
    for model in shown:
        members = [versions[version] for version in model.record.members if version in versions]
        by_part = {part: _certainties(model, members, part) for part in PARTS}
        referral = choose_referral(_errors(model, "validation_shifted"), by_part["validation_shifted"], most_errors)
        decisions = {
            part: Decisions(model.predictions[part]["patient"].to_numpy(), _errors(model, part), by_part[part][referral.criterion])
            for part in PARTS
        }
        chosen.append(ModelReferral(model, referral, {part: _share(referral, of_part) for part, of_part in decisions.items()}))
        if model.version == selected.version:
            drawn = {part: (of.patient, of.errors, of.certainty) for part, of in decisions.items()}
    return ReferralSection(most_errors, chosen, risk_coverage_curves(selected.name, drawn, most_errors, synthetic))


def _certainties(model: RegisteredModel, members: Sequence[RegisteredModel], part: Part) -> dict[Any, Certainty]:
    scores = [member.predictions[part]["y_score"].to_numpy() for member in members]
    return certainties(model.predictions[part]["y_score"].to_numpy(), model.record.threshold, scores)


def _errors(model: RegisteredModel, part: Part) -> npt.NDArray[np.bool_]:
    table = model.predictions[part]
    return wrong_decisions(table["y_true"].to_numpy(), table["y_score"].to_numpy(), model.record.threshold)


def _share(referral: Referral, decisions: Decisions) -> ReferredShare:
    referred, everything = referral.referred(decisions.certainty), np.ones(decisions.errors.shape, bool)
    intervals, _ = estimates(
        decisions.patient,
        {},
        {
            "referred": Proportion(referred, everything),
            "errors": Proportion(decisions.errors, ~referred),
            "errors_of_all": Proportion(decisions.errors, everything),
        },
    )
    return ReferredShare(len(referred), intervals["referred"], intervals["errors"], intervals["errors_of_all"])
