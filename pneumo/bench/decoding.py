"""Benchmarks of decoding: the pixel cache against plain Pillow, index and cache of DICOM against pydicom in a process pool."""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, JPEG2000Lossless, generate_uid

from pneumo.bench.measure import Cost
from pneumo.cohort.index import index
from pneumo.config import Cohort
from pneumo.radiographs.pixel_cache import pixel_cache

SIZE_PX = 150
"""Size of the decoded images."""
DICOM_SIZE_PX = 2048
_BITS = 12
# Quantum noise of a radiograph, in 12-bit grey values: without it the files would be unrealistically small and quick to decode.
_NOISE = 6.0


def our_cache(files: Sequence[Path]) -> Cost:
    """Cost of building the pixel cache of raster files."""
    with tempfile.TemporaryDirectory() as folder, Cost().counting() as cost:
        pixel_cache(Path(folder), files, "", size_px=SIZE_PX, resize="squash")
    return cost


def plain_pillow(files: Sequence[Path]) -> Cost:
    """Cost of the usual loop: open, convert to grey, resize."""
    with Cost().counting() as cost:
        opened = (Image.open(file).convert("L") for file in files)
        np.stack([np.asarray(image.resize((SIZE_PX, SIZE_PX))) for image in opened])
    return cost


def write_dicom_cohort(folder: Path, radiographs: Sequence[Path]) -> None:
    """Write radiographs as a cohort of DICOM files: 2048 × 2048, 12 bits, JPEG 2000 lossless, half of them labelled PNEUMONIA."""
    for number, radiograph in enumerate(radiographs):
        label, name = ("NORMAL", f"IM-{number:04}-0001.dcm") if number % 2 else ("PNEUMONIA", f"person{number}_virus_1.dcm")
        file = folder / ("test" if number % 4 < 2 else "train") / label / name  # noqa: PLR2004 - every class in every split
        file.parent.mkdir(parents=True, exist_ok=True)
        _dicom(radiograph, seed=number).save_as(file, enforce_file_format=True)


def our_index_and_cache(folder: Path) -> Cost:
    """Cost of indexing a folder, which decodes every file for its hash, and of building its pixel cache."""
    with tempfile.TemporaryDirectory() as directory, Cost().counting() as cost:
        index(folder, Cohort(cache_dir=Path(directory))).pixels(SIZE_PX, "squash")
    return cost


def plain_pydicom(folder: Path) -> Cost:
    """Cost of the usual way: pydicom's lookup tables, scaling to 8 bits, hash and Pillow's resize, in a pool of processes."""
    files = sorted(folder.rglob("*.dcm"))
    with Cost().counting() as cost, ProcessPoolExecutor(os.cpu_count()) as pool:
        np.stack([image for _, image in pool.map(_plain, files)])
    return cost


def _plain(file: Path) -> tuple[str, npt.NDArray[np.uint8]]:
    dataset = pydicom.dcmread(file)
    values = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset).astype(np.float64)
    grey = np.rint((values - values.min()) * (255 / (values.max() - values.min()))).astype(np.uint8)
    return hashlib.sha256(grey.tobytes()).hexdigest(), np.asarray(Image.fromarray(grey).resize((SIZE_PX, SIZE_PX)))


def _dicom(radiograph: Path, seed: int) -> Dataset:
    with Image.open(radiograph) as opened:
        resized = opened.convert("F").resize((DICOM_SIZE_PX, DICOM_SIZE_PX), Image.Resampling.BICUBIC)
    noise = np.random.default_rng(seed).normal(scale=_NOISE, size=(DICOM_SIZE_PX, DICOM_SIZE_PX))
    values = np.clip(np.asarray(resized) * (2**_BITS / 256) + noise, 0, 2**_BITS - 1).astype(np.uint16)
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = DigitalXRayImageStorageForPresentation, generate_uid()
    dataset.Modality, dataset.ViewPosition, dataset.PatientID = "DX", "PA", f"{seed}"
    dataset.Rows = dataset.Columns = DICOM_SIZE_PX
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, _BITS, _BITS - 1, 0
    dataset.WindowCenter, dataset.WindowWidth = 2 ** (_BITS - 1), 2**_BITS
    dataset.PixelData = values.tobytes()
    dataset.compress(JPEG2000Lossless)
    return dataset
