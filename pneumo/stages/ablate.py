"""Ablations: variants of a recipe, trained and compared."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from pneumo.config import Config, Recipe
from pneumo.evaluation.scores import HALF
from pneumo.figures.experiments import ablation_curves
from pneumo.registry import Registry
from pneumo.results.experiment import Ablation, Variant
from pneumo.results.formatting import rounded
from pneumo.training.dataset import load_cohort
from pneumo.training.operating_point import lock_operating_point
from pneumo.training.register import test_predictions
from pneumo.training.run import TrainingRun, define_run
from pneumo.training.series import FinishedFit, experiment_fields, fit_each, register_experiment
from pneumo.training.train import train
from pneumo.training.variants import RecipeVariant, leave_one_out, plain_networks

Predictions = Mapping[str, pd.DataFrame]


def run(config: Config, console: Console) -> None:
    """Train every variant and compare them: plain networks on validation, leave-one-out also on shifted validation and test.

    Use leave-one-out only on a final recipe: the test split is accessed once for each variant, after all thresholds are locked.
    """
    design, registry = config.ablate.design, Registry(config.registry)
    tested = design == "leave-one-out"
    variants = leave_one_out(config.robust) if tested else plain_networks(config.ablate.recipe)
    cohort, parts = load_cohort(config.data, config.cohort, config.protocol, console)
    if not tested:
        # So that no fit of this design can access test, even by mistake.
        parts = parts.replace("test", "unused")
    names = {name: f"ablate-{re.sub(r'[^a-z]+', '-', name)}" for name in variants}
    runs = [define_run(config, names[name], variant.recipe, cohort, parts) for name, variant in variants.items()]
    fits = fit_each(runs, console, keep_state=tested)
    scored = _scored_with_test(runs, registry) if tested else [(HALF, {"validation": fit.predictions}) for fit in fits]
    result = Ablation(
        **experiment_fields(fits, *_name_and_settings(config), seed=fits[0].run.recipe.fit.seed),
        design=design,
        training_images=len(runs[0].dataset.rows("training")),
        variants=tuple(
            _variant(name, variant, fit, *threshold_and_predictions)
            for (name, variant), fit, threshold_and_predictions in zip(variants.items(), fits, scored, strict=True)
        ),
    )
    tables = [
        table.assign(variant=name, part=part)
        for name, (_, predictions) in zip(variants, scored, strict=True)
        for part, table in predictions.items()
    ]
    pictures = [] if tested else [ablation_curves(result, "curves.png")]
    run_id = register_experiment(result, pd.concat(tables, ignore_index=True), pictures, fits, registry)
    console.print(_table(result))
    location = config.registry.tracking_uri or config.registry.directory
    console.print(f"Saved in {location}, run {run_id}: scores and predictions\nNext: make report")


def _scored_with_test(runs: Sequence[TrainingRun], registry: Registry) -> list[tuple[float, Predictions]]:
    """Threshold and predictions of each run; test is accessed only after every threshold is locked."""
    quiet = Console(quiet=True)
    # Already trained: `train` restores the models from their saved states.
    models = [train(training_run, quiet).model for training_run in runs]
    locked = [lock_operating_point(model, training_run) for model, training_run in zip(models, runs, strict=True)]
    scored: list[tuple[float, Predictions]] = []
    for training_run, model, operating_point in zip(runs, models, locked, strict=True):
        cohort = training_run.dataset.cohort
        registry.log_test_access(training_run.name, cohort.fingerprint, cohort.content_fingerprint)
        scored.append((operating_point.threshold, test_predictions(model, training_run, operating_point)))
    return scored


def _name_and_settings(config: Config) -> tuple[str, dict[str, object]]:
    settings: dict[str, object] = {"ablate": config.ablate.model_dump(mode="json")}
    if config.ablate.design == "networks":
        return "plain networks", settings
    return "robust, leave-one-out", settings | {"robust": config.robust.model_dump(mode="json")}


def _variant(name: str, variant: RecipeVariant, fit: FinishedFit, threshold: float, predictions: Predictions) -> Variant:
    return Variant(
        name=name,
        group=variant.group,
        label=variant.label,
        description=variant.description,
        threshold=threshold,
        **{part: fit.run.dataset.evaluate(table, threshold) for part, table in predictions.items()},
        epoch=_scored_epoch(fit, variant.recipe),
        history=fit.summary.history,
        parameters=fit.summary.parameters,
        seconds=fit.summary.seconds,
    )


def _scored_epoch(fit: FinishedFit, recipe: Recipe) -> int:
    losses = fit.summary.history["val_loss"]
    return int(np.argmin(losses)) + 1 if recipe.fit.early_stopping_patience else len(losses)


def _table(result: Ablation) -> Table:
    title = f"Ablation, {result.name}{' (SYNTHETIC radiographs)' if result.synthetic else ''}"
    if result.design == "networks":
        table = Table("variant", "accuracy", "AUROC", "loss", "epochs", "weights", "seconds", title=f"{title}, on validation")
        for variant in result.variants:
            scores = map(rounded, (variant.scores.accuracy, variant.scores.auroc, variant.scores.loss))
            table.add_row(
                variant.name, *scores, str(len(variant.history["loss"])), f"{variant.parameters:,}", f"{variant.seconds:.0f}"
            )
        return table
    table = Table("left out", "validation", "shifted validation", "test", "test accuracy, locked", title=f"{title}: AUROC")
    for variant in result.variants:
        evaluations = [part for part in (variant.validation, variant.validation_shifted, variant.test) if part is not None]
        accuracy = variant.test.locked.accuracy if variant.test else None
        table.add_row(variant.name, *(rounded(part.auroc) for part in evaluations), rounded(accuracy))
    return table
