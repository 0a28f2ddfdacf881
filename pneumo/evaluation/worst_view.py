"""Validation by worst views: each radiograph counts by the worst of its shifted views.

Scores on all shifted views together are higher than on test, because most random shifts are small, and a radiograph from elsewhere
may be acquired in just the way that misleads the model. Decision 28 compares this with other estimates.
"""

import pandas as pd


def worst_views(shifted: pd.DataFrame) -> pd.DataFrame:
    """Return the view of each radiograph that a model scores worst: worst-of-k, as Engstrom et al. (ICML 2019) call it.

    Args:
        shifted: a row for each view of each radiograph, with the columns path, y_true and y_score, and others that are kept.

    Returns:
        A row for each radiograph, that of the lowest y_score of a PNEUMONIA radiograph and of the highest of a NORMAL one.
    """
    views = shifted.reset_index(drop=True)
    error = views["y_score"].where(views["y_true"] == 0, 1 - views["y_score"])
    return views.loc[error.groupby(views["path"], sort=False).idxmax()].reset_index(drop=True)
