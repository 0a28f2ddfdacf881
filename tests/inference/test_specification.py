"""What a model's specification says of it in words."""

import numpy as np
import pytest

from pneumo.evaluation.referral import Referral, margin
from pneumo.inference.specification import TRAINED_ON_PHANTOMS
from tests.inference.predictors import specification

MARGIN = Referral(criterion="margin", cutoff=1.0, most_errors=0.02, risk_area={"margin": 0.1})


@pytest.mark.parametrize("temperature", [None, 2.0])
def test_the_limits_of_referral_are_those_of_the_rule(temperature: float | None) -> None:
    model = specification(referral=MARGIN, temperature=temperature)
    scores = np.linspace(0.001, 0.999, 5001)
    referred = model.calibrated(scores[MARGIN.referred(margin(scores, model.threshold))])
    limits = f"between {referred.min():.3f} and {referred.max():.3f}"
    assert model.heading == (
        f"tiny v3, threshold {model.calibrated_threshold:.3f}, referred {limits}. For research; not a medical device."
    )
    assert model.referral_reason.endswith(limits)


def test_the_heading_of_a_model_that_refers_by_spread_or_everything() -> None:
    spread = MARGIN.model_copy(update={"criterion": "spread", "cutoff": -0.3})
    assert "referred where the networks' logits have a standard deviation above 0.30." in specification(referral=spread).heading
    everything = specification(referral=MARGIN.model_copy(update={"cutoff": None}))
    assert "every radiograph referred." in everything.heading
    assert "2%" in everything.referral_reason


def test_a_model_of_phantoms_says_so() -> None:
    assert specification(synthetic=True).heading.endswith(f"\nNote: {TRAINED_ON_PHANTOMS}.")
