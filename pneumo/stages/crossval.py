"""Cross-validation of one recipe."""

import pandas as pd
from rich.console import Console

from pneumo.cohort.splits import fold_partitions
from pneumo.config import Config
from pneumo.evaluation.scores import HALF
from pneumo.figures.experiments import fold_curves
from pneumo.registry import Registry
from pneumo.results.experiment import CrossValidation, Fold, Scores, spread_of
from pneumo.results.formatting import rounded
from pneumo.training.dataset import load_cohort
from pneumo.training.run import define_run
from pneumo.training.series import FinishedFit, experiment_fields, fit_each, register_experiment


def run(config: Config, console: Console) -> None:
    """Train a recipe once for each fold of the train split, and score the fold.

    The fold is also the training's validation: early stopping and a plateau schedule, where the recipe has them, monitor the
    radiographs that are scored, so the scores are slightly optimistic. The val and test folders are not used.
    """
    settings = config.crossval
    recipe = getattr(config, settings.recipe)
    cohort, _ = load_cohort(config.data, config.cohort, config.protocol, console)
    runs = [
        define_run(config, f"crossval-{settings.recipe}-fold-{number}-of-{settings.folds}", recipe, cohort, parts)
        for number, parts in enumerate(fold_partitions(cohort, settings.folds, settings.seed), start=1)
    ]
    fits = fit_each(runs, console)
    predictions = out_of_fold(fits)
    result = _result(config, fits, predictions)
    run_id = register_experiment(result, predictions, [fold_curves(result, "folds.png")], fits, Registry(config.registry))
    accuracy, auroc = result.spread["accuracy"], result.spread["auroc"]
    console.print(
        f"Cross-validation of {result.name} on {len(fits)} folds{' (of SYNTHETIC radiographs)' if result.synthetic else ''}, "
        f"mean ± SD: accuracy {rounded(accuracy.mean)} ± {rounded(accuracy.sd)}, "
        f"AUROC {rounded(auroc.mean)} ± {rounded(auroc.sd)}\n"
        f"Saved in {config.registry.tracking_uri or config.registry.directory}, run {run_id}: learning curves and scores of every "
        f"fold, and {len(predictions)} out-of-fold predictions\nNext: make report"
    )


def out_of_fold(fits: list[FinishedFit]) -> pd.DataFrame:
    """Predictions on every radiograph of train, each by the network that was not trained on it: also the column `fold`, from 1."""
    tables = [fit.predictions.assign(fold=number) for number, fit in enumerate(fits, start=1)]
    return pd.concat(tables, ignore_index=True)[["path", "patient", "fold", "y_true", "y_score"]]


def _result(config: Config, fits: list[FinishedFit], predictions: pd.DataFrame) -> CrossValidation:
    settings, run = config.crossval, fits[0].run
    pooled = run.dataset.evaluate(predictions, HALF)
    scores = [fit.scores for fit in fits]
    used = {"crossval": settings.model_dump(mode="json"), settings.recipe: run.recipe.model_dump(mode="json")}
    return CrossValidation(
        **experiment_fields(fits, settings.recipe, used, settings.seed),
        folds=tuple(
            Fold(
                training_images=len(fit.run.dataset.rows("training")),
                scores=fold_scores,
                history=fit.summary.history,
                seconds=fit.summary.seconds,
            )
            for fit, fold_scores in zip(fits, scores, strict=True)
        ),
        spread=spread_of(scores),
        pooled=Scores.of(pooled),
        pooled_point=pooled.half,
    )
