"""A registered or exported model that decides about radiographs."""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np

from pneumo import config
from pneumo.evaluation.referral import Certainty, margin
from pneumo.inference.loading import Loaded, bundle_folder, load_bundle, load_registered
from pneumo.inference.network import Outputs
from pneumo.inference.prepare import Preparation, Prepared, prepare
from pneumo.inference.sources import RadiographSource, of_file

Decision = Literal["NORMAL", "PNEUMONIA", "referred", "refused"]
Radiograph = str | os.PathLike[str] | RadiographSource
BATCH_SIZE = 32
# The network takes the rest: with a thread more, threads of both would wait for one another.
_DECODING_THREADS = max(1, (os.cpu_count() or 2) - 1)
_BATCHES_AHEAD = 3
"""Batches that are decoded while the network scores one."""
NOT_FRONTAL = "does not look like an upright frontal chest radiograph, as the model's training radiographs do"


@dataclass(frozen=True)
class Prediction:
    """What a model says of one radiograph."""

    path: str
    """As given; for a DICOM file whose path identifies the patient, `dicom-` and the first digits of its hash."""
    sha256: str
    """Of the file's content; "" where it could not be read."""
    patient: str
    """Keyed hash of the DICOM patient ID; "" without a key, and for other formats."""
    score: float | None
    """The network's, 0..1, before temperature scaling; None where it was refused before the network saw it."""
    probability: float | None
    """Of PNEUMONIA, temperature-scaled, 0..1."""
    threshold: float
    """Locked on validation, of the probability."""
    decision: Decision
    """PNEUMONIA at the threshold or more; "referred" where the decision is too uncertain, "refused" where there is none."""
    reason: str
    """Why it was referred or refused; else ""."""


class Predictor:
    """A model that decodes radiographs, scores them, and decides at its locked threshold, or refuses or refers them.

    ```python
    predictor = pneumo.Predictor.load("champion")
    for prediction in predictor.predict(["a.dcm", "b.jpeg"]):
        print(prediction.path, prediction.probability, prediction.decision)
    ```
    """

    def __init__(self, loaded: Loaded, *, dicom: config.Dicom = config.Dicom(), key: bytes | None = None) -> None:  # noqa: B008
        self.specification = loaded.specification
        self.network, self._detector = loaded.network, loaded.detector
        specification = loaded.specification
        self.preparation = Preparation(specification.image_size_px, specification.resize, dicom, key)

    @classmethod
    def load(
        cls,
        model: str | int | os.PathLike[str] = "champion",
        *,
        registry: str | os.PathLike[str] | config.Registry = "models",
        referral: config.Referral = config.Referral(),  # noqa: B008 - frozen
        dicom: config.Dicom = config.Dicom(),  # noqa: B008
        key: bytes | None = None,
    ) -> Self:
        """Load a registered model, or the folder that `pneumo export` wrote.

        Args:
            model: a version, a recipe (its newest model, or newest ensemble of seeds), or "champion"; or the folder of a bundle.
            registry: folder of the registry, or its settings.
            referral: how many errors are accepted of those that are not referred; a bundle has its own.
            dicom: modalities and views that are accepted.
            key: secret key by which patient IDs become pseudonyms.

        Raises:
            UserError: there is no such model, or it is damaged.
        """
        if folder := bundle_folder(model):
            return cls(load_bundle(folder), dicom=dicom, key=key)
        at = registry if isinstance(registry, config.Registry) else config.Registry(directory=Path(registry))
        loaded = load_registered(at, str(model), referral)
        return cls(loaded, dicom=dicom, key=key)

    def predict(self, radiographs: Radiograph | Iterable[Radiograph]) -> Iterator[Prediction]:
        """Predict one radiograph or any number in constant memory, in order; what cannot be used is refused, never raised.

        Radiographs are decoded in threads while the network scores others.

        Args:
            radiographs: paths of files, not of folders or archives.
        """
        several = [radiographs] if isinstance(radiographs, str | os.PathLike | RadiographSource) else radiographs
        for batch in self.predict_batches(
            radiograph if isinstance(radiograph, RadiographSource) else of_file(Path(radiograph)) for radiograph in several
        ):
            for _, _, prediction in batch:
                yield prediction

    def predict_batches(self, sources: Iterable[RadiographSource]) -> Iterator[list[tuple[RadiographSource, Prepared, Prediction]]]:
        """Predict as `predict` does, and yield lists of at most BATCH_SIZE sources, each with what was decoded of it."""
        pending: deque[tuple[RadiographSource, Future[Prepared]]] = deque()
        with ThreadPoolExecutor(_DECODING_THREADS) as pool:
            for source in sources:
                pending.append((source, pool.submit(self._prepare, source)))
                if len(pending) == (1 + _BATCHES_AHEAD) * BATCH_SIZE:
                    yield self._next_batch(pending)
            while pending:
                yield self._next_batch(pending)

    def prepare(self, content: bytes, name: str) -> Prepared:
        """Decode a radiograph from its file's content, without the network; what cannot be used is refused with a reason."""
        return prepare(content, name, self.preparation)

    def decide(self, prepared: Sequence[Prepared]) -> list[Prediction]:
        """Score prepared radiographs as one batch, and decide."""
        pixels = [radiograph.pixels for radiograph in prepared if radiograph.pixels is not None]
        scored = iter(self._score(np.stack(pixels)) if pixels else ())
        return [
            self._refused(radiograph) if radiograph.pixels is None else self._decided(radiograph, *next(scored))
            for radiograph in prepared
        ]

    def _next_batch(
        self, pending: deque[tuple[RadiographSource, Future[Prepared]]]
    ) -> list[tuple[RadiographSource, Prepared, Prediction]]:
        decoded = [pending.popleft() for _ in range(min(BATCH_SIZE, len(pending)))]
        prepared = [future.result() for _, future in decoded]
        return list(zip((source for source, _ in decoded), prepared, self.decide(prepared), strict=True))

    def _prepare(self, source: RadiographSource) -> Prepared:
        try:
            content = source.read()
        except OSError as error:
            return Prepared(source.name, "", "", None, error.strerror or str(error))
        return self.prepare(content, source.name)

    def _score(self, pixels: np.ndarray) -> Iterator[tuple[float, float, bool, bool]]:
        """Score, probability, and whether it is refused and referred, of radiographs (N, S, S)."""
        outputs = self.network(pixels)
        probability = self.specification.calibrated(outputs.score)
        refused = np.zeros(len(pixels), bool)
        if self._detector is not None:
            refused = self._detector.refuses(pixels)
        referred = self.specification.referral.referred(self._certainty(outputs))
        for row in zip(outputs.score, probability, refused, referred, strict=True):
            yield float(row[0]), float(row[1]), bool(row[2]), bool(row[3])

    def _certainty(self, outputs: Outputs) -> Certainty:
        if self.specification.referral.criterion == "spread" and outputs.spread is not None:
            return -outputs.spread
        return margin(outputs.score, self.specification.threshold)

    def _refused(self, radiograph: Prepared) -> Prediction:
        threshold = self.specification.calibrated_threshold
        return Prediction(
            radiograph.name, radiograph.sha256, radiograph.patient, None, None, threshold, "refused", radiograph.refusal
        )

    def _decided(self, radiograph: Prepared, score: float, probability: float, refused: bool, referred: bool) -> Prediction:
        specification = self.specification
        decision: Decision = "PNEUMONIA" if score >= specification.threshold else "NORMAL"
        reason = ""
        if refused:
            decision, reason = "refused", NOT_FRONTAL
        elif referred:
            decision, reason = "referred", specification.referral_reason
        return Prediction(
            radiograph.name,
            radiograph.sha256,
            radiograph.patient,
            score,
            probability,
            specification.calibrated_threshold,
            decision,
            reason,
        )
