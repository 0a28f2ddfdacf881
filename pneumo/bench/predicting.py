"""Benchmark of predicting files: this package, and the network on resident arrays with the decoding beside it."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from pneumo.bench.measure import Cost
from pneumo.config import Fit, ResidualRecipe
from pneumo.evaluation.referral import Referral
from pneumo.evaluation.refusal import fit_detector
from pneumo.inference.loading import Loaded
from pneumo.inference.network import KerasNetwork
from pneumo.inference.predictor import BATCH_SIZE, Predictor
from pneumo.inference.specification import Specification
from pneumo.nets import build_network
from pneumo.parallel import in_parallel
from pneumo.radiographs.decode import decode
from pneumo.training.precision import prepare

MEASURED_TURNS = 3


def our_predictions(recipe: ResidualRecipe, files: Sequence[Path]) -> tuple[Cost, Cost]:
    """Measure the cost of predicting files, and that of `model.predict` on their pixels plus that of decoding them.

    The two alternate in one process, so that other load on the machine affects both equally. Wall time of the second is what two
    cores need if none of them waits: the larger of both costs and of half of all CPU time.
    """
    prepare(Fit(precision="float32"))
    model = build_network(recipe.network, recipe.image_size_px, 0)
    pixels = np.stack([decode(file, recipe.image_size_px, recipe.resize) for file in files])
    predictor = Predictor(Loaded(KerasNetwork(model), _specification(recipe), fit_detector(pixels, pixels)))
    images = pixels[..., None].astype(np.float32)
    list(predictor.predict(files))
    model.predict(images, BATCH_SIZE, verbose=0)
    ours, network, decoding = Cost(), Cost(), Cost()
    decode_one = partial(decode, size_px=recipe.image_size_px, resize=recipe.resize)
    for _ in range(MEASURED_TURNS):
        with ours.counting():
            list(predictor.predict(files))
        with network.counting():
            model.predict(images, BATCH_SIZE, verbose=0)
        with decoding.counting():
            list(in_parallel(decode_one, files, ""))
    cpu_s = network.cpu_s + decoding.cpu_s
    limit = Cost(max(network.wall_s, decoding.wall_s, cpu_s / 2), cpu_s)
    return ours.per(MEASURED_TURNS), limit.per(MEASURED_TURNS)


def _specification(recipe: ResidualRecipe) -> Specification:
    """A specification that decides all: what is decided does not change the time."""
    return Specification(
        recipe="robust",
        version=0,
        model_sha256="",
        cohort="",
        synthetic=True,
        image_size_px=recipe.image_size_px,
        resize=recipe.resize,
        preprocessing="",
        class_names=("NORMAL", "PNEUMONIA"),
        threshold=0.5,
        temperature=None,
        referral=Referral(criterion="margin", cutoff=0.0, most_errors=0.02, risk_area={}),
    )
