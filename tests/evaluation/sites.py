"""Features, labels and patients of a small site, and a head that is wrong there."""

import numpy as np

from pneumo.evaluation.learning_curve import Site, Unadapted
from pneumo.evaluation.linear_head import LinearHead, mean_score


def site(
    images: int = 120, width: int = 6, *, separation: float = 1.5, seed: int = 0, members: int = 1, per_patient: int = 2
) -> Site:
    """Radiographs of which the first feature tells the label; a patient's radiographs have the same label."""
    generator = np.random.default_rng(seed)
    y_true = np.repeat(np.arange(-(-images // per_patient)) % 2, per_patient)[:images]
    patient = np.array([f"p{number // per_patient:03}" for number in range(images)])
    blocks, heads = [], []
    for _ in range(members):
        features = generator.normal(size=(images, width)) * np.arange(1, width + 1) + 5
        features[:, 0] += separation * y_true
        blocks.append(features.astype(np.float32))
        heads.append(LinearHead(generator.normal(size=width), 0.3))
    return Site(tuple(blocks), y_true, patient, tuple(heads))


def unadapted(of: Site) -> Unadapted:
    """What the head says before it is refitted."""
    score = mean_score(of.heads, of.features)
    return Unadapted(score, score >= 0.5)
