"""Every file that pydicom ships, and mutations of DICOM files, end as pixels or as one line, in bounded memory and time."""

import io
import subprocess
import sys
import time
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from pneumo.config import Dicom
from pneumo.radiographs.dicom_header import unsuitable
from pneumo.radiographs.radiograph import UnreadableError, open_radiograph
from tests.dicom_files import as_jpeg, chest_like, content, dataset, in_syntax, read

MOST_SECONDS = 20
MOST_MEMORY_BYTES = 2**30
KINDS = ("flip", "truncate", "zero", "delete", "value")
VALUES = (b"\0" * 4, b"\xff" * 4, b"9" * 4, b"\xfe\xff\xff\x7f", b"\\\\\\\\", b"-1.5")


def outcome(file: Path) -> str:
    """`pixels`, or the reason why there are none; any other exception fails."""
    start = time.monotonic()
    try:
        with open_radiograph(file) as radiograph:
            grey = radiograph.grey()
            assert grey.size == radiograph.size
            assert grey.mode == "L"
            result = "pixels"
            if radiograph.header is not None and (reason := unsuitable(radiograph.header, Dicom())):
                result = f"unsuitable: {reason}"
    except UnreadableError as error:
        result = f"refused: {error}"
    assert len(result.splitlines()) == 1
    assert time.monotonic() - start < MOST_SECONDS
    return result


def originals() -> list[bytes]:
    """DICOM files in five transfer syntaxes."""
    wide = chest_like(96, 80)
    files = [content(dataset(wide, WindowCenter=2048, WindowWidth=4096, PatientName="A^B", PixelSpacing=[0.1, 0.1]))]
    for syntax in (RLELossless, JPEGLSLossless, JPEG2000Lossless):
        written = dataset(wide, RescaleSlope=1, RescaleIntercept=0, PatientAge="034Y")
        written.compress(syntax)
        files.append(content(written))
    return [*files, content(as_jpeg(dataset((wide >> 4).astype(np.uint8), 8), quality=90))]


def mutated(file: bytes, kind: str, rng: np.random.Generator) -> bytes:
    """A file with one to four damages of a kind."""
    damaged = bytearray(file)
    if kind == "truncate":
        return bytes(damaged[: rng.integers(1, len(file))])
    if kind == "delete":
        written = pydicom.dcmread(io.BytesIO(file))
        del written[list(written.keys())[rng.integers(len(written))]]
        with io.BytesIO() as stream:
            written.save_as(stream)
            return stream.getvalue()
    for _ in range(rng.integers(1, 5)):
        # Half of the damage goes to the header, which is a small part of the file.
        at = int(rng.integers(128, len(file) if rng.random() < 0.5 else 700))
        if kind == "flip":
            damaged[at] ^= 1 << int(rng.integers(8))
        elif kind == "zero":
            damaged[at : at + 40] = bytes(len(damaged[at : at + 40]))
        else:
            value = VALUES[rng.integers(len(VALUES))]
            damaged[at : at + len(value)] = value
    return bytes(damaged)


def check_mutations(folder: Path, count: int, seed: int) -> Counter[str]:
    """Outcomes, by their first word, of so many mutations, spread over files and kinds."""
    rng, files, outcomes = np.random.default_rng(seed), originals(), Counter[str]()
    for number in range(count):
        file = folder / "mutated"
        file.write_bytes(mutated(files[number % len(files)], KINDS[number // len(files) % len(KINDS)], rng))
        outcomes[outcome(file).split(":")[0]] += 1
    return outcomes


def shipped() -> list[Path]:
    return sorted(file for file in Path(pydicom.data.__file__).parent.rglob("*") if file.is_file() and file.suffix != ".pyc")


def in_a_process_of_its_own(call: str) -> tuple[str, str]:
    """Output and errors of a call in this module, whose process may use a GiB of memory at most."""
    code = (
        "import re; from pathlib import Path; from tests.radiographs import test_damaged_dicom as module;"
        f"print({call});"
        # Not from `getrusage`, which includes the parent process until the new program was started.
        "print('peak', int(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1]) * 1024)"
    )
    done = subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", code], capture_output=True, text=True, check=True)
    *result, peak = done.stdout.splitlines()
    assert int(peak.split()[1]) < MOST_MEMORY_BYTES
    return "\n".join(result), done.stderr


def test_some_mutations_end_as_pixels_or_as_one_line(tmp_path: Path) -> None:
    outcomes = check_mutations(tmp_path, 75, seed=1)
    assert outcomes["refused"] > 20
    assert outcomes["pixels"] > 10


def test_some_files_that_pydicom_ships_end_as_pixels_or_as_one_line() -> None:
    outcomes = Counter(outcome(file).split(":")[0] for file in shipped()[::4])
    assert outcomes["pixels"] >= 5
    assert outcomes["refused"] >= 5


@pytest.mark.slow
def test_400_mutations_end_as_pixels_or_as_one_line_in_a_gib_of_memory(tmp_path: Path) -> None:
    result, errors = in_a_process_of_its_own(f"sum(module.check_mutations(Path({str(tmp_path)!r}), 400, seed=0).values())")
    assert result == "400"
    assert "Traceback" not in errors


@pytest.mark.slow
def test_every_file_that_pydicom_ships_ends_as_pixels_or_as_one_line_in_a_gib_of_memory() -> None:
    result, errors = in_a_process_of_its_own("len([module.outcome(file) for file in module.shipped()])")
    assert int(result) >= 190
    assert errors == ""


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless])
def test_a_codestream_larger_than_its_header_says_is_refused_before_it_is_decoded(tmp_path: Path, syntax: str) -> None:
    written = dataset(chest_like(160, 128))
    written.compress(syntax)
    written.Columns, written.Rows = 80, 64
    (tmp_path / "larger").write_bytes(content(written))
    with pytest.raises(UnreadableError, match="the image is 160 x 128, the header says 80 x 64"):
        read(tmp_path / "larger")


def test_a_deflate_bomb_with_a_wrong_group_length_is_refused(tmp_path: Path) -> None:
    bomb = dataset(chest_like(160, 128))
    bomb.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    written = bytearray(content(bomb))
    end = written.index(b"1.2.840.10008.1.2.1.99") + 22
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = b"".join(deflate.compress(bytes(2**22)) for _ in range(64)) + deflate.flush()
    written[140:144] = (2**30).to_bytes(4, "little")
    (tmp_path / "bomb").write_bytes(written[:end] + packed)
    with pytest.raises(UnreadableError, match="decompression bomb"):
        read(tmp_path / "bomb")


def test_a_header_of_zeros_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "zeros").write_bytes(content(dataset(chest_like(16, 16)))[:400] + bytes(2**24))
    start = time.monotonic()
    with pytest.raises(UnreadableError):
        read(tmp_path / "zeros")
    assert time.monotonic() - start < 2


def test_a_file_encoded_otherwise_than_its_transfer_syntax_says_is_read(tmp_path: Path) -> None:
    written = dataset(chest_like(64, 48))
    explicit = content(written)
    implicit = content(in_syntax(written, ImplicitVRLittleEndian))
    # The file meta elements of the one, which end with their UID, and the dataset of the other.
    start, other_start = explicit.index(b"\x08\x00\x16\x00"), implicit.index(b"\x08\x00\x16\x00")
    (tmp_path / "right").write_bytes(explicit)
    (tmp_path / "contradicting").write_bytes(explicit[:start] + implicit[other_start:])
    np.testing.assert_array_equal(read(tmp_path / "contradicting"), read(tmp_path / "right"))


@pytest.mark.parametrize("keyword", ["WindowWidth", "RescaleSlope", "PhotometricInterpretation", "NumberOfFrames"])
def test_no_refusal_quotes_the_header(tmp_path: Path, keyword: str) -> None:
    written = dataset(chest_like(64, 48), WindowCenter=10, RescaleIntercept=0)
    written.add_new(keyword, "LO", "Doe^Jane 4711")
    (tmp_path / "quoting").write_bytes(content(written))
    with pytest.raises(UnreadableError) as caught:
        read(tmp_path / "quoting")
    assert "Doe" not in str(caught.value)
    assert "4711" not in str(caught.value)


def test_jpeg_ls_without_its_end_is_refused(tmp_path: Path) -> None:
    written = dataset(chest_like(64, 48))
    written.compress(JPEGLSLossless)
    (tmp_path / "cut").write_bytes(content(written).replace(b"\xff\xd9", b"\xff\xd8"))
    with pytest.raises(UnreadableError, match="no end"):
        read(tmp_path / "cut")
