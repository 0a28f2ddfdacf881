"""Bayesian search of a backbone's head, layer by layer, as reference system 002 made it."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import keras
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pneumo.config import HeadSearch, Transfer
from pneumo.errors import UserError
from pneumo.files import write_atomically
from pneumo.nets import backbone
from pneumo.search.bayes_search import Choice, Real, Whole, minimise
from pneumo.search.head_fits import Head, TriedHead, try_head
from pneumo.training.dataset import Study
from pneumo.training.features import weights_digest
from pneumo.training.predict import class_weight
from pneumo.training.two_phase import study_features

Space = dict[str, Real | Whole | Choice]
FIXED_WITH_THE_FIRST_LAYER = ("learning_rate", "batch_size", "loss")


class HeadSearchResult(BaseModel):
    """Every head that was tried, in order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tried: tuple[TriedHead, ...] = ()
    best: TriedHead | None = None
    """None: the search is not finished."""


def search_heads(
    study: Study, recipe: Transfer, settings: HeadSearch, directory: Path, console: Console
) -> tuple[HeadSearchResult, Path]:
    """Add layers to the head while validation accuracy improves, or go on with a search of the same settings that was killed.

    Each head is trained on the frozen backbone's cached features. The test split takes no part.

    Returns:
        What was tried, and a file for `--config`: the recipe with the best head in it. Beside that lies the result as JSON.

    Raises:
        UserError: every head failed, or the same search is running in another process.
    """
    keras.utils.set_random_seed(recipe.fit.seed)
    extractor = backbone.feature_extractor(backbone.build(recipe.network, recipe.image_size_px))
    features = study_features(study, recipe, extractor, console)
    identity = [study.directory.name, weights_digest(extractor), settings.model_dump(mode="json")]
    file = directory / f"heads-{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:12]}.json"
    y_true = study.y_true("training"), study.y_true("validation")
    weights = class_weight(y_true[0]) if recipe.fit.class_weights == "balanced" else None
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(file.with_suffix(".lock"), timeout=0):
            search = LayerSearch(
                settings,
                console,
                file,
                _read(file),
                lambda head: try_head(head, recipe, features, y_true, epochs=settings.epochs, class_weight=weights),
            )
            best = search.grow()
            result = HeadSearchResult(tried=tuple(search.heads.values()), best=best)
            write_atomically(file, result.model_dump_json(indent=1))
            write_atomically(file.with_suffix(".yaml"), _as_settings(best, len(result.tried), recipe))
    except filelock.Timeout:
        raise UserError(f"Another process is making this very search in {file}: wait for it, or stop it") from None
    return result, file.with_suffix(".yaml")


@dataclass(frozen=True)
class LayerSearch:
    """One search: its settings, and what it has found so far."""

    settings: HeadSearch
    console: Console
    file: Path
    heads: dict[Head, TriedHead]
    """Finished ones, each on the disk before the next begins."""
    train: Callable[[Head], TriedHead]

    def grow(self) -> TriedHead:
        """Add layers while that helps; what the first layer is trained with stays."""
        settings = self.settings
        space: Space = {
            "units": Whole(*settings.units, log=True),
            "dropout": Real(*settings.dropout),
            "learning_rate": Real(*settings.learning_rate, log=True),
            "batch_size": Choice(settings.batch_sizes),
            "loss": Choice(settings.losses),
        }
        best = self._best_of(1, space, {})
        if best.failure is not None:
            raise UserError(f"All {settings.points} heads of the search failed, one so: {best.failure}; mend `head_search`")
        fixed = {name: getattr(best.head, name) for name in FIXED_WITH_THE_FIRST_LAYER}
        for layers in range(2, settings.layers + 1):
            deeper = self._best_of(layers, {name: space[name] for name in ("units", "dropout")}, fixed)
            if deeper.accuracy <= best.accuracy:
                break
            best = deeper
        return best

    def _best_of(self, layers: int, space: Space, fixed: dict[str, Any]) -> TriedHead:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        asked: list[TriedHead] = []
        depth = "one layer" if layers == 1 else f"{layers} layers"
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(f"Heads of {depth}", total=self.settings.points)

            def error(parameters: dict[str, Any]) -> float:
                chosen = fixed | parameters
                units = chosen.pop("units")
                asked.append(self._tried(Head(units=tuple(max(1, units // 2**layer) for layer in range(layers)), **chosen)))
                progress.advance(task)
                return 1 - asked[-1].accuracy

            minimise(error, space, self.settings.points, self.settings.seed)
        best = max(asked, key=lambda one: one.accuracy)
        found = f"{' + '.join(map(str, best.head.units))} units and dropout {best.head.dropout:.2f}"
        self.console.print(f"Best head of {depth}: accuracy {best.accuracy:.4f} with {found}", highlight=False)
        return best

    def _tried(self, head: Head) -> TriedHead:
        """Train a head, unless an earlier run of this search did."""
        if head not in self.heads:
            self.heads[head] = self.train(head)
            write_atomically(self.file, HeadSearchResult(tried=tuple(self.heads.values())).model_dump_json(indent=1))
        return self.heads[head]


def _as_settings(best: TriedHead, count: int, recipe: Transfer) -> str:
    head = best.head
    network = recipe.network.model_copy(update={"head_units": head.units, "head_dropout": head.dropout})
    fit = recipe.fit.model_copy(update={"learning_rate": head.learning_rate, "batch_size": head.batch_size})
    settings = recipe.model_copy(update={"network": network, "fit": fit}).model_dump(mode="json")
    lines = (
        f"# The best of {count} heads that `pneumo heads` tried: validation accuracy {best.accuracy:.4f}.",
        f"# Its loss was {head.loss}; for labels 0 and 1 binary_crossentropy and kl_divergence are the same function.",
        yaml.safe_dump({"resnet50": settings}, sort_keys=False),
    )
    return "\n".join(lines)


def _read(file: Path) -> dict[Head, TriedHead]:
    """Heads that an earlier run of the same search has finished."""
    try:
        kept = HeadSearchResult.model_validate_json(file.read_bytes())
    except (FileNotFoundError, ValidationError):
        return {}
    return {tried.head: tried for tried in kept.tried}
