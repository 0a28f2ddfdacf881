"""What each ingredient of the robust recipe is worth."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from pneumo.config import BASELINE, Config, Recipe, Robust, Training
from pneumo.evaluation.scores import evaluate
from pneumo.figures.drawing import rounded
from pneumo.registry import Registry
from pneumo.results.ingredients import Ingredients, Without
from pneumo.training.dataset import Study, define, load_cohort
from pneumo.training.operating_point import Locked, lock
from pneumo.training.precision import prepare
from pneumo.training.predict import predict
from pneumo.training.provenance import experiment_facts
from pneumo.training.train import Trained, delete_state, train

# What of the augmentation is set to nothing for each ingredient that lies in it.
OF_AUGMENTATION: Mapping[str, Mapping[str, float]] = {
    "stretch": {"aspect_log_range": 0},
    "zoom": {"zoom_fraction": 0},
    "stretch and zoom": {"aspect_log_range": 0, "zoom_fraction": 0},
    "photometric changes": {"contrast_fraction": 0, "brightness_fraction": 0, "gamma_log_range": 0},
    "sharpness": {"sharpness_fraction": 0},
}


@dataclass(frozen=True)
class Variant:
    """The recipe without one ingredient, trained, its threshold locked."""

    name: str
    study: Study
    trained: Trained
    locked: Locked


def run(config: Config, console: Console) -> None:
    """Train the robust recipe, and without each ingredient in turn; compare on validation and, at the very end, on test.

    For a recipe that is settled: the test split is opened once for each variant, when all are trained, and every opening is
    written down.
    """
    recipes = variants(config.robust)
    precision = prepare(config.robust.fit)
    cohort, parts = load_cohort(config, console)
    found = []
    for number, (name, recipe) in enumerate(recipes.items(), start=1):
        what = "the whole recipe" if recipe is config.robust else f"the recipe without {name}"
        console.print(f"{number} of {len(recipes)}: {what}", highlight=False)
        study = define(config, f"robust-without-{re.sub(r'[^a-z]+', '-', name)}", recipe, cohort, parts)
        trained = train(study, console)
        found.append(Variant(name, study, trained, lock(study, trained.model)))
    registry = Registry(config.registry)
    opened = [_open_test(variant, registry) for variant in found]
    facts = experiment_facts(
        cohort,
        "the robust recipe",
        config.robust.model_dump(mode="json"),
        seed=config.robust.fit.seed,
        precision=f"{precision.policy} ({precision.reason})",
        seconds=sum(variant.trained.seconds for variant in found),
    )
    result = Ingredients(
        **facts,
        training_images=len(found[0].study.rows("training")),
        variants=tuple(_without(variant, test) for variant, test in zip(found, opened, strict=True)),
    )
    predictions = [
        table.assign(variant=variant.name, part=part)
        for variant, test in zip(found, opened, strict=True)
        for part, table in _parts(variant, test).items()
    ]
    run_id = registry.add_experiment(result, pd.concat(predictions, ignore_index=True))
    # Only now: until the result is listed, a run that was killed goes on from there.
    for variant in found:
        delete_state(variant.study)
    console.print(_table(result))
    where = config.registry.tracking_uri or config.registry.directory
    console.print(f"Kept in {where}, run {run_id}\nNext: make report", highlight=False, soft_wrap=True)


def variants(whole: Robust) -> dict[str, Training]:
    """The whole recipe, and the recipe without each ingredient, by the name of what is left out."""
    found: dict[str, Training] = {"nothing": whole}
    for name, changes in OF_AUGMENTATION.items():
        found[name] = whole.model_copy(update={"augmentation": whole.augmentation.model_copy(update=dict(changes))})
    found["label smoothing"] = whole.model_copy(update={"fit": whole.fit.model_copy(update={"label_smoothing": 0})})
    common: dict[str, Any] = {name: getattr(whole, name) for name in Training.model_fields}
    found["residual network"] = Recipe(**common, network=BASELINE.network)
    return found


def _open_test(variant: Variant, registry: Registry) -> pd.DataFrame:
    registry.log_test_access(variant.study.name, variant.study.cohort.fingerprint)
    return predict(variant.study, variant.trained.model, "test")


def _parts(variant: Variant, test: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {"validation": variant.locked.validation, "validation_shifted": variant.locked.validation_shifted, "test": test}


def _without(variant: Variant, test: pd.DataFrame) -> Without:
    subtypes = variant.study.cohort.table.set_index("path")["subtype"]
    scores = {
        part: evaluate(table["y_true"], table["y_score"], subtypes[table["path"]], variant.locked.threshold)
        for part, table in _parts(variant, test).items()
    }
    return Without(
        name=variant.name,
        threshold=variant.locked.threshold,
        history=variant.trained.history,
        parameters=variant.trained.parameters,
        seconds=variant.trained.seconds,
        **scores,
    )


def _table(result: Ingredients) -> Table:
    of_what = " (SYNTHETIC radiographs)" if result.synthetic else ""
    table = Table("without", "validation", "shifted validation", "test", "test accuracy, locked", title=f"AUROC{of_what}")
    for each in result.variants:
        aurocs = (each.validation.auroc, each.validation_shifted.auroc, each.test.auroc, each.test.locked.accuracy)
        table.add_row(each.name, *map(rounded, aurocs))
    return table
