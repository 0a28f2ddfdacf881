"""Logit layers of Keras networks, refitted."""

import keras
import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pneumo.config import ResidualCnn
from pneumo.evaluation.linear_head import Penalty, fit_head
from pneumo.evaluation.scores import FEATURES, PROBABILITY
from pneumo.nets import build_network, ensemble
from pneumo.nets.heads import by_member, heads, replace_heads
from pneumo.nets.outputs import compiled

IMAGES = np.random.default_rng(0).integers(0, 256, (40, 32, 32, 1)).astype(np.float32)
Y_TRUE = np.arange(40) % 2


def network(seed: int) -> keras.Model:
    return build_network(ResidualCnn(filters=(4, 8), blocks=1), 32, seed)


def test_a_refitted_networks_scores_are_those_of_scikit_learns_pipeline():
    model = network(0)
    before = compiled(model)(IMAGES)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000)).fit(before[FEATURES], Y_TRUE)
    replace_heads(model, [fit_head(before[FEATURES], Y_TRUE, heads(model)[0], Penalty(target="zero", strength=0.01))])
    after = compiled(model)(IMAGES)
    assert after[PROBABILITY][:, 0] == pytest.approx(pipeline.predict_proba(before[FEATURES])[:, 1], abs=1e-5)
    assert (after[FEATURES] == before[FEATURES]).all()
    assert model.get_layer("probability").dtype == "float32"
    assert isinstance(model.get_layer("logit"), keras.layers.Dense)


def test_an_ensemble_averages_the_logits_of_its_refitted_members():
    model = ensemble.build([network(seed) for seed in (1, 2)])
    features = by_member(model, compiled(model)(IMAGES)[FEATURES])
    old = heads(model)
    assert [block.shape for block in features] == [(40, 8), (40, 8)]
    assert compiled(model)(IMAGES)[PROBABILITY][:, 0] == pytest.approx(
        expit(np.mean([head.logits(block) for head, block in zip(old, features, strict=True)], axis=0)), abs=1e-5
    )
    refitted = [
        fit_head(block, Y_TRUE, head, Penalty(target="old head", strength=0.1)) for head, block in zip(old, features, strict=True)
    ]
    replace_heads(model, refitted)
    expected = expit(np.mean([head.logits(block) for head, block in zip(refitted, features, strict=True)], axis=0))
    assert compiled(model)(IMAGES)[PROBABILITY][:, 0] == pytest.approx(expected, abs=1e-5)
