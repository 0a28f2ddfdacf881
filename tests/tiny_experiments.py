"""A cross-validation and an ablation that took no training."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd

from pneumo.config import Cnn
from pneumo.evaluation.scores import Evaluation, evaluate
from pneumo.results.ablation import Ablation, Variant
from pneumo.results.cross_validation import CrossValidation, Fold, spread_of
from pneumo.results.experiment import Scores
from pneumo.results.ingredients import Ingredients, Without

FOLDS = 3


def facts(fingerprint: str, name: str) -> dict[str, object]:
    return {
        "name": name,
        "created": datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        "synthetic": True,
        "data_name": "phantom",
        "data_fingerprint": fingerprint,
        "settings": {"fit": {"epochs": 2, "early_stopping_patience": None}, "network": {"filters": [2]}},
        "seed": 0,
        "precision": "float32 (asked for)",
        "git_commit": None,
        "software": {"keras": "3.15.0"},
        "hardware": "a test",
        "seconds": 61.5,
    }


def history(epochs: int) -> dict[str, list[float]]:
    falling = [float(value) for value in 0.6 * (0.9 - 0.05 * epochs) ** np.arange(epochs)]
    return {
        "loss": falling,
        "val_loss": [1.1 * value for value in falling],
        "accuracy": [1 - value for value in falling],
        "val_accuracy": [1 - 1.2 * value for value in falling],
    }


def predictions() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    y_true = np.arange(20 * FOLDS) % 2
    y_score = 1 / (1 + np.exp(-rng.normal(np.where(y_true, 1.0, -1.0), 1.5)))
    names = ["007", "NA", 'ç, "quoted"', *map(str, range(20 * FOLDS - 3))]
    fold = np.repeat(np.arange(1, FOLDS + 1), 20)
    return pd.DataFrame({"path": names, "patient": names, "fold": fold, "y_true": y_true, "y_score": y_score})


def evaluation(rows: pd.DataFrame) -> Evaluation:
    return evaluate(rows["y_true"], rows["y_score"], np.where(rows["y_true"], "viral", "normal"), 0.5)


def cross_validation(name: str = "baseline", fingerprint: str = "f00d") -> CrossValidation:
    rows = predictions()
    scores = [Scores.of(evaluation(rows[rows["fold"] == number])) for number in range(1, FOLDS + 1)]
    return CrossValidation(
        **facts(fingerprint, name),
        folds=tuple(
            Fold(training_images=40, scores=each, history=history(3 + number), seconds=20.5) for number, each in enumerate(scores)
        ),
        spread=spread_of(scores),
        pooled=Scores.of(evaluation(rows)),
        pooled_point=evaluation(rows).half,
    )


def ablation(fingerprint: str = "f00d") -> Ablation:
    networks = {
        "plain": Cnn(filters=(4,), dense_units=8, dense_dropout=0),
        "dropout": Cnn(filters=(4,), dense_units=8, convolution_dropout=0.25, dense_dropout=0.3),
        "deeper": Cnn(filters=(4, 8), dense_units=8, convolution_dropout=0.25, dense_dropout=0.3),
    }
    return Ablation(
        **facts(fingerprint, "networks and augmentation"),
        training_images=40,
        variants=tuple(
            Variant(
                name=f"{name}{'-augmented' if augmented else ''}",
                network=network,
                augmented=augmented,
                scores=Scores.of(evaluation(predictions().head(20))),
                epoch=2,
                history=history(4 + augmented),
                parameters=1_234,
                seconds=12.5,
            )
            for name, network in networks.items()
            for augmented in (False, True)
        ),
    )


def ingredients(fingerprint: str = "f00d") -> Ingredients:
    found = evaluation(predictions())
    return Ingredients(
        **facts(fingerprint, "the robust recipe"),
        training_images=40,
        variants=tuple(
            Without(
                name=name,
                validation=found,
                validation_shifted=found,
                test=found,
                threshold=0.5,
                history=history(2),
                parameters=1_234,
                seconds=20.5,
            )
            for name in ("nothing", "zoom <b>")
        ),
    )
