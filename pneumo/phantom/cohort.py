"""The phantom cohort: synthetic radiographs of children with known lesions, in the layout and naming of Kermany's cohort.

Nothing about acquisition (field, aspect ratio, exposure, marker, compression, radiographs a child) depends on the label, unless the
settings plant a shortcut.
"""

import hashlib
import itertools
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from filelock import FileLock
from PIL import Image

from pneumo import config
from pneumo.errors import UserError
from pneumo.parallel import in_parallel
from pneumo.phantom.acquisition import DEFAULT_ACQUISITION, AcquisitionSettings, Mask, SyntheticRadiograph, take_radiograph
from pneumo.phantom.lesions import Subtype, draw_pneumonia
from pneumo.phantom.thorax import Chest, draw_patient, draw_posture

GENERATOR = "2"
"""Part of the folder's key: raise it when the same settings are to give other pixels, or other masks."""
JPEG_QUALITY = 90
FOLDER = "chest_xray"
MARKER = "SYNTHETIC"
"""A file beside that folder, so that a phantom is known as one also where it is given as data."""
# Each planted shortcut: the acquisition at the NORMAL of train, at its PNEUMONIA, and everywhere else, where both kinds are mixed.
ACQUISITIONS = {
    "none": (DEFAULT_ACQUISITION, DEFAULT_ACQUISITION, DEFAULT_ACQUISITION),
    # Brighter alone is not enough: small networks did not learn it even beside the faintest lesions.
    "marker": (
        AcquisitionSettings(marker_grey=(140, 190)),
        AcquisitionSettings(marker_grey=(205, 255), marker_size=(0.13, 0.2)),
        AcquisitionSettings(marker_grey=(140, 255), marker_size=(0.045, 0.2)),
    ),
    "aspect": (AcquisitionSettings(aspect_ratio=(1.15, 1.3)), AcquisitionSettings(aspect_ratio=(1.35, 1.5)), DEFAULT_ACQUISITION),
}


@dataclass(frozen=True)
class Child:
    """One synthetic patient: where its radiographs go, and what is to be seen on them."""

    split: str
    subtype: Subtype
    number: int
    index: int
    """Its place in the whole cohort, of which its random draws are seeded."""

    def radiograph_path(self, radiograph: int) -> Path:
        """Path below the cohort's folder, named as Kermany names it; radiographs count from 1."""
        if self.subtype == "normal":
            prefix = "NORMAL2-IM" if self.split == "test" else "IM"
            return Path(self.split, "NORMAL", f"{prefix}-{self.number:04d}-{radiograph:04d}.jpeg")
        kind = {"bacterial": "bacteria", "viral": "virus"}[self.subtype]
        return Path(self.split, "PNEUMONIA", f"person{self.number}_{kind}_{radiograph}.jpeg")


def write_cohort(settings: config.Phantom, directory: Path) -> Path:
    """Write the cohort below `directory`, or find it there finished; the folder of its radiographs.

    It is built beside its place and moved there whole, so that a killed run leaves nothing that looks like a cohort.

    Raises:
        UserError: nothing can be written in `directory`.
    """
    key = hashlib.sha256(f"{GENERATOR} {settings.model_dump_json()}".encode()).hexdigest()[:12]
    finished, partial = directory / f"phantom-{key}", directory / f".phantom-{key}.partial"
    if finished.exists():
        return finished / FOLDER
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with FileLock(directory / f".phantom-{key}.lock"):
            if not finished.exists():
                shutil.rmtree(partial, ignore_errors=True)
                _write_radiographs(settings, partial)
                partial.replace(finished)
    except OSError as error:
        raise UserError(f"{directory}: the phantom cohort cannot be written ({error.strerror}); set cohort.cache_dir.") from error
    return finished / FOLDER


def is_phantom(folder: Path) -> bool:
    """Whether this is the folder of a phantom cohort's radiographs."""
    return (folder.parent / MARKER).exists()


def masks(root: Path, path: str) -> tuple[Mask, Mask]:
    """Lungs and lesion of the radiograph at `path` below `root`, the folder that `write_cohort` returned."""
    return _mask(root, path, "lung"), _mask(root, path, "lesion")


def marker(root: Path, path: str) -> Mask:
    """The side marker of that radiograph, which is what the shortcut of that name plants."""
    return _mask(root, path, "marker")


def _mask(root: Path, path: str, kind: Literal["lung", "lesion", "marker"]) -> Mask:
    return np.asarray(Image.open((root.parent / "masks" / path).with_suffix(f".{kind}.png")))


def _write_radiographs(settings: config.Phantom, folder: Path) -> None:
    children = list(_children(settings))
    for _ in in_parallel(lambda child: _write_child(child, settings, folder), children, "Phantom cohort"):
        pass
    (folder / MARKER).write_text("Synthetic radiographs made by pneumo: they show nothing about patients.\n")


def _write_child(child: Child, settings: config.Phantom, folder: Path) -> None:
    for number, radiograph in enumerate(radiographs(child, settings), start=1):
        path = child.radiograph_path(number)
        file, base = folder / FOLDER / path, folder / "masks" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        base.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(radiograph.grey).save(file, quality=JPEG_QUALITY)
        Image.fromarray(radiograph.lung).save(base.with_suffix(".lung.png"))
        Image.fromarray(radiograph.lesion).save(base.with_suffix(".lesion.png"))
        Image.fromarray(radiograph.marker).save(base.with_suffix(".marker.png"))


def _children(settings: config.Phantom) -> Iterator[Child]:
    """All patients: a third healthy, the rest half bacterial, half viral; 72 % train, 2 % val, the rest test."""
    indices = itertools.count()
    healthy = settings.patients // 3
    bacterial = (settings.patients - healthy) // 2
    counts: dict[Subtype, int] = {"normal": healthy, "bacterial": bacterial, "viral": settings.patients - healthy - bacterial}
    for subtype, count in counts.items():
        in_train, in_val = round(0.72 * count), max(round(0.02 * count), 1)
        for position in range(count):
            split = "train" if position < in_train else "val" if position < in_train + in_val else "test"
            yield Child(split, subtype, position + 1, next(indices))


def radiographs(child: Child, settings: config.Phantom) -> Iterator[SyntheticRadiograph]:
    """One to three radiographs of one child, each in its own posture and exposure."""
    rng = np.random.default_rng((settings.seed, child.index))
    patient, pneumonia = draw_patient(rng), draw_pneumonia(child.subtype, settings.difficulty, rng)
    for _ in range(rng.choice([1, 2, 3], p=[0.45, 0.3, 0.25])):
        yield take_radiograph(Chest(patient, draw_posture(rng)), pneumonia, settings.size_px, rng, _acquisition_of(child, settings))


def _acquisition_of(child: Child, settings: config.Phantom) -> AcquisitionSettings:
    normal, pneumonia, elsewhere = ACQUISITIONS[settings.shortcut]
    if child.split != "train":
        return elsewhere
    return normal if child.subtype == "normal" else pneumonia
