"""Results of experiments without the trainings."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd

from pneumo.evaluation.scores import Evaluation, evaluate
from pneumo.results.experiment import Ablation, CrossValidation, Fold, Scores, Variant, spread_of

FOLDS = 3


def provenance_fields(fingerprint: str, *, synthetic: bool = True) -> dict[str, object]:
    return {
        "created": datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        "synthetic": synthetic,
        "data_name": "phantom" if synthetic else "chest_xray",
        "data_fingerprint": fingerprint,
        "protocol_fingerprint": "protocol",
        "git_commit": None,
        "software": {"keras": "3.15.0", "tensorflow": "2.21.0"},
        "hardware": "a test",
    }


def experiment_fields(fingerprint: str, name: str) -> dict[str, object]:
    return provenance_fields(fingerprint) | {
        "name": name,
        "settings": {"fit": {"epochs": 2, "early_stopping_patience": None}, "network": {"filters": [2]}},
        "seed": 0,
        "precision": "float32 (asked for)",
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
    folds = [Scores.of(evaluation(rows[rows["fold"] == number])) for number in range(1, FOLDS + 1)]
    return CrossValidation(
        **experiment_fields(fingerprint, name),
        folds=tuple(
            Fold(training_images=40, scores=scores, history=history(3 + number), seconds=20.5)
            for number, scores in enumerate(folds)
        ),
        spread=spread_of(folds),
        pooled=Scores.of(evaluation(rows)),
        pooled_point=evaluation(rows).half,
    )


def ablation(fingerprint: str = "f00d") -> Ablation:
    """Three networks, each without and with augmentation."""
    return Ablation(
        **experiment_fields(fingerprint, "plain networks"),
        design="networks",
        training_images=40,
        variants=tuple(
            Variant(
                name=f"{network}{'-augmented' if augmented else ''}",
                group=network,
                label=f"{'with' if augmented else 'without'} augmentation",
                description=f"{blocks} blocks",
                threshold=0.5,
                validation=evaluation(predictions().head(20)),
                epoch=2,
                history=history(4 + augmented),
                parameters=1_234,
                seconds=12.5,
            )
            for network, blocks in {"plain": 1, "dropout": 1, "deeper": 2}.items()
            for augmented in (False, True)
        ),
    )


def leave_one_out(fingerprint: str = "f00d") -> Ablation:
    """A recipe, and the recipe without one component."""
    scores = evaluation(predictions())
    return Ablation(
        **experiment_fields(fingerprint, "robust, leave-one-out"),
        design="leave-one-out",
        training_images=40,
        variants=tuple(
            Variant(
                name=name,
                group=name,
                label=name,
                description=f"without {name}",
                threshold=0.5,
                validation=scores,
                validation_shifted=scores,
                test=scores,
                epoch=2,
                history=history(2),
                parameters=1_234,
                seconds=20.5,
            )
            for name in ("none", "zoom <b>")
        ),
    )
