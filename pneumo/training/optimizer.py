"""Optimizers of the settings: learning rate, schedule, weight decay and moving average of the weights."""

from typing import Any

import keras

from pneumo.config import Fit

WEIGHT_DECAY = 1e-3
_CLASSES = {"rmsprop": keras.optimizers.RMSprop, "adam": keras.optimizers.Adam, "adamw": keras.optimizers.AdamW}
# Paths of the variables of a head on a backbone.
_HEAD = r"(head_dense_\d+|logit|viral_logit)/.*"


def build_optimizer(
    settings: Fit, learning_rate: float | keras.optimizers.schedules.LearningRateSchedule | None = None
) -> keras.optimizers.Optimizer:
    """The optimizer of the settings, at their learning rate where no other is given."""
    options: dict[str, Any] = {"learning_rate": settings.learning_rate if learning_rate is None else learning_rate}
    if settings.optimizer == "adamw":
        options["weight_decay"] = WEIGHT_DECAY
    if settings.ema_momentum:
        options |= {"use_ema": True, "ema_momentum": settings.ema_momentum}
    return _CLASSES[settings.optimizer](**options)


def scheduled_optimizer(settings: Fit, steps_per_epoch: int, backbone_rate_factor: float = 1) -> keras.optimizers.Optimizer:
    """The optimizer of a whole training, with its schedule.

    Args:
        backbone_rate_factor: learning rate of all layers but the head's, as a multiple of the head's.
    """
    head = build_optimizer(settings, _learning_rate(settings, steps_per_epoch))
    if backbone_rate_factor == 1:
        return head
    slower = settings.model_copy(update={"learning_rate": settings.learning_rate * backbone_rate_factor})
    backbone = build_optimizer(slower, _learning_rate(slower, steps_per_epoch))
    return keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(backbone, {_HEAD: head}))


def learning_rate_of(optimizer: keras.optimizers.Optimizer) -> float:
    """The learning rate of the next step; of several, the head's."""
    if isinstance(optimizer, keras.optimizers.MultiOptimizer):
        optimizer = optimizer.optimizers[0]
    return float(optimizer.learning_rate)


def _learning_rate(settings: Fit, steps_per_epoch: int) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Constant, or linear warm-up and then cosine decay to zero (Loshchilov & Hutter 2017, equation 5) at the last step."""
    if settings.schedule == "constant":
        return settings.learning_rate
    steps = settings.epochs * steps_per_epoch
    warm_up = min(round(settings.warm_up_epochs * steps_per_epoch), steps - 1)
    return keras.optimizers.schedules.CosineDecay(
        # From the first warm-up step on, not from zero, at which a step would change nothing.
        settings.learning_rate / max(warm_up, 1),
        decay_steps=steps - warm_up,
        warmup_target=settings.learning_rate,
        warmup_steps=warm_up,
    )
