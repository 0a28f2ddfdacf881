"""Prediction of any number of radiographs by a registered or exported model, as a table."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pneumo.cohort.pseudonyms import load_key
from pneumo.config import Config, ExplanationMethod
from pneumo.errors import UserError
from pneumo.inference.heatmaps import TRAINED_ON_PHANTOMS, Heatmaps, write_picture
from pneumo.inference.output import Journal, Row, to_row, write_csv
from pneumo.inference.predictor import Prediction, Predictor
from pneumo.inference.prepare import Prepared
from pneumo.inference.sources import RadiographSource, radiographs

if TYPE_CHECKING:
    from pneumo.inference.dicom_output import DicomWriter

REFUSED_STATUS = 3
Extra = Callable[[RadiographSource, Prepared, Prediction], object]
"""Writes something else of a radiograph that the network saw."""


def run(
    config: Config,
    console: Console,
    *,
    paths: Sequence[str],
    model: str,
    output: Path | None,
    heatmaps: Path | None,
    dicom_out: Path | None,
    resume: bool,
    strict: bool,
) -> int:
    """Predict radiographs, and write a row for each: what cannot be used is a row with its reason.

    Returns:
        3 where radiographs were refused and `strict` is set; else 0.

    Raises:
        UserError: no such path or model, or the output cannot be written.
    """
    # Standard output is for the table.
    console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    predictor = Predictor.load(
        model,
        registry=config.registry,
        referral=config.referral,
        dicom=config.cohort.dicom,
        key=load_key(config.cohort.cache_dir),
    )
    specification = predictor.specification
    console.print(
        f"{specification.name}, threshold {specification.calibrated_threshold:.3f}. For research; not a medical device.",
        markup=False,
    )
    if specification.synthetic:
        console.print(f"Note: {TRAINED_ON_PHANTOMS}.")
    extras, dicom_writer = _extras(predictor, config, heatmaps, dicom_out)
    if dicom_writer is not None:
        console.print(f"Note: {dicom_writer.NOTE}.")
    sources = radiographs(paths, config.cohort, sys.stdin)
    counts: Counter[str] = Counter()
    if output is None:
        write_csv(_predicted(predictor, sources, extras, counts, console), sys.stdout)
    else:
        journal = Journal(output, specification, resume=resume)
        remaining = (source for source in sources if source.name not in journal.done)
        with journal.appending() as stream:
            for row in _predicted(predictor, remaining, extras, counts, console):
                journal.append(stream, row)
        journal.finish()
    _summarize(counts, output, heatmaps, console)
    if dicom_writer is not None:
        console.print(dicom_writer.summary, markup=False)
    return REFUSED_STATUS if strict and counts["refused"] else 0


def _extras(
    predictor: Predictor, config: Config, heatmaps: Path | None, dicom_out: Path | None
) -> tuple[list[Extra], "DicomWriter | None"]:
    """Writers of the heatmaps and DICOM files that are wanted, and that of DICOM files again, which counts."""
    if not heatmaps and not dicom_out:
        return [], None
    explainer, method = Heatmaps(predictor, config.lots), config.gradcam.method
    extras: list[Extra] = []
    if heatmaps:
        extras.append(_heatmap_writer(predictor, explainer, method, heatmaps))
    dicom_writer = _dicom_writer(predictor, explainer, method, dicom_out) if dicom_out else None
    if dicom_writer is not None:
        extras.append(dicom_writer.write)
    return extras, dicom_writer


def _heatmap_writer(predictor: Predictor, explainer: Heatmaps, method: ExplanationMethod, folder: Path) -> Extra:
    def write(source: RadiographSource, prepared: Prepared, prediction: Prediction) -> None:
        explained = explainer.explain(source.read(), prepared, prediction, [method])
        write_picture(folder, "--heatmaps", predictor, prediction, explained)

    return write


def _dicom_writer(predictor: Predictor, explainer: Heatmaps, method: ExplanationMethod, folder: Path) -> "DicomWriter":
    try:
        from pneumo.inference.dicom_output import DicomWriter  # noqa: PLC0415 - highdicom is of the extra `dicom-out`
    except ModuleNotFoundError as error:
        raise UserError("--dicom-out: highdicom is not installed: pip install 'pneumo[dicom-out]'") from error
    return DicomWriter(folder, predictor, explainer, method)


def _predicted(
    predictor: Predictor,
    sources: Iterator[RadiographSource],
    extras: Sequence[Extra],
    counts: Counter[str],
    console: Console,
) -> Iterator[Row]:
    """Rows of the table, in the order of the sources; counts decisions, and shows progress on a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Predicting", total=None)
        for batch in predictor.predict_batches(sources):
            for source, prepared, prediction in batch:
                for write in extras if prepared.pixels is not None else ():
                    write(source, prepared, prediction)
                counts[prediction.decision] += 1
                yield to_row(prediction, predictor.specification)
            progress.advance(task, len(batch))


def _summarize(counts: Counter[str], output: Path | None, heatmaps: Path | None, console: Console) -> None:
    total = counts.total()
    kinds = ", ".join(f"{counts[kind]} {kind}" for kind in ("NORMAL", "PNEUMONIA", "referred", "refused"))
    console.print(f"{total} radiographs: {kinds}")
    if output is not None:
        console.print(f"Table in {output}", markup=False)
    if heatmaps is not None:
        console.print(f"Heatmaps in {heatmaps}", markup=False)
