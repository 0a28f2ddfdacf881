"""Training of the lung segmentation on phantoms, and its Dice coefficient on phantoms that were held out."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from rich.console import Console

from pneumo import config
from pneumo.evaluation.lung_masks import LUNG, dice
from pneumo.nets import build_network
from pneumo.phantom.segmentation import VERSION, LungPhantoms, lung_phantoms
from pneumo.radiographs.batches import epoch_order
from pneumo.radiographs.mask_augment import MaskAugmentation
from pneumo.results.provenance import software
from pneumo.training.fit import FitData, Trained, fit
from pneumo.training.optimizer import scheduled_optimizer
from pneumo.training.precision import prepare
from pneumo.training.run import RunFolder
from pneumo.training.segment import lung_probabilities

NAME = "lungs"
_VALIDATED = 10
"""One in so many training phantoms is for validation."""
_HELD_OUT_SEED = 2**31
"""Of the augmentation of held-out phantoms; that of training counts epochs and steps from far below."""


@dataclass(frozen=True, eq=False)
class LungRun(RunFolder):
    """A training of the lung segmentation: its settings, its phantoms, and the folder of its state."""

    settings: config.Lungs
    training: LungPhantoms
    validation: LungPhantoms
    held_out: LungPhantoms
    directory: Path

    @property
    def fingerprint(self) -> str:
        """SHA-256 of all images and masks."""
        digest = hashlib.sha256()
        for phantoms in (self.training, self.validation, self.held_out):
            digest.update(phantoms.images.tobytes())
            digest.update(phantoms.masks.tobytes())
        return digest.hexdigest()


def define_lung_run(settings: config.Lungs, cache_dir: Path, registry: config.Registry) -> LungRun:
    """Compute the phantoms; the run is identified by its settings, the version of the phantoms, and the software."""
    number = settings.phantoms + settings.held_out
    phantoms = lung_phantoms(cache_dir, number, settings.image_size_px, settings.phantom_seed)
    validated = settings.phantoms // _VALIDATED
    trained, known = slice(settings.phantoms - validated), slice(settings.phantoms - validated, settings.phantoms)
    identity = [settings.model_dump(mode="json", exclude={"radiographs"}), VERSION, software()]
    key = hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:12]
    training, validation, held_out = (
        LungPhantoms(phantoms.images[part], phantoms.masks[part]) for part in (trained, known, slice(settings.phantoms, None))
    )
    return LungRun(settings, training, validation, held_out, registry.directory / "training" / f"{NAME}-{key}")


def train_lungs(run: LungRun, console: Console) -> Trained:
    """Train the U-Net of a run, or resume an interrupted training; the loss is the cross-entropy of each pixel.

    Raises:
        UserError: another process is training the same run, or the loss is not finite.
    """
    settings = run.settings
    prepare(settings.fit)
    model = build_network(settings.network, settings.image_size_px, settings.fit.seed)
    images, masks = as_tensors(run.validation)
    data = FitData(
        training=lambda epochs: training_batches(run.training, settings, epochs),
        validation=tf.data.Dataset.from_tensor_slices((images, masks)).batch(settings.fit.batch_size),
        training_images=len(run.training.images),
        class_weight=None,
    )
    model.compile(
        optimizer=scheduled_optimizer(settings.fit, data.steps_per_epoch(settings.fit)),
        loss=keras.losses.BinaryCrossentropy(label_smoothing=settings.fit.label_smoothing),
        metrics=[keras.metrics.BinaryIoU(target_class_ids=[1], name="iou")],
    )
    with run.locked():
        return fit(model, data, settings.fit, run.directory, console)


def training_batches(phantoms: LungPhantoms, settings: config.Lungs, epochs: range) -> tf.data.Dataset:
    """Shuffled, augmented batches of consecutive epochs: images (b, H, W, 1) in 0..255 and masks (b, H, W, 1), both float32.

    As for classifiers, they depend on seed, epoch and step alone, so that training can resume at any epoch.
    """
    images, masks = as_tensors(phantoms)
    augment, fitted = MaskAugmentation(settings.augmentation), settings.fit

    def positions(epoch: tf.Tensor) -> tf.data.Dataset:
        order = epoch_order(len(phantoms.images), fitted.seed, epoch)
        batches = tf.data.Dataset.from_tensor_slices(order).batch(fitted.batch_size)
        return batches.enumerate().map(lambda step, batch: (epoch, step, batch))

    def augmented(epoch: tf.Tensor, step: tf.Tensor, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return augment(tf.gather(images, batch), tf.gather(masks, batch), fitted.seed + (epoch + 1) * 2**20 + step)

    return tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(positions).map(augmented).prefetch(2)


def held_out_dice(model: keras.Model, run: LungRun) -> tuple[np.ndarray, np.ndarray]:
    """Dice coefficient of each held-out phantom, (N,): as it is, and under the augmentation of training."""
    images, masks = as_tensors(run.held_out)
    augmented = MaskAugmentation(run.settings.augmentation)(images, masks, tf.constant(_HELD_OUT_SEED, tf.int64))
    pairs = ((images, masks), augmented)
    plain, changed = (dice(lung_probabilities(model, image.numpy()) >= LUNG, mask.numpy()[..., 0] == 1) for image, mask in pairs)
    return plain, changed


def as_tensors(phantoms: LungPhantoms) -> tuple[tf.Tensor, tf.Tensor]:
    """Images and masks, (N, H, W, 1) float32."""
    return tf.constant(phantoms.images[..., None], tf.float32), tf.constant(phantoms.masks[..., None], tf.float32)
