"""Prediction of any number of radiographs by a registered or exported model, as a table."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pneumo.cohort.pseudonyms import load_key
from pneumo.config import Config, ExplanationMethod
from pneumo.errors import UserError
from pneumo.files import printable
from pneumo.inference.heatmaps import Heatmaps, PictureWriter
from pneumo.inference.output import Journal, Row, check_output, to_row, write_csv
from pneumo.inference.predictor import Prediction, Predictor
from pneumo.inference.prepare import Prepared
from pneumo.inference.sources import RadiographSource, RadiographSources
from pneumo.results.formatting import counted

if TYPE_CHECKING:
    from pneumo.inference.dicom_output import DicomWriter

REFUSED_STATUS = 3


class Writer(Protocol):
    """Writes something else than the table of radiographs that the network saw."""

    def write(self, source: RadiographSource, prepared: Prepared, prediction: Prediction) -> None:
        """Write what is wanted of one radiograph."""

    def summary(self, predicted: int) -> str:
        """Say in one line what was written, given the number of all radiographs."""


class Job(NamedTuple):
    """What predicts, and what is written and counted of each radiograph."""

    predictor: Predictor
    writers: Sequence[Writer]
    console: Console
    decisions: Counter[str]
    """Number of radiographs by decision."""


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
    # Before the model is loaded, which takes seconds.
    _check_outputs(output, {"--heatmaps": heatmaps, "--dicom-out": dicom_out}, resume=resume)
    sources = RadiographSources(paths, config.cohort, sys.stdin)
    predictor = _load(model, config, console)
    job = Job(predictor, _writers(predictor, config, heatmaps, dicom_out, console), console, Counter())
    kept = 0
    if output is None:
        write_csv(_rows(job, sources, frozenset()), sys.stdout)
    else:
        journal = Journal(output, predictor.specification, resume=resume)
        kept = len(journal.done)
        with journal.appending() as stream:
            for row in _rows(job, sources, journal.done):
                journal.append(stream, row)
        journal.finish()
    _summarize(job, kept, sources.skipped, paths)
    if output is not None:
        console.print(f"Table in {printable(output)}")
    return REFUSED_STATUS if strict and job.decisions["refused"] else 0


def _check_outputs(output: Path | None, folders: dict[str, Path | None], *, resume: bool) -> None:
    if output is not None:
        check_output(output)
    elif resume:
        raise UserError("--resume continues a table in a file: give that with --output")
    for flag, folder in folders.items():
        if folder is not None and folder.exists() and not folder.is_dir():
            raise UserError(f"{flag} {printable(folder)}: not a folder; give the path of a folder")


def _load(model: str, config: Config, console: Console) -> Predictor:
    predictor = Predictor.load(model, registry=config.registry, referral=config.referral, dicom=config.cohort.dicom)
    # Not before: the key is written where there is none, which a wrong name of the model must not do.
    predictor.preparation = predictor.preparation._replace(key=load_key(config.cohort.cache_dir))
    console.print(predictor.specification.heading)
    return predictor


def _writers(predictor: Predictor, config: Config, heatmaps: Path | None, dicom_out: Path | None, console: Console) -> list[Writer]:
    """Writers of the heatmaps and DICOM files that are wanted."""
    if not heatmaps and not dicom_out:
        return []
    explainer, method = Heatmaps(predictor, config.lots), config.gradcam.method
    writers: list[Writer] = []
    if heatmaps:
        writers.append(PictureWriter(heatmaps, predictor, explainer, method))
    if dicom_out:
        dicom_writer = _dicom_writer(predictor, explainer, method, dicom_out)
        console.print(f"Note: {dicom_writer.NOTE}.")
        writers.append(dicom_writer)
    return writers


def _dicom_writer(predictor: Predictor, explainer: Heatmaps, method: ExplanationMethod, folder: Path) -> "DicomWriter":
    try:
        from pneumo.inference.dicom_output import DicomWriter  # noqa: PLC0415 - highdicom is of the extra `dicom-out`
    except ModuleNotFoundError as error:
        raise UserError("--dicom-out: highdicom is not installed: pip install 'pneumo[dicom-out]'") from error
    return DicomWriter(folder, predictor, explainer, method)


def _rows(job: Job, sources: Iterable[RadiographSource], done: Set[str]) -> Iterator[Row]:
    """Rows of the table, in the order of the sources, without those that are done; counts decisions, and shows progress."""
    remaining = (source for source in sources if source.name not in done)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=job.console, transient=True, disable=not job.console.is_terminal) as progress:
        task = progress.add_task("Predicting", total=None)
        for batch in job.predictor.predict_batches(remaining):
            for source, prepared, prediction in batch:
                # DICOM files whose names identify a patient are done under another name.
                if prediction.path in done:
                    continue
                for writer in job.writers if prepared.pixels is not None else ():
                    writer.write(source, prepared, prediction)
                job.decisions[prediction.decision] += 1
                yield to_row(prediction, job.predictor.specification)
            progress.advance(task, len(batch))


def _summarize(job: Job, kept: int, skipped: int, paths: Sequence[str]) -> None:
    """Print how many radiographs were predicted, what was written of them, and what was not predicted."""
    total = job.decisions.total()
    kinds = ", ".join(f"{job.decisions[kind]} {kind}" for kind in ("NORMAL", "PNEUMONIA", "referred", "refused"))
    if kept:
        job.console.print(f"{counted(kept, 'radiograph')} kept, {total} new{f': {kinds}' if total else ''}")
    elif total:
        job.console.print(f"{counted(total, 'radiograph')}: {kinds}")
    else:
        job.console.print(f"Warning: no radiograph was found in {', '.join(map(printable, paths))}")
    if skipped:
        job.console.print(f"Skipped {counted(skipped, 'file')} of other formats")
    for writer in job.writers:
        job.console.print(writer.summary(total))
