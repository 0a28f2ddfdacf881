"""Which of several models to trust, by a rule that stood before any of them was trained."""

from collections.abc import Sequence

from pneumo.evaluation.scores import Evaluation

RULE = (
    "the highest AUROC on validation films whose acquisition was changed at random; of models that tie, the one with the lower "
    "cross-entropy there"
)


def ranked(acquisition: Sequence[Evaluation]) -> list[int]:
    """Order models from the one to trust down, without a look at test: a test split that chooses is a training set.

    Args:
        acquisition: scores of each model on validation under randomised acquisition.

    Returns:
        Places of the models in `acquisition`.
    """

    def merit(place: int) -> tuple[float, float]:
        auroc = acquisition[place].auroc
        return (-1.0 if auroc is None else auroc, -acquisition[place].loss)

    return sorted(range(len(acquisition)), key=merit, reverse=True)
