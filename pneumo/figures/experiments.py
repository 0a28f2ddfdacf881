"""Figures of experiments: the folds of a cross-validation, the points of a search, the variants of an ablation."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from pneumo.figures.drawing import COLOURS, LINES, Picture, in_report_style, picture_of, series_style, to_picture
from pneumo.results.experiment import Ablation, CrossValidation, Variant
from pneumo.results.formatting import rounded
from pneumo.results.model import RegisteredModel

# Quantity of the history, and the label of its axis.
ROWS = {"val_accuracy": "validation accuracy", "val_loss": "validation loss"}
SEARCH_CAPTIONS = {
    "convergence": "Best score so far by number of points tried (negative: smaller is better).",
    "dependence": "Partial dependence of the score on each setting and each pair, by a Gaussian process fitted to all points; "
    "dots: points tried, star and dashed line: the best (negative: smaller is better).",
}


@in_report_style
def fold_curves(result: CrossValidation, file_name: str) -> Picture:
    """Draw accuracy and loss of every fold by epoch, on training and on validation."""
    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    panels = figure.subplots(1, 2, sharex=True)
    losses = [panel.twinx() for panel in panels]
    for panel, loss, prefix, title in zip(panels, losses, ("", "val_"), ("Training", "Validation"), strict=True):
        for position, fold in enumerate(result.folds):
            colour, _, _ = series_style(position)
            _draw_history(panel, fold.history[f"{prefix}accuracy"], LINES[0], colour)
            _draw_history(loss, fold.history[f"{prefix}loss"], LINES[1], colour)
        panel.set(title=f"{title}, {result.name}", xlabel="epoch", ylabel="accuracy at 0.5 (solid)")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        loss.set_ylabel("loss (dashed)")
        loss.grid(visible=False)
    # The same scales on both sides, so that training and validation can be compared.
    for pair in (panels, losses):
        limits = [limit for axes in pair for limit in axes.get_ylim()]
        for axes in pair:
            axes.set_ylim(min(limits), max(limits))
    folds = [Line2D([], [], color=series_style(n).colour, label=f"fold {n + 1}") for n in range(len(result.folds))]
    figure.legend(handles=folds, loc="outside upper center", ncols=min(len(folds), len(COLOURS)))
    accuracy, loss_ = result.spread["accuracy"], result.spread["loss"]
    return to_picture(
        figure,
        result.synthetic,
        name=file_name,
        alt=f"Accuracy and loss of {len(result.folds)} folds of {result.name} by epoch, on training and on validation. "
        f"Final scores, mean and standard deviation: accuracy {rounded(accuracy.mean)} and {rounded(accuracy.sd)}, "
        f"loss {rounded(loss_.mean)} and {rounded(loss_.sd)}.",
        caption=f"Accuracy (solid, left axis) and loss (dashed, right axis) of each fold, {result.name}.",
    )


def search_pictures(model: RegisteredModel) -> list[Picture]:
    """Return the figures that scikit-optimize drew of the search which chose a model's settings; they were stamped when drawn."""
    if model.record.search is None:
        return []
    best = ", ".join(f"{name} {value:.3g}" for name, value in model.record.search.best.parameters.items())
    return [
        picture_of(
            model.search_figures[kind],
            name=f"search-v{model.version}-{kind}.png",
            alt=f"Search of {model.name}, {kind}; best: {best}.",
            caption=caption,
        )
        for kind, caption in SEARCH_CAPTIONS.items()
        if kind in model.search_figures
    ]


@in_report_style
def ablation_curves(result: Ablation, file_name: str) -> Picture:
    """Draw validation accuracy and loss by epoch: a column for each group of variants."""
    groups: dict[str, list[Variant]] = {}
    for variant in result.variants:
        groups.setdefault(variant.group, []).append(variant)
    figure = Figure(figsize=(9.6, 5.6), layout="constrained")
    grid = figure.subplots(len(ROWS), len(groups), sharex=True, sharey="row", squeeze=False)
    for panels, variants in zip(grid.T, groups.values(), strict=True):
        for axes, quantity in zip(panels, ROWS, strict=True):
            for position, variant in enumerate(variants):
                values, (colour, line, marker) = variant.history[quantity], series_style(position)
                _draw_history(axes, values, line, colour, variant.label)
                axes.plot(variant.epoch, values[variant.epoch - 1], marker, color=colour, markersize=6)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        panels[0].set_title(variants[0].description.replace(", ", "\n"))
        panels[-1].set_xlabel("epoch")
    for axes, label in zip(grid[:, 0], ROWS.values(), strict=True):
        axes.set_ylabel(label)
    grid[0, 0].legend(loc="lower right")
    best = max(result.variants, key=lambda variant: variant.scores.accuracy)
    return to_picture(
        figure,
        result.synthetic,
        name=file_name,
        alt=f"Validation accuracy and loss of {len(result.variants)} variants by epoch. Highest accuracy: "
        f"{rounded(best.scores.accuracy)}, {best.name}.",
        caption="Validation accuracy and loss by epoch of each network, with and without augmentation. Marker: the epoch whose"
        " weights were scored.",
    )


def _draw_history(axes: Axes, values: list[float], line: str, colour: tuple[float, float, float], label: str | None = None) -> None:
    axes.plot(range(1, len(values) + 1), values, line, color=colour, linewidth=1.4, label=label)
