"""DICOM files written for the tests: one radiograph in any photometric interpretation, layout and transfer syntax."""

import copy
import io
import tempfile
from pathlib import Path

import gdcm
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, DigitalXRayImageStorageForPresentation, ExplicitVRBigEndian, ExplicitVRLittleEndian, JPEGBaseline8Bit

from pneumo.radiographs.radiograph import open_radiograph

UID_ROOT = "1.2.826.0.1.3680043.8.498."


def chest_like(width: int = 160, height: int = 128, white: int = 4095) -> NDArray[np.uint16]:
    """Broad shadows and grain between 0 and white."""
    y, x = np.mgrid[:height, :width]
    grain = np.random.default_rng(0).normal(0, 0.01, (height, width))
    shares = 0.5 + 0.42 * np.sin(x / width * 7) * np.cos(y / height * 5) + grain
    return np.rint(np.clip(shares, 0, 1) * white).astype(np.uint16)


def dataset(pixels: NDArray[np.generic], bits: int = 12, **elements: object) -> Dataset:
    """A digital radiograph of these stored values, (H, W) or (H, W, 3), with further elements by keyword; None removes one."""
    written = Dataset()
    written.file_meta = FileMetaDataset()
    written.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    written.SOPClassUID = DigitalXRayImageStorageForPresentation
    written.SOPInstanceUID = UID_ROOT + "1"
    written.Modality = "DX"
    written.Rows, written.Columns = pixels.shape[:2]
    written.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
    written.PhotometricInterpretation = "MONOCHROME2" if pixels.ndim == 2 else "RGB"
    if pixels.ndim == 3:
        written.PlanarConfiguration = 0
    written.BitsAllocated = pixels.dtype.itemsize * 8
    written.BitsStored = bits
    written.HighBit = bits - 1
    written.PixelRepresentation = int(pixels.dtype.kind == "i")
    written.PixelData = pixels.tobytes()
    for keyword, value in elements.items():
        if value is None:
            delattr(written, keyword)
        else:
            setattr(written, keyword, value)
    return written


def radiograph_8_bit(pixels: NDArray[np.uint8], uid: str, **elements: object) -> Dataset:
    """A radiograph whose window leaves its grey values, (H, W), as they are."""
    return dataset(pixels, bits=8, SOPInstanceUID=uid, WindowCenter=128, WindowWidth=256, **elements)


def write(file: Path, written: Dataset) -> Path:
    """Write a DICOM file, and its folder where it is missing."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content(written))
    return file


def grey_pixels(image: Path) -> NDArray[np.uint8]:
    """Grey values of a raster file, (H, W)."""
    with Image.open(image) as opened:
        return np.asarray(opened.convert("L"))


def content(written: Dataset) -> bytes:
    """The bytes of a DICOM file."""
    if written.file_meta.TransferSyntaxUID == ExplicitVRBigEndian:
        # pydicom writes pixel data as they are.
        written = copy.deepcopy(written)
        written.PixelData = np.frombuffer(written.PixelData, "<u2").astype(">u2").tobytes()
    with io.BytesIO() as stream:
        written.save_as(stream, enforce_file_format=True)
        return stream.getvalue()


def in_syntax(written: Dataset, syntax: UID) -> Dataset:
    """A dataset that names another uncompressed transfer syntax."""
    written.file_meta.TransferSyntaxUID = syntax
    return written


def as_jpeg(written: Dataset, **settings: object) -> Dataset:
    """An 8-bit dataset as JPEG baseline."""
    shape = (written.Rows, written.Columns, 3)[: 2 if written.SamplesPerPixel == 1 else 3]
    with io.BytesIO() as stream:
        Image.fromarray(np.frombuffer(written.PixelData, np.uint8)[: np.prod(shape)].reshape(shape)).save(
            stream, "JPEG", **settings
        )
        written.PixelData = encapsulate([stream.getvalue()])
    written["PixelData"].is_undefined_length = True
    written.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    return written


def transcoded(file: bytes, syntax: int) -> bytes:
    """A DICOM file in another transfer syntax, one of `gdcm.TransferSyntax`, as GDCM encodes it."""
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / "before", Path(folder) / "after"
        before.write_bytes(file)
        reader = gdcm.ImageReader()
        reader.SetFileName(str(before))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(after))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        return after.read_bytes()


def read(file: Path, at_least: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Grey values of a file, (H, W)."""
    with open_radiograph(file) as radiograph:
        grey = np.asarray(radiograph.grey(at_least))
        assert at_least is not None or grey.shape == radiograph.size[::-1]
        return grey
