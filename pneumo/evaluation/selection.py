"""Which of several models to trust, by a rule that stood before any of them was trained."""

from collections.abc import Sequence

from pneumo.evaluation.scores import Evaluation

RULE = (
    "the highest AUROC on validation radiographs whose acquisition was changed at random; of models that tie, the one with the lower "
    "cross-entropy there"
)


def ranked(shifted: Sequence[Evaluation]) -> list[int]:
    """Order models from the one to trust down, without a look at test: a test split that chooses is a training set.

    Args:
        shifted: scores of each model on shifted validation.

    Returns:
        Places of the models in `shifted`.
    """

    def merit(place: int) -> tuple[float, float]:
        auroc = shifted[place].auroc
        return (-1.0 if auroc is None else auroc, -shifted[place].loss)

    return sorted(range(len(shifted)), key=merit, reverse=True)
