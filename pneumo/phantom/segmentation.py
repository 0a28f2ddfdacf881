"""Phantoms with lung masks for training a segmentation: framed more variously than the phantom cohort, as radiographs are.

Radiographs of children often show the abdomen, the neck and arms, so lungs fill an eighth to a half of the image here.
"""

from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image

from pneumo.files import open_atomically, remove_partial, writing
from pneumo.parallel import in_parallel
from pneumo.phantom.acquisition import AcquisitionSettings, take_radiograph
from pneumo.phantom.lesions import Subtype, draw_pneumonia
from pneumo.phantom.thorax import Chest, draw_patient, draw_posture
from pneumo.radiographs.decode import resize_mask

VERSION = "1"
"""Part of the name of every file of such phantoms: increment it when the same seed gives other pixels or masks."""
ACQUISITION = AcquisitionSettings(
    aspect_ratio=(0.9, 1.8),
    field_cm=(15.0, 27.0),
    shift_cm=1.0,
    pose_degrees=(5.0, 8.0, 5.0),
    marker_size=(0.03, 0.12),
)


@dataclass(frozen=True, eq=False)
class LungPhantoms:
    """Square images and the masks of their lungs, (N, H, H) each."""

    images: NDArray[np.uint8]
    masks: NDArray[np.bool_]


def lung_phantoms(folder: Path, count: int, size_px: int, seed: int) -> LungPhantoms:
    """Phantoms of `count` different children, computed once and cached in `folder`.

    Child i of a seed is the same whatever the count, so a larger count adds children.

    Raises:
        UserError: the disk is full, or `folder` cannot be written.
    """
    name = f"lung-phantoms-{VERSION}-{count}-{size_px}-{seed}.npz"
    with writing(folder, "cohort.cache_dir"):
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{name}.lock"):
            if not (folder / name).exists():
                remove_partial(folder, name)
                work = partial(draw_phantom, size_px, seed)
                images, masks = zip(*in_parallel(work, range(count), f"Phantoms at {size_px} px"), strict=True)
                with open_atomically(folder / name) as stream:
                    np.savez_compressed(stream, images=np.stack(images), masks=np.stack(masks))
    with np.load(folder / name) as arrays:
        return LungPhantoms(**{field.name: arrays[field.name] for field in fields(LungPhantoms)})


def draw_phantom(size_px: int, seed: int, number: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Child `number` of a seed: its radiograph and lung mask, both squashed to (size_px, size_px).

    Healthy, bacterial and viral children are equally likely, from dense to faint lesions: diseased lung is lung.
    """
    rng = np.random.default_rng((seed, number))
    subtypes: tuple[Subtype, ...] = get_args(Subtype)
    pneumonia = draw_pneumonia(subtypes[rng.integers(len(subtypes))], rng.uniform(), rng)
    chest = Chest(draw_patient(rng), draw_posture(rng))
    radiograph = take_radiograph(chest, pneumonia, size_px, rng, ACQUISITION)
    image = Image.fromarray(radiograph.grey).resize((size_px, size_px), Image.Resampling.BILINEAR)
    return np.asarray(image), resize_mask(radiograph.lung, size_px, "squash")
