"""Seeds, determinism and number format: what must be set before a network is built."""

from pathlib import Path
from typing import NamedTuple

import keras
import tensorflow as tf

from pneumo.config import Fit


class Precision(NamedTuple):
    """A Keras dtype policy, and why it was chosen."""

    policy: str
    reason: str


def choose_precision(wanted: str, processor: Path = Path("/proc/cpuinfo")) -> Precision:
    """Decide between float32 and mixed bfloat16.

    A processor without bfloat16 arithmetic emulates it several times slower than float32, so `auto` looks for the instructions.
    """
    if wanted != "auto":
        return Precision(wanted, "set in the configuration")
    if gpus := tf.config.list_physical_devices("GPU"):
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0))
        able = capability >= (8, 0)
        reason = f"GPU of compute capability {capability[0]}.{capability[1]}"
    else:
        flags = set(processor.read_text().split()) if processor.exists() else set()
        found = sorted(flags & {"avx512_bf16", "amx_bf16"})
        able = bool(found)
        reason = f"processor has {', '.join(found)}" if able else "processor has neither AVX512-BF16 nor AMX"
    return Precision("mixed_bfloat16" if able else "float32", reason)


def prepare(settings: Fit) -> Precision:
    """Set seeds, determinism and precision for everything that is built and trained after this."""
    keras.utils.set_random_seed(settings.seed)
    if settings.deterministic:
        tf.config.experimental.enable_op_determinism()
    precision = choose_precision(settings.precision)
    keras.config.set_dtype_policy(precision.policy)
    return precision
