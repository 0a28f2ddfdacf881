"""Bayesian search of a backbone's head, layer by layer, as in reference system 002."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import yaml
from rich.console import Console
from rich.progress import Progress

from pneumo.config import HeadSearch, TransferRecipe
from pneumo.errors import UserError
from pneumo.evaluation.scores import Result
from pneumo.files import write_atomically
from pneumo.nets import backbone
from pneumo.results.files import load_result
from pneumo.search.bayes_search import choice, integer, minimise, real
from pneumo.search.head_fits import EvaluatedHead, Head, evaluate_head
from pneumo.training.features import frozen_features, weights_digest
from pneumo.training.run import TrainingRun

FIXED_AFTER_FIRST_LAYER = ("learning_rate", "batch_size", "loss")


class HeadSearchResult(Result):
    """Every head that was evaluated, in order."""

    evaluated: tuple[EvaluatedHead, ...] = ()
    best: EvaluatedHead | None = None
    """None: the search is not finished."""


def search_heads(
    run: TrainingRun, recipe: TransferRecipe, settings: HeadSearch, directory: Path, console: Console
) -> tuple[HeadSearchResult, Path]:
    """Add layers to the head while validation accuracy improves, or resume a search of the same settings.

    Each head is trained on the frozen backbone's cached features. The test split is not used.

    Returns:
        The result, and a YAML file for `--config` with the best head; the result is saved as JSON in the same folder.

    Raises:
        UserError: every head failed, or the same search is running in another process.
    """
    extractor = backbone.feature_extractor(backbone.build(recipe.network, recipe.image_size_px, recipe.fit.seed))
    features = frozen_features(extractor, run.dataset, recipe, console)
    identity = [run.directory.name, weights_digest(extractor), settings.model_dump(mode="json")]
    file = directory / f"heads-{hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:12]}.json"
    directory.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(file.with_suffix(".lock"), timeout=0):
            earlier = load_result(file, HeadSearchResult) or HeadSearchResult()
            search = LayerSearch(
                settings,
                console,
                file,
                {head.head: head for head in earlier.evaluated},
                lambda head: evaluate_head(head, recipe, features, run.dataset, settings.epochs),
            )
            best = search.grow()
            result = HeadSearchResult(evaluated=tuple(search.heads.values()), best=best)
            write_atomically(file, result.model_dump_json(indent=1))
            write_atomically(file.with_suffix(".yaml"), _as_settings(best, len(result.evaluated), recipe))
    except filelock.Timeout:
        raise UserError(f"Another process is running this search in {file}: wait for it, or stop it") from None
    return result, file.with_suffix(".yaml")


@dataclass(frozen=True)
class LayerSearch:
    """A search that adds one dense layer at a time."""

    settings: HeadSearch
    console: Console
    file: Path
    heads: dict[Head, EvaluatedHead]
    """Evaluated heads; each is saved before the next is trained."""
    evaluate: Callable[[Head], EvaluatedHead]

    def grow(self) -> EvaluatedHead:
        """Add layers while accuracy improves; learning rate, batch size and loss stay those of the best head of one layer."""
        settings = self.settings
        space = {
            "units": integer(*settings.units),
            "dropout": real(*settings.dropout),
            "learning_rate": real(*settings.learning_rate, log=True),
            "batch_size": choice(settings.batch_sizes),
            "loss": choice(settings.losses),
        }
        best = self._best_of(1, space, {})
        if best.failure is not None:
            raise UserError(
                f"All {settings.points} heads of the search failed, the best with: {best.failure}; change `head_search`"
            )
        fixed = {name: getattr(best.head, name) for name in FIXED_AFTER_FIRST_LAYER}
        for layers in range(2, settings.layers + 1):
            deeper = self._best_of(layers, {name: space[name] for name in ("units", "dropout")}, fixed)
            if deeper.accuracy <= best.accuracy:
                break
            best = deeper
        return best

    def _best_of(self, layers: int, space: dict[str, Any], fixed: dict[str, Any]) -> EvaluatedHead:
        evaluated: list[EvaluatedHead] = []
        depth = "one layer" if layers == 1 else f"{layers} layers"
        with Progress(console=self.console, transient=True) as progress:
            task = progress.add_task(f"Heads of {depth}", total=self.settings.points)

            def error_rate(parameters: dict[str, Any]) -> float:
                values = fixed | parameters
                units = values.pop("units")
                head = Head(units=tuple(max(1, units // 2**layer) for layer in range(layers)), **values)
                evaluated.append(self._evaluated(head))
                progress.advance(task)
                return 1 - evaluated[-1].accuracy

            minimise(error_rate, space, self.settings.points, self.settings.seed)
        best = max(evaluated, key=lambda head: head.accuracy)
        description = f"{' + '.join(map(str, best.head.units))} units and dropout {best.head.dropout:.2f}"
        self.console.print(f"Best head of {depth}: accuracy {best.accuracy:.4f} with {description}")
        return best

    def _evaluated(self, head: Head) -> EvaluatedHead:
        """Evaluate a head, unless an earlier run of this search did."""
        if head not in self.heads:
            self.heads[head] = self.evaluate(head)
            write_atomically(self.file, HeadSearchResult(evaluated=tuple(self.heads.values())).model_dump_json(indent=1))
        return self.heads[head]


def _as_settings(best: EvaluatedHead, count: int, recipe: TransferRecipe) -> str:
    head = best.head
    network = recipe.network.model_copy(update={"head_units": head.units, "head_dropout": head.dropout})
    fit = recipe.fit.model_copy(update={"learning_rate": head.learning_rate, "batch_size": head.batch_size})
    settings = recipe.model_copy(update={"network": network, "fit": fit}).model_dump(mode="json")
    lines = (
        f"# The best of {count} heads that `pneumo heads` evaluated: validation accuracy {best.accuracy:.4f}.",
        f"# Its loss was {head.loss}; for labels 0 and 1 binary_crossentropy and kl_divergence are the same function.",
        yaml.safe_dump({"resnet50": settings}, sort_keys=False),
    )
    return "\n".join(lines)
