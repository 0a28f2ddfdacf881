"""Cross-validation of one recipe."""

import pandas as pd
from rich.console import Console

from pneumo.cohort.splits import fold_partitions
from pneumo.config import Config
from pneumo.figures.drawing import rounded
from pneumo.figures.experiments import fold_curves
from pneumo.registry import Registry
from pneumo.results.cross_validation import CrossValidation, Fold, spread_of
from pneumo.results.experiment import Scores
from pneumo.training.dataset import define, load_cohort
from pneumo.training.series import Finished, evaluation_of, facts, fit_each, register_experiment


def run(config: Config, console: Console) -> None:
    """Train a recipe once for each fold of the train split, and score the fold with it.

    The fold is the training's validation: early stopping and a plateau schedule, where the recipe has them, watch the very
    radiographs that are scored afterwards, so its scores flatter a little. The val and test folders take no part.
    """
    settings = config.crossval
    recipe = getattr(config, settings.recipe)
    cohort, _ = load_cohort(config, console)
    partitions = fold_partitions(cohort, settings.folds, settings.seed)
    studies = [
        define(config, f"crossval-{settings.recipe}-fold-{number}-of-{settings.folds}", recipe, cohort, parts)
        for number, parts in enumerate(partitions, start=1)
    ]
    fits = fit_each(studies, console)
    predictions = out_of_fold(fits)
    result = _result(config, fits, predictions)
    run_id = register_experiment(result, predictions, [fold_curves(result, "folds.png")], fits, Registry(config.registry))
    accuracy, auroc = result.spread["accuracy"], result.spread["auroc"]
    console.print(
        f"Cross-validation of {result.name} on {len(fits)} folds{' (of SYNTHETIC radiographs)' if result.synthetic else ''}, "
        f"mean ± SD: accuracy {rounded(accuracy.mean)} ± {rounded(accuracy.sd)}, "
        f"AUROC {rounded(auroc.mean)} ± {rounded(auroc.sd)}\n"
        f"Kept in {config.registry.tracking_uri or config.registry.directory}, run {run_id}: every fold's curves and scores, and "
        f"{len(predictions)} out-of-fold predictions\nNext: make report",
        highlight=False,
        soft_wrap=True,
    )


def out_of_fold(fits: list[Finished]) -> pd.DataFrame:
    """Every radiograph of train once: path, patient, fold (counted from 1), y_true, y_score."""
    tables = [fit.predictions.assign(fold=number) for number, fit in enumerate(fits, start=1)]
    return pd.concat(tables, ignore_index=True)[["path", "patient", "fold", "y_true", "y_score"]]


def _result(config: Config, fits: list[Finished], predictions: pd.DataFrame) -> CrossValidation:
    settings, study = config.crossval, fits[0].study
    pooled = evaluation_of(study, predictions)
    scores = [fit.scores for fit in fits]
    used = {"crossval": settings.model_dump(mode="json"), settings.recipe: study.recipe.model_dump(mode="json")}
    return CrossValidation(
        **facts(fits, settings.recipe, used, settings.seed),
        folds=tuple(
            Fold(
                training_images=len(fit.study.rows("training")),
                scores=each,
                history=fit.summary.history,
                seconds=fit.summary.seconds,
            )
            for fit, each in zip(fits, scores, strict=True)
        ),
        spread=spread_of(scores),
        pooled=Scores.of(pooled),
        pooled_point=pooled.half,
    )
