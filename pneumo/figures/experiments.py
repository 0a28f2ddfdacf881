"""The figures of results that are not models: how the fits of a series went, side by side."""

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from pneumo.figures.drawing import COLOURS, LINES, MARKERS, STYLE, Picture, finished, given, rounded
from pneumo.results.ablation import Ablation, Variant
from pneumo.results.cross_validation import CrossValidation
from pneumo.results.registered import RegisteredModel

FOLDS_INCHES = (9.6, 4.4)
ABLATION_INCHES = (9.6, 5.6)
# Quantity: its name in the history, and on the axis.
ROWS = {"val_accuracy": "validation accuracy", "val_loss": "validation loss"}


def fold_curves(result: CrossValidation, name: str) -> Picture:
    """Draw accuracy and loss of every fold by epoch, on training and on validation.

    Args:
        name: file name of the picture.
    """
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=FOLDS_INCHES, layout="constrained")
        panels = figure.subplots(1, 2, sharex=True)
        losses = [panel.twinx() for panel in panels]
        for panel, loss, prefix, title in zip(panels, losses, ("", "val_"), ("Training", "Validation"), strict=True):
            for place, fold in enumerate(result.folds):
                _curve(panel, fold.history[f"{prefix}accuracy"], place, LINES[0])
                _curve(loss, fold.history[f"{prefix}loss"], place, LINES[1])
            panel.set(title=f"{title}, {result.name}", xlabel="epoch", ylabel="accuracy at 0.5 (solid)")
            panel.xaxis.set_major_locator(MaxNLocator(integer=True))
            loss.set_ylabel("loss (dashed)")
            loss.grid(visible=False)
        # On one scale, or a fold would look better on one side.
        for pair in (panels, losses):
            bounds = [bound for axes in pair for bound in axes.get_ylim()]
            for axes in pair:
                axes.set_ylim(min(bounds), max(bounds))
        folds = [Line2D([], [], color=COLOURS[place % 10], label=f"fold {place + 1}") for place in range(len(result.folds))]
        figure.legend(handles=folds, loc="outside upper center", ncols=min(len(folds), 10))
        accuracy, loss_ = result.spread["accuracy"], result.spread["loss"]
        return finished(
            figure,
            result.synthetic,
            name=name,
            alt=f"Accuracy and loss of {len(result.folds)} folds of {result.name} by epoch, on training and on validation. "
            f"Scored in the end, mean and standard deviation: accuracy {rounded(accuracy.mean)} and {rounded(accuracy.sd)}, "
            f"loss {rounded(loss_.mean)} and {rounded(loss_.sd)}.",
            caption=f"Accuracy (solid, left axis) and loss (dashed, right axis) of each fold, {result.name}.",
        )


def search_pictures(model: RegisteredModel) -> list[Picture]:
    """Take over what scikit-optimize drew of the search that chose a model's settings, stamped when it was drawn."""
    if model.facts.search is None:
        return []
    best = ", ".join(f"{name} {value:.3g}" for name, value in model.facts.search.best.parameters.items())
    known = {
        "convergence": (model.search_convergence, "The best score so far, by points tried (negative: smaller is better)."),
        "dependence": (
            model.search_dependence,
            "Partial dependence of the score on each setting and each pair, by a Gaussian process fitted to all points; "
            "dots: points tried, star and dashed line: the best (negative: smaller is better).",
        ),
    }
    return [
        given(
            png, name=f"search-v{model.version}-{kind}.png", alt=f"Search of {model.name}, {kind}; best: {best}.", caption=caption
        )
        for kind, (png, caption) in known.items()
        if png is not None
    ]


def ablation_curves(result: Ablation, name: str) -> Picture:
    """Draw validation accuracy and loss by epoch: a column for each network, with and without augmentation.

    Args:
        name: file name of the picture.
    """
    networks = list(dict.fromkeys(each.network for each in result.variants))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=ABLATION_INCHES, layout="constrained")
        grid = figure.subplots(len(ROWS), len(networks), sharex=True, sharey="row", squeeze=False)
        for row, (quantity, axis) in zip(grid, ROWS.items(), strict=True):
            for axes, network in zip(row, networks, strict=True):
                for each in (variant for variant in result.variants if variant.network == network):
                    _variant_curve(axes, each, quantity)
                axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            row[0].set_ylabel(axis)
        for top, bottom, network in zip(grid[0], grid[-1], networks, strict=True):
            dropout = f"dropout {network.convolution_dropout:g} and {network.dense_dropout:g}"
            has_dropout = network.convolution_dropout or network.dense_dropout
            top.set_title(f"{', '.join(map(str, network.filters))} filters\n{dropout if has_dropout else 'no dropout'}")
            bottom.set_xlabel("epoch")
        grid[0, 0].legend(loc="lower right")
        best = max(result.variants, key=lambda variant: variant.scores.accuracy)
        return finished(
            figure,
            result.synthetic,
            name=name,
            alt=f"Validation accuracy and loss of {len(result.variants)} trainings by epoch. The highest accuracy scored: "
            f"{rounded(best.scores.accuracy)}, {best.name}.",
            caption="Validation accuracy and loss of each network by epoch, with and without augmentation. Marked: the epoch"
            " whose weights were scored.",
        )


def _curve(axes: Axes, values: list[float], place: int, line: str) -> None:
    axes.plot(range(1, len(values) + 1), values, line, color=COLOURS[place % 10], linewidth=1.4)


def _variant_curve(axes: Axes, variant: Variant, quantity: str) -> None:
    values, place = variant.history[quantity], int(variant.augmented)
    label = "with augmentation" if variant.augmented else "without"
    axes.plot(range(1, len(values) + 1), values, LINES[place], color=COLOURS[place], label=label)
    axes.plot(variant.epoch, values[variant.epoch - 1], MARKERS[place], color=COLOURS[place], markersize=6)
