import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from pneumo.evaluation.subtype_scores import subtype_scores


@pytest.fixture
def predictions():
    random = np.random.default_rng(0)
    subtype = np.repeat(["normal", "bacterial", "viral", "unknown"], 30)
    score = random.uniform(size=120) + 0.3 * (subtype == "viral")
    return pd.DataFrame({"patient": np.arange(120).astype(str), "subtype": subtype, "viral_score": score})


def test_only_pneumonias_of_known_subtype_count(predictions):
    known = predictions[30:90]
    scores = subtype_scores(predictions)
    assert (scores.bacterial, scores.viral) == (30, 30)
    assert scores.auroc.value == pytest.approx(roc_auc_score(known["subtype"] == "viral", known["viral_score"]))
    assert scores.auroc.low < scores.auroc.value < scores.auroc.high


def test_there_are_none_without_the_output_or_without_both_subtypes(predictions):
    assert subtype_scores(predictions.drop(columns="viral_score")) is None
    assert subtype_scores(predictions[predictions["subtype"] != "viral"]) is None
