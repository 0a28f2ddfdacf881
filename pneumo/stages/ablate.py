"""Which part of a plain network earns its place."""

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from pneumo.config import Augmentation, Cnn, Config, Recipe
from pneumo.errors import UserError
from pneumo.figures.drawing import rounded
from pneumo.figures.experiments import ablation_curves
from pneumo.registry import Registry
from pneumo.results.ablation import Ablation, Variant
from pneumo.training.dataset import define, load_cohort
from pneumo.training.series import Finished, facts, fit_each, register_experiment

# The networks of reference system 003. Its convolutions are padded ("same") and ours are not, which takes a pixel off each edge of
# each block and changes nothing else; its validation images were augmented like training's, ours never are.
NETWORKS = {
    "plain": Cnn(filters=(32, 64), dense_units=64, convolution_dropout=0, dense_dropout=0),
    "dropout": Cnn(filters=(32, 64), dense_units=64, convolution_dropout=0.25, dense_dropout=0.3),
    "deeper": Cnn(filters=(32, 64, 128), dense_units=64, convolution_dropout=0.25, dense_dropout=0.3),
}
SMALLEST_PX = 22
UNCHANGED = Augmentation(rotation_degrees=0, shift_fraction=0, shear_degrees=0, zoom_fraction=0, horizontal_flip=False)


def run(config: Config, console: Console) -> None:
    """Train three networks with and without augmentation, and compare them on validation; the test split takes no part."""
    recipes = variants(config.ablate.recipe)
    cohort, parts = load_cohort(config, console)
    # Not even by mistake can a fit of this stage see it.
    parts = parts.replace("test", "unused")
    fits = fit_each([define(config, f"ablate-{name}", recipe, cohort, parts) for name, recipe in recipes.items()], console)
    result = _result(config, recipes, fits)
    predictions = pd.concat(
        [fit.predictions.assign(variant=name) for name, fit in zip(recipes, fits, strict=True)], ignore_index=True
    )
    run_id = register_experiment(result, predictions, [ablation_curves(result, "curves.png")], fits, Registry(config.registry))
    table = Table("variant", "accuracy", "AUROC", "loss", "epochs", "weights", "seconds", title=_title(result))
    for each in result.variants:
        scores = (each.scores.accuracy, each.scores.auroc, each.scores.loss)
        table.add_row(
            each.name, *map(rounded, scores), str(len(each.history["loss"])), f"{each.parameters:,}", f"{each.seconds:.0f}"
        )
    console.print(table)
    console.print(
        f"Kept in {config.registry.tracking_uri or config.registry.directory}, run {run_id}: curves, scores and predictions\n"
        "Next: make report",
        highlight=False,
        soft_wrap=True,
    )


def variants(common: Recipe) -> dict[str, Recipe]:
    """Each network without and with the recipe's augmentation, by name.

    Raises:
        UserError: the images are too small for the deepest network.
    """
    if common.image_size_px < SMALLEST_PX:
        raise UserError(f"ablate.recipe.image_size_px is {common.image_size_px}: three blocks need at least {SMALLEST_PX} px")
    return {
        f"{name}{'-augmented' if augmented else ''}": common.model_copy(
            update={"network": network, "augmentation": common.augmentation if augmented else UNCHANGED}
        )
        for name, network in NETWORKS.items()
        for augmented in (False, True)
    }


def _result(config: Config, recipes: dict[str, Recipe], fits: list[Finished]) -> Ablation:
    common = config.ablate.recipe
    return Ablation(
        **facts(fits, "networks and augmentation", config.ablate.model_dump(mode="json"), common.fit.seed),
        training_images=len(fits[0].study.rows("training")),
        variants=tuple(
            Variant(
                name=name,
                network=recipe.network,
                augmented=recipe.augmentation != UNCHANGED,
                scores=fit.scores,
                epoch=_scored_epoch(fit, common),
                history=fit.summary.history,
                parameters=fit.summary.parameters,
                seconds=fit.summary.seconds,
            )
            for (name, recipe), fit in zip(recipes.items(), fits, strict=True)
        ),
    )


def _scored_epoch(fit: Finished, common: Recipe) -> int:
    losses = fit.summary.history["val_loss"]
    return int(np.argmin(losses)) + 1 if common.fit.early_stopping_patience else len(losses)


def _title(result: Ablation) -> str:
    return f"Ablation, on validation{' (SYNTHETIC radiographs)' if result.synthetic else ''}"
