"""Training a study's network, whatever kind of recipe it has."""

import os
import shutil
from dataclasses import dataclass

import filelock
import keras
from rich.console import Console

from pneumo.config import Recipe, Robust, Training, Transfer
from pneumo.errors import UserError
from pneumo.files import write_atomically
from pneumo.nets import cnn, residual
from pneumo.results.model import Phase
from pneumo.training.dataset import Study
from pneumo.training.fit import compile_model, fit
from pneumo.training.predict import augmented_batches, batches_of, class_weight, trainable_parameters
from pneumo.training.resume import History
from pneumo.training.two_phase import train_in_phases

REGISTERED = "registered"


@dataclass(frozen=True)
class Trained:
    """A fitted network and how it came about."""

    model: keras.Model
    history: History
    """Of all phases, one after another."""
    seconds: float
    phases: tuple[Phase, ...] = ()
    """Where there were several."""

    @property
    def parameters(self) -> int:
        """Trainable weights."""
        return trainable_parameters(self.model)


def train(study: Study, console: Console) -> Trained:
    """Fit the network of the study's recipe, or go on with a fit of the same study that was killed.

    Raises:
        UserError: the same study is being trained by another process, or the loss is no longer a number.
    """
    # Validation weighs the classes as training does, or early stopping would follow another loss than the one that is minimised.
    weights = class_weight(study.y_true("training")) if study.recipe.fit.class_weights == "balanced" else None
    study.directory.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(study.directory / "lock", timeout=0):
            if isinstance(study.recipe, Transfer):
                return _joined(*train_in_phases(study, study.recipe, weights, console))
            return _train_at_once(study, weights, console)
    except filelock.Timeout:
        raise UserError(f"Another process is training this very study in {study.directory}: wait for it, or stop it") from None


def delete_state(study: Study) -> None:
    """Delete what a study's training would go on from, once nobody will ask for it again."""
    for state in list(study.directory.rglob("state")):
        # Out of the way first: what a kill leaves of it is then never taken for a state.
        deleted = state.with_name(f"deleted-{os.getpid()}")
        state.rename(deleted)
        shutil.rmtree(deleted, ignore_errors=True)


def note_registered(study: Study, version: int) -> None:
    """Write down, beside what the training would go on from, that it need not be registered again."""
    write_atomically(study.directory / "state" / REGISTERED, str(version))


def registered_version(study: Study) -> int | None:
    """Version that this very training was registered as, until its state is deleted."""
    note = study.directory / "state" / REGISTERED
    return int(note.read_text()) if note.exists() else None


def _train_at_once(study: Study, weights: dict[int, float] | None, console: Console) -> Trained:
    settings = study.recipe.fit
    try:
        model = _build(study.recipe)
    except ValueError as error:
        size_px, why = study.recipe.image_size_px, str(error).splitlines()[0]
        raise UserError(
            f"{study.name}: no such network at {size_px} px ({why}); raise image_size_px or shorten network.filters"
        ) from error
    compile_model(model, settings)
    return Trained(
        *fit(
            model,
            augmented_batches(study),
            batches_of(study, "validation", weights),
            settings,
            steps_per_epoch=-(-len(study.rows("training")) // settings.batch_size),
            class_weight=weights,
            directory=study.directory,
            console=console,
        )
    )


def _build(recipe: Training) -> keras.Model:
    if isinstance(recipe, Recipe):
        return cnn.build(recipe.network, recipe.image_size_px, recipe.fit.seed)
    if isinstance(recipe, Robust):
        return residual.build(recipe.network, recipe.image_size_px, recipe.fit.seed)
    raise TypeError(f"no network is known for a {type(recipe).__name__}")


def _joined(model: keras.Model, phases: tuple[Phase, ...]) -> Trained:
    history = {name: [value for phase in phases for value in phase.history[name]] for name in phases[0].history}
    return Trained(model, history, sum(phase.seconds for phase in phases), phases)
