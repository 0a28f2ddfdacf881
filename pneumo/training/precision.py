"""Seeds, determinism and dtype policy: global state that is set before a network is built."""

from pathlib import Path
from typing import NamedTuple

import keras
import tensorflow as tf

from pneumo.config import Fit


class Precision(NamedTuple):
    """A Keras dtype policy, and the reason for it."""

    policy: str
    reason: str


def choose_precision(setting: str, processor: Path = Path("/proc/cpuinfo")) -> Precision:
    """Choose between float32 and mixed bfloat16.

    A processor without bfloat16 instructions emulates them several times slower than float32, so `auto` checks for them.
    """
    if setting != "auto":
        return Precision(setting, "set in the configuration")
    if gpus := tf.config.list_physical_devices("GPU"):
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0))
        supported = capability >= (8, 0)
        reason = f"GPU of compute capability {capability[0]}.{capability[1]}"
    else:
        flags = set(processor.read_text().split()) if processor.exists() else set()
        instructions = sorted(flags & {"avx512_bf16", "amx_bf16"})
        supported = bool(instructions)
        reason = f"processor has {', '.join(instructions)}" if supported else "processor has neither AVX512-BF16 nor AMX"
    return Precision("mixed_bfloat16" if supported else "float32", reason)


def prepare(settings: Fit) -> Precision:
    """Set the global seed, determinism and dtype policy for all networks that are built and trained after this."""
    keras.utils.set_random_seed(settings.seed)
    if settings.deterministic:
        tf.config.experimental.enable_op_determinism()
    precision = choose_precision(settings.precision)
    keras.config.set_dtype_policy(precision.policy)
    return precision
