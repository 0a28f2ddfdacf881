"""A cohort of small radiographs, predictions on them, a review package of both, and readers who answer it."""

import csv
import io
import struct
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, PngImagePlugin

from pneumo.results.model import RegisteredModel
from pneumo.results.review import ReviewKey
from pneumo.review.form import FORM
from pneumo.review.package import describe, describe_models, encode, write_package
from pneumo.review.selection import margins, select
from tests.report.report_inputs import trained, with_record
from tests.tiny_experiments import provenance_fields

ORIGIN = "person7_bacteria_99"
"""In the name, the comments and the metadata of every original."""


def table(seed: int = 0, radiographs: int = 200, spread: float = 2.0) -> pd.DataFrame:
    """Predictions of a model that errs in both directions; two radiographs a patient."""
    rng = np.random.default_rng(seed)
    y_true = rng.permutation(np.arange(radiographs) % 3 > 0).astype(int)
    score = 1 / (1 + np.exp(-rng.normal(3.0 * y_true - 1.5, spread)))
    names = [f"test/{'PNEUMONIA' if label else 'NORMAL'}/{ORIGIN}_{number}.png" for number, label in enumerate(y_true)]
    patients = [f"{ORIGIN}-{number // 2}" for number in range(radiographs)]
    return pd.DataFrame({"path": names, "patient": patients, "y_true": y_true, "y_score": score})


def model(version: int = 1, **changes: object) -> RegisteredModel:
    """A registered model with the predictions of a seed that is its version."""
    made = with_record(trained(version, "baseline", False, 1.0, 0.5), **({"temperature": 1.5} | changes))
    return RegisteredModel(version, False, f"{version:064x}", made.record, {"test": table(version)})


def shared_model(version: int, **changes: object) -> RegisteredModel:
    """A model on the radiographs of `model(1)`, with other scores."""
    made, rows = model(version, **changes), table(1)
    rows["y_score"] = np.random.default_rng(version).permutation(rows["y_score"].to_numpy())
    return RegisteredModel(version, False, made.sha256, made.record, {"test": rows})


def write_original(file: Path) -> Path:
    """A radiograph of 8 bits whose metadata give it away; some are larger than the limit of the package."""
    number = int(file.stem.rpartition("_")[2])
    side = 300 if number % 3 else 90
    pixels = np.random.default_rng(number).integers(0, 256, (side, side + 20), dtype=np.uint8)
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", ORIGIN)
    file.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    exif[0x010E] = ORIGIN
    Image.fromarray(pixels).save(file, pnginfo=text, exif=exif, dpi=(72 + number, 72))
    return file


def write(folder: Path, contradictions: int = 8, seed: int = 0, side_px: int = 128) -> ReviewKey:
    """Write a package, and return its key, which is written nowhere."""
    models = [model()]
    selected = select(margins(models), contradictions, seed)
    originals = folder.parent / "originals"
    images = [encode(write_original(originals / path), side_px) for path in selected["path"]]
    package = write_package(folder, images, describe_models(models), synthetic=False, write_key=lambda _: None)
    return ReviewKey(
        **provenance_fields("f00d", synthetic=False) | {"created": datetime(2026, 1, 2, tzinfo=UTC)},
        package=package,
        models=describe_models(models),
        seed=seed,
        radiographs=describe(selected),
    )


def chunks(png: bytes) -> list[str]:
    """Types of the chunks of a PNG."""
    names, position = [], 8
    while position < len(png):
        length, name = struct.unpack(">I4s", png[position : position + 8])
        names.append(name.decode())
        position += length + 12
    return names


def fill_in(folder: Path, reader: str, findings: dict[int, str], file: Path | None = None) -> Path:
    """Fill in the form of a package with findings by number."""
    rows = list(csv.DictReader(io.StringIO((folder / FORM).read_text())))
    for row in rows:
        row |= {"reader": reader, "finding": findings.get(int(row["number"]), "")}
    file = file or folder.with_name(f"{reader}.csv")
    with file.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return file
