"""The figures of models and radiographs, each as a PNG in memory with the words that stand in for it."""

import io
from collections.abc import Mapping, Sequence
from typing import Literal

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from PIL import Image
from sklearn.metrics import precision_recall_curve, roc_curve

from pneumo.evaluation.predictions import Part
from pneumo.evaluation.scores import OperatingPoint
from pneumo.figures.drawing import COLOURS, LINES, MARKERS, STYLE, Picture, canvas, finished, rounded
from pneumo.report.inputs import Sample
from pneumo.results.formatting import PARTS_SAID
from pneumo.results.registered import RegisteredModel

PANEL_INCHES = (5.0, 3.7)
SQUARE_INCHES = (5.0, 5.0)
SAMPLE_PX = 480

# Quantity: title, name of the axis, series of the history with their label.
CURVES = {
    "loss": ("Loss", "binary cross-entropy", {"loss": "training", "val_loss": "validation"}),
    "accuracy": ("Accuracy", "share correct at 0.5", {"accuracy": "training", "val_accuracy": "validation"}),
    "auc": ("Area under the ROC curve", "AUROC", {"auc": "training", "val_auc": "validation"}),
    "learning-rate": ("Learning rate", "learning rate", {"learning_rate": "learning rate"}),
}


def learning_curves(history: Mapping[str, Sequence[float]], name: str, prefix: str, synthetic: bool) -> list[Picture]:
    """Draw how training went, epoch by epoch: loss, accuracy, AUROC and learning rate, as far as the history has them.

    Args:
        history: each quantity after each epoch.
        name: what the figures call the model.
        prefix: what their files begin with.
    """
    pictures = []
    for quantity, (title, axis, series) in CURVES.items():
        known = {key: label for key, label in series.items() if history.get(key)}
        if not known:
            continue
        with mpl.rc_context(STYLE):
            figure, axes = canvas(PANEL_INCHES, f"{title}, {name}", "epoch", axis)
            for place, (key, label) in enumerate(known.items()):
                values = history[key]
                epochs = range(1, len(values) + 1)
                axes.plot(epochs, values, LINES[place], color=COLOURS[place], marker=MARKERS[place], markersize=4, label=label)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            if quantity == "learning-rate":
                axes.set_yscale("log")
                # Named where it stood, and by no other tick: matplotlib writes powers of ten as mathematics.
                rates = sorted(set(values))
                axes.set_yticks(rates, [f"{rate:.2g}" for rate in rates])
                axes.minorticks_off()
            if len(known) > 1:
                axes.legend()
            ends = ", ".join(f"{label} {history[key][-1]:.3g}" for key, label in known.items())
            pictures.append(
                finished(
                    figure,
                    synthetic,
                    name=f"{prefix}-{quantity}.png",
                    alt=f"{title} of {name} by epoch; after the last: {ends}.",
                    caption=f"{title}, {name}.",
                )
            )
    return pictures


def roc(models: Sequence[RegisteredModel], part: Part, synthetic: bool) -> Picture:
    """Draw sensitivity against false-positive rate, all models in one figure, with both operating points."""
    with mpl.rc_context(STYLE):
        figure, axes = canvas(SQUARE_INCHES, f"ROC, {PARTS_SAID[part]}", "1 − specificity", "sensitivity")
        axes.plot([0, 1], [0, 1], color="#999999", linewidth=1)
        for place, model in enumerate(models):
            scores = model.evaluation(part)
            if scores.auroc is None:
                continue
            rows = model.predictions(part)
            false_alarms, found, _ = roc_curve(rows["y_true"], rows["y_score"], drop_intermediate=False)
            label = f"{model.name}, AUROC {rounded(scores.auroc)}"
            axes.plot(false_alarms, found, LINES[place % 4], color=COLOURS[place % 10], label=label)
            for point, filled in ((scores.locked, True), (scores.half, False)):
                if point.sensitivity is not None and point.specificity is not None:
                    _mark(axes, place, 1 - point.specificity, point.sensitivity, filled)
        _unit_square(axes, "lower right")
        return finished(
            figure,
            synthetic,
            name=f"roc-{part}.png",
            alt=f"ROC curves, {PARTS_SAID[part]}. " + _areas(models, part, "auroc"),
            caption=f"ROC, {PARTS_SAID[part]} ({_sizes(models, part)}). Filled: at the locked threshold; open: at 0.5.",
        )


def precision_recall(models: Sequence[RegisteredModel], part: Part, synthetic: bool) -> Picture:
    """Draw precision against recall of PNEUMONIA, all models in one figure, with both operating points."""
    with mpl.rc_context(STYLE):
        figure, axes = canvas(SQUARE_INCHES, f"Precision and recall, {PARTS_SAID[part]}", "recall (sensitivity)", "precision")
        share = float(models[0].predictions(part)["y_true"].mean())
        axes.axhline(share, color="#999999", linewidth=1)
        for place, model in enumerate(models):
            scores = model.evaluation(part)
            if scores.average_precision is None:
                continue
            rows = model.predictions(part)
            precision, recall, _ = precision_recall_curve(rows["y_true"], rows["y_score"])
            label = f"{model.name}, AP {rounded(scores.average_precision)}"
            # Precision between two attained recalls is not on a line between them.
            axes.step(recall, precision, LINES[place % 4], where="post", color=COLOURS[place % 10], label=label)
            for point, filled in ((scores.locked, True), (scores.half, False)):
                if point.pneumonia.recall is not None and point.pneumonia.precision is not None:
                    _mark(axes, place, point.pneumonia.recall, point.pneumonia.precision, filled)
        _unit_square(axes, "lower left")
        return finished(
            figure,
            synthetic,
            name=f"precision-recall-{part}.png",
            alt=f"Precision-recall curves, {PARTS_SAID[part]}. " + _areas(models, part, "average_precision"),
            caption=f"Precision and recall of PNEUMONIA, {PARTS_SAID[part]} ({_sizes(models, part)}). Grey line: calling every"
            " radiograph PNEUMONIA. Filled: at the locked threshold; open: at 0.5.",
        )


def confusion(model: RegisteredModel, point: OperatingPoint, which: Literal["half", "locked"], synthetic: bool) -> Picture:
    """Draw the confusion matrix on test, counts coloured by their share of the true class."""
    counts = np.array([[point.true_negatives, point.false_positives], [point.false_negatives, point.true_positives]])
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    words = [[f"{count}\n{share:.1%}" for count, share in zip(*row, strict=True)] for row in zip(counts, shares, strict=True)]
    title = f"{model.name} at {point.threshold:.3g}" + (" (locked)" if which == "locked" else "")
    with mpl.rc_context(STYLE):
        figure, axes = canvas((4.2, 4.3), title, "", "")
        classes = ["NORMAL", "PNEUMONIA"]
        sns.heatmap(
            shares, annot=np.array(words), fmt="", cmap="Blues", vmin=0, vmax=1, cbar=False, square=True, ax=axes, linewidths=1,
            xticklabels=classes, yticklabels=classes, annot_kws={"size": 15},
        )  # fmt: skip
        axes.set(xlabel="model says", ylabel="label")
        axes.tick_params(length=0)
        return finished(
            figure,
            synthetic,
            name=f"v{model.version}-confusion-{which}.png",
            alt=f"Confusion matrix of {title}: {point.true_negatives} true negatives, {point.false_positives} false positives,"
            f" {point.false_negatives} false negatives, {point.true_positives} true positives.",
            caption=f"Confusion matrix on test, {title}: radiographs, and their share of the true class.",
        )


def found_by_subtype(models: Sequence[RegisteredModel], synthetic: bool) -> Picture:
    """Draw the share decided rightly on test: each kind of pneumonia, and the normals."""
    first = models[0].facts.test.half
    present = [name for name, scores in first.subtypes.items() if scores.images]
    rows = [f"{name}\n(n = {first.subtypes[name].images})" for name in present] + [f"normal\n(n = {first.normal.support})"]
    with mpl.rc_context(STYLE):
        figure, axes = canvas((5.6, 1.7 + 0.75 * len(rows)), "Decided rightly, test", "share of the radiographs", "")
        for place, model in enumerate(models):
            offset = (place - (len(models) - 1) / 2) * min(0.22, 0.8 / len(models))
            for point, filled in ((model.facts.test.locked, True), (model.facts.test.half, False)):
                shares = [point.subtypes[name].sensitivity for name in present] + [point.specificity]
                for row, share in enumerate(shares):
                    if share is not None:
                        _mark(axes, place, share, row + offset, filled)
            axes.plot([], [], MARKERS[place % 6], color=COLOURS[place % 10], label=model.name)
        axes.set_yticks(range(len(rows)), rows)
        axes.set(xlim=(-0.02, 1.02), ylim=(len(rows) - 0.5, -0.5))
        figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=min(len(models), 3))
        return finished(
            figure,
            synthetic,
            name="subtypes.png",
            alt="Share decided rightly on test by kind of pneumonia and for the normals; the table beside it has the numbers.",
            caption="Sensitivity by kind of pneumonia, and specificity (normal), on test. Filled: at the locked threshold;"
            " open: at 0.5.",
        )


def sample(number: int, radiograph: Sample) -> Picture:
    """Show a radiograph as it is, made smaller where it is large."""
    image = Image.fromarray(radiograph.pixels, mode=None)
    image.thumbnail((SAMPLE_PX, SAMPLE_PX))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return Picture(
        name=f"sample-{number:02d}.png",
        alt=f"Radiograph: {radiograph.caption}",
        caption=radiograph.caption,
        png=buffer.getvalue(),
        width=image.width,
        height=image.height,
    )


def _mark(axes: Axes, place: int, x: float, y: float, filled: bool) -> None:
    colour = COLOURS[place % 10]
    face = colour if filled else "white"
    axes.plot(x, y, MARKERS[place % 6], color=colour, markerfacecolor=face, markersize=8, clip_on=False, zorder=5 + filled)


def _unit_square(axes: Axes, legend: Literal["lower left", "lower right"]) -> None:
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc=legend)


def _areas(models: Sequence[RegisteredModel], part: Part, quantity: str) -> str:
    areas = {model.name: getattr(model.evaluation(part), quantity) for model in models}
    return "; ".join(f"{name}: " + ("undefined" if area is None else f"area {rounded(area)}") for name, area in areas.items()) + "."


def _sizes(models: Sequence[RegisteredModel], part: Part) -> str:
    sizes = sorted({model.evaluation(part).images for model in models})
    return " or ".join(f"{size} {'views' if part == 'validation_shifted' else 'radiographs'}" for size in sizes)
