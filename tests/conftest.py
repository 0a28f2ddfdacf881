"""Small radiographs, generated in the layout of the published cohort."""

import io
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from pneumo.config import Config

RadiographWriter = Callable[..., Path]


@pytest.fixture(autouse=True, scope="module")
def float32_afterwards() -> Iterator[None]:
    """Reset Keras' precision policy after each test file: trainings set it for the whole process."""
    yield
    # Not imported here: most tests need no Keras, which takes seconds to import.
    if "keras" in sys.modules:
        sys.modules["keras"].config.set_dtype_policy("float32")


@pytest.fixture
def write_radiograph() -> RadiographWriter:
    """Write noise as a grey radiograph, different for every file name and seed."""

    def write(file: Path, seed: int = 0, size: tuple[int, int] = (24, 20)) -> Path:
        generator = np.random.default_rng([seed, *file.as_posix().encode(errors="surrogateescape")])
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, size[::-1], dtype=np.uint8)).save(file)
        return file

    return write


@pytest.fixture
def kermany_folder(tmp_path: Path, write_radiograph: RadiographWriter) -> Path:
    """Train with 6 + 6 patients (two radiographs for each pneumonia), val with 1 + 1, test with 2 + 2."""
    root = tmp_path / "radiographs" / "chest_xray"
    for split, numbers in (("train", range(6)), ("val", range(6, 7)), ("test", range(7, 9))):
        for number in numbers:
            pathogen = "bacteria" if number % 2 else "virus"
            write_radiograph(root / split / "NORMAL" / f"IM-{number:04}-0001.jpeg")
            write_radiograph(root / split / "PNEUMONIA" / f"person{number}_{pathogen}_{number * 2}.jpeg")
            write_radiograph(root / split / "PNEUMONIA" / f"person{number}_{pathogen}_{number * 2 + 1}.jpeg")
    return root


@pytest.fixture
def config(tmp_path: Path, kermany_folder: Path) -> Config:
    """The settings of a training on `kermany_folder`, with everything that is written in the test's own folder."""
    return Config(
        data=kermany_folder,
        cohort={"cache_dir": tmp_path / "data"},
        protocol={"validation_fraction": 0.3},
        registry={"directory": tmp_path / "models"},
    )


@pytest.fixture
def console() -> Console:
    """A console whose output a test reads from `console.file`."""
    return Console(file=io.StringIO(), width=200)


@pytest.fixture
def originals() -> Path:
    """Full-size radiographs of the real cohort, in the folder `originals` beside it."""
    data = os.environ.get("PNEUMO_DATA")
    folder = Path(data or "absent").parent / "originals"
    if data is None or not (folder / "NORMAL").is_dir():
        pytest.skip("no folder `originals` of full-size radiographs beside PNEUMO_DATA")
    return folder
