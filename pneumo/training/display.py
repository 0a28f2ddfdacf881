"""Progress of a training on the console."""

from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

SHOWN = {"loss": "loss", "accuracy": "accuracy", "iou": "IoU"}
"""Metrics that are printed after each epoch, where the model has them, and their titles."""
SHOWN_OF_VALIDATION = {"auc": "AUROC"}


class Display(keras.callbacks.Callback):
    """A progress bar of the epoch's steps, and a line for each finished epoch."""

    def __init__(self, console: Console, steps_per_epoch: int) -> None:
        super().__init__()
        self.console = console
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[loss]}"),
            console=console,
            transient=True,
        )
        self.task = self.progress.add_task("", total=steps_per_epoch, loss="")

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Reset the bar."""
        self.progress.reset(self.task, description=f"Epoch {epoch + 1}/{self.params['epochs']}", loss="")

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Advance the bar."""
        self.progress.update(self.task, completed=batch + 1, loss=f"loss {logs['loss']:.4f}" if logs else "")

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Print the metrics of the epoch."""
        training, validation = (
            "  ".join(f"{title} {logs[prefix + name]:.4f}" for name, title in shown.items() if logs and prefix + name in logs)
            for prefix, shown in (("", SHOWN), ("val_", SHOWN | SHOWN_OF_VALIDATION))
        )
        self.console.print(f"Epoch {epoch + 1:>2}/{self.params['epochs']}  {training}  validation: {validation}")
