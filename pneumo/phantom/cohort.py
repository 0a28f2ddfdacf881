"""Phantom cohort: synthetic radiographs of children with known lesions, laid out and named as those of Kermany et al. (2018).

Acquisition (collimation, aspect ratio, exposure, marker, compression, radiographs per child) is independent of the label, unless
the settings plant a shortcut.
"""

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from PIL import Image

from pneumo import config
from pneumo.files import remove_partial, replace_folder, writing
from pneumo.parallel import in_parallel
from pneumo.phantom.acquisition import AcquisitionSettings, Mask, SyntheticRadiograph, take_radiograph
from pneumo.phantom.lesions import Subtype, draw_pneumonia
from pneumo.phantom.thorax import Chest, draw_patient, draw_posture

GENERATOR = "2"
"""Version of the generator, part of the folder's name: increment it when the same settings give other pixels or masks."""
JPEG_QUALITY = 90
FOLDER = "chest_xray"
MASKS, MASK_KINDS = "masks", ("lung", "lesion", "marker")
SYNTHETIC = "SYNTHETIC"
"""File next to that folder, by which a phantom cohort that is given as data is recognized as synthetic."""
# Acquisition settings of each planted shortcut: NORMAL of train, PNEUMONIA of train, and val and test, which mix both.
ACQUISITIONS = {
    "none": (AcquisitionSettings(), AcquisitionSettings(), AcquisitionSettings()),
    # Also larger: small networks did not learn a marker that was only brighter, even with the faintest lesions.
    "marker": (
        AcquisitionSettings(marker_grey=(140, 190)),
        AcquisitionSettings(marker_grey=(205, 255), marker_size=(0.13, 0.2)),
        AcquisitionSettings(marker_grey=(140, 255), marker_size=(0.045, 0.2)),
    ),
    "aspect": (AcquisitionSettings(aspect_ratio=(1.15, 1.3)), AcquisitionSettings(aspect_ratio=(1.35, 1.5)), AcquisitionSettings()),
}


@dataclass(frozen=True)
class Child:
    """A synthetic patient: split, disease, and number in the file names."""

    split: str
    subtype: Subtype
    number: int
    index: int
    """Position in the whole cohort, which seeds the random draws."""

    def radiograph_path(self, radiograph: int) -> Path:
        """Path below the cohort's folder, in the naming of Kermany et al.; radiographs are numbered from 1."""
        if self.subtype == "normal":
            prefix = "NORMAL2-IM" if self.split == "test" else "IM"
            return Path(self.split, "NORMAL", f"{prefix}-{self.number:04d}-{radiograph:04d}.jpeg")
        kind = {"bacterial": "bacteria", "viral": "virus"}[self.subtype]
        return Path(self.split, "PNEUMONIA", f"person{self.number}_{kind}_{radiograph}.jpeg")


def write_cohort(settings: config.Phantom, directory: Path) -> Path:
    """Write the phantom cohort below `directory`, unless it is there already, and return the folder of its radiographs.

    Raises:
        UserError: the disk is full, or `directory` cannot be written.
    """
    key = hashlib.sha256(f"{GENERATOR} {settings.model_dump_json()}".encode()).hexdigest()[:12]
    folder = directory / f"phantom-{key}"
    if not folder.exists():
        with writing(directory, "cohort.cache_dir"):
            directory.mkdir(parents=True, exist_ok=True)
            with FileLock(directory / f".phantom-{key}.lock"):
                if not folder.exists():
                    remove_partial(directory, folder.name)
                    with replace_folder(folder) as partial:
                        _write_radiographs(settings, partial)
    return folder / FOLDER


def is_phantom(folder: Path) -> bool:
    """Whether this is the folder of a phantom cohort's radiographs."""
    return (folder.parent / SYNTHETIC).exists()


def masks(root: Path, path: str) -> tuple[Mask, Mask, Mask]:
    """Masks of lungs, lesion and side marker, (H, W) each, of the radiograph at `path` below `root`, the cohort's folder."""
    base = root.parent / MASKS / path
    lung, lesion, marker = (np.asarray(Image.open(base.with_suffix(f".{kind}.png"))) for kind in MASK_KINDS)
    return lung, lesion, marker


def _write_radiographs(settings: config.Phantom, folder: Path) -> None:
    children = list(_children(settings))
    for _ in in_parallel(lambda child: _write_child(child, settings, folder), children, "Phantom cohort"):
        pass
    (folder / SYNTHETIC).write_text("Synthetic radiographs made by pneumo: they show nothing about patients.\n")


def _write_child(child: Child, settings: config.Phantom, folder: Path) -> None:
    for number, radiograph in enumerate(radiographs(child, settings), start=1):
        path = child.radiograph_path(number)
        image, base = folder / FOLDER / path, folder / MASKS / path
        for file in (image, base):
            file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(radiograph.grey).save(image, quality=JPEG_QUALITY)
        for kind in MASK_KINDS:
            Image.fromarray(getattr(radiograph, kind)).save(base.with_suffix(f".{kind}.png"))


def _children(settings: config.Phantom) -> Iterator[Child]:
    """All patients: one third healthy, the rest half bacterial, half viral; 72 % train, 2 % val, the rest test."""
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
    """One to three radiographs of a child, which differ in posture and exposure."""
    normal, diseased, elsewhere = ACQUISITIONS[settings.shortcut]
    acquisition = elsewhere if child.split != "train" else normal if child.subtype == "normal" else diseased
    rng = np.random.default_rng((settings.seed, child.index))
    patient, pneumonia = draw_patient(rng), draw_pneumonia(child.subtype, settings.difficulty, rng)
    for _ in range(rng.choice([1, 2, 3], p=[0.45, 0.3, 0.25])):
        yield take_radiograph(Chest(patient, draw_posture(rng)), pneumonia, settings.size_px, rng, acquisition)
