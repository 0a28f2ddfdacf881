"""Figures of models and radiographs: learning curves, ROC, precision-recall, confusion matrix, subtypes, samples."""

import io
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from PIL import Image
from sklearn.metrics import precision_recall_curve, roc_curve

from pneumo.evaluation.scores import OperatingPoint, Part
from pneumo.figures.drawing import REFERENCE_COLOUR, Picture, in_report_style, new_figure, picture_of, series_style, to_picture
from pneumo.results.formatting import PART_LABELS, rounded
from pneumo.results.model import RegisteredModel

PANEL_INCHES = (5.0, 3.7)
SQUARE_INCHES = (5.0, 5.0)
SAMPLE_PX = 480

# Quantity: title, label of the axis, series of the history with their labels.
CURVES = {
    "loss": ("Loss", "binary cross-entropy", {"loss": "training", "val_loss": "validation"}),
    "accuracy": ("Accuracy", "accuracy at 0.5", {"accuracy": "training", "val_accuracy": "validation"}),
    "auc": ("Area under the ROC curve", "AUROC", {"auc": "training", "val_auc": "validation"}),
    "learning-rate": ("Learning rate", "learning rate", {"learning_rate": "learning rate"}),
}


@in_report_style
def learning_curves(history: Mapping[str, Sequence[float]], name: str, prefix: str, synthetic: bool) -> list[Picture]:
    """Draw loss, accuracy, AUROC and learning rate by epoch, as far as the history has them.

    Args:
        history: each quantity after each epoch.
        name: of the model, in titles.
        prefix: of the file names.
    """
    pictures = []
    for quantity, (title, axis, labels) in CURVES.items():
        series = {label: history[key] for key, label in labels.items() if history.get(key)}
        if not series:
            continue
        figure, axes = new_figure(PANEL_INCHES, f"{title}, {name}", "epoch", axis)
        for position, (label, values) in enumerate(series.items()):
            colour, line, marker = series_style(position)
            axes.plot(range(1, len(values) + 1), values, line, color=colour, marker=marker, markersize=4, label=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        if quantity == "learning-rate":
            _format_learning_rates(axes, series["learning rate"])
        if len(series) > 1:
            axes.legend()
        ends = ", ".join(f"{label} {values[-1]:.3g}" for label, values in series.items())
        pictures.append(
            to_picture(
                figure,
                synthetic,
                name=f"{prefix}-{quantity}.png",
                alt=f"{title} of {name} by epoch; after the last: {ends}.",
                caption=f"{title}, {name}.",
            )
        )
    return pictures


def _format_learning_rates(axes: Axes, rates: Sequence[float]) -> None:
    axes.set_yscale("log")
    # A tick at each rate and no other: matplotlib writes powers of ten as mathematics, which is not parsed here.
    ticks = sorted(set(rates))
    axes.set_yticks(ticks, [f"{rate:.2g}" for rate in ticks])
    axes.minorticks_off()


@in_report_style
def roc(models: Sequence[RegisteredModel], part: Part, synthetic: bool) -> Picture:
    """Draw the ROC curves of all models on one part, with their operating points."""
    figure, axes = new_figure(SQUARE_INCHES, f"ROC, {PART_LABELS[part]}", "1 − specificity", "sensitivity")
    axes.plot([0, 1], [0, 1], color=REFERENCE_COLOUR, linewidth=1)
    for position, model in enumerate(models):
        scores, rows = model.evaluation(part), model.predictions[part]
        if scores.auroc is None:
            continue
        false_positive_rates, sensitivities, _ = roc_curve(rows["y_true"], rows["y_score"], drop_intermediate=False)
        colour, line, _ = series_style(position)
        label = f"{model.name}, AUROC {rounded(scores.auroc)}"
        axes.plot(false_positive_rates, sensitivities, line, color=colour, label=label)
        for point, filled in ((scores.locked, True), (scores.half, False)):
            if point.sensitivity is not None and point.specificity is not None:
                _mark(axes, position, 1 - point.specificity, point.sensitivity, filled)
    _format_unit_square(axes, "lower right")
    return to_picture(
        figure,
        synthetic,
        name=f"roc-{part}.png",
        alt=f"ROC curves, {PART_LABELS[part]}. " + _areas(models, part, "auroc"),
        caption=f"ROC, {PART_LABELS[part]} ({_sizes(models, part)}). Filled: at the locked threshold; open: at 0.5.",
    )


@in_report_style
def precision_recall(models: Sequence[RegisteredModel], part: Part, synthetic: bool) -> Picture:
    """Draw the precision-recall curves of all models on one part, with their operating points."""
    figure, axes = new_figure(SQUARE_INCHES, f"Precision-recall, {PART_LABELS[part]}", "recall (sensitivity)", "precision")
    prevalence = float(models[0].predictions[part]["y_true"].mean())
    axes.axhline(prevalence, color=REFERENCE_COLOUR, linewidth=1)
    for position, model in enumerate(models):
        scores, rows = model.evaluation(part), model.predictions[part]
        if scores.average_precision is None:
            continue
        precision, recall, _ = precision_recall_curve(rows["y_true"], rows["y_score"])
        colour, line, _ = series_style(position)
        label = f"{model.name}, AP {rounded(scores.average_precision)}"
        # A step: precision is not linear in recall between two thresholds.
        axes.step(recall, precision, line, where="post", color=colour, label=label)
        for point, filled in ((scores.locked, True), (scores.half, False)):
            if point.pneumonia.recall is not None and point.pneumonia.precision is not None:
                _mark(axes, position, point.pneumonia.recall, point.pneumonia.precision, filled)
    _format_unit_square(axes, "lower left")
    return to_picture(
        figure,
        synthetic,
        name=f"precision-recall-{part}.png",
        alt=f"Precision-recall curves, {PART_LABELS[part]}. " + _areas(models, part, "average_precision"),
        caption=f"Precision and recall of PNEUMONIA, {PART_LABELS[part]} ({_sizes(models, part)}). Grey line: all radiographs"
        " classified as PNEUMONIA. Filled: at the locked threshold; open: at 0.5.",
    )


@in_report_style
def confusion(model: RegisteredModel, point: OperatingPoint, which: Literal["half", "locked"], synthetic: bool) -> Picture:
    """Draw the confusion matrix on test, coloured by the share of the true class."""
    counts = np.array([[point.true_negatives, point.false_positives], [point.false_negatives, point.true_positives]])
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    cells = [[f"{count}\n{share:.1%}" for count, share in zip(*row, strict=True)] for row in zip(counts, shares, strict=True)]
    title = f"{model.name} at {point.threshold:.3g}" + (" (locked)" if which == "locked" else "")
    figure, axes = new_figure((4.2, 4.3), title, "", "")
    classes = ["NORMAL", "PNEUMONIA"]
    sns.heatmap(
        shares, annot=np.array(cells), fmt="", cmap="Blues", vmin=0, vmax=1, cbar=False, square=True, ax=axes, linewidths=1,
        xticklabels=classes, yticklabels=classes, annot_kws={"size": 15},
    )  # fmt: skip
    axes.set(xlabel="predicted", ylabel="label")
    axes.tick_params(length=0)
    return to_picture(
        figure,
        synthetic,
        name=f"v{model.version}-confusion-{which}.png",
        alt=f"Confusion matrix of {title}: {point.true_negatives} true negatives, {point.false_positives} false positives,"
        f" {point.false_negatives} false negatives, {point.true_positives} true positives.",
        caption=f"Confusion matrix on test, {title}: number of radiographs, and share of the true class.",
    )


@in_report_style
def sensitivity_by_subtype(models: Sequence[RegisteredModel], synthetic: bool) -> Picture:
    """Draw sensitivity by subtype of pneumonia, and specificity, on test."""
    first = models[0].record.test.half
    present = [name for name, scores in first.subtypes.items() if scores.images]
    rows = [f"{name}\n(n = {first.subtypes[name].images})" for name in present] + [f"normal\n(n = {first.normal.support})"]
    figure, axes = new_figure((5.6, 1.7 + 0.75 * len(rows)), "Correctly classified, test", "share of the radiographs", "")
    for position, model in enumerate(models):
        offset = (position - (len(models) - 1) / 2) * min(0.22, 0.8 / len(models))
        for point, filled in ((model.record.test.locked, True), (model.record.test.half, False)):
            shares = [point.subtypes[name].sensitivity for name in present] + [point.specificity]
            for row, share in enumerate(shares):
                if share is not None:
                    _mark(axes, position, share, row + offset, filled)
        axes.plot([], [], series_style(position).marker, color=series_style(position).colour, label=model.name)
    axes.set_yticks(range(len(rows)), rows)
    axes.set(xlim=(-0.02, 1.02), ylim=(len(rows) - 0.5, -0.5))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=min(len(models), 3))
    return to_picture(
        figure,
        synthetic,
        name="subtypes.png",
        alt="Sensitivity by subtype of pneumonia and specificity on test; the table beside it has the numbers.",
        caption="Sensitivity by subtype of pneumonia, and specificity (normal), on test. Filled: at the locked threshold;"
        " open: at 0.5.",
    )


def sample(number: int, radiograph: npt.NDArray[np.uint8], caption: str) -> Picture:
    """Return a radiograph (H, W) as a picture, reduced in size where it is large."""
    image = Image.fromarray(radiograph, mode=None)
    image.thumbnail((SAMPLE_PX, SAMPLE_PX))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return picture_of(buffer.getvalue(), name=f"sample-{number:02d}.png", alt=f"Radiograph: {caption}", caption=caption)


def _mark(axes: Axes, position: int, x: float, y: float, filled: bool) -> None:
    colour, _, marker = series_style(position)
    face = colour if filled else "white"
    axes.plot(x, y, marker, color=colour, markerfacecolor=face, markersize=8, clip_on=False, zorder=5 + filled)


def _format_unit_square(axes: Axes, legend: Literal["lower left", "lower right"]) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc=legend)


def _areas(models: Sequence[RegisteredModel], part: Part, quantity: str) -> str:
    areas = {model.name: getattr(model.evaluation(part), quantity) for model in models}
    return "; ".join(f"{name}: " + ("undefined" if area is None else f"area {rounded(area)}") for name, area in areas.items()) + "."


def _sizes(models: Sequence[RegisteredModel], part: Part) -> str:
    sizes = sorted({model.evaluation(part).images for model in models})
    return " or ".join(f"{size} {'views' if part == 'validation_shifted' else 'radiographs'}" for size in sizes)
