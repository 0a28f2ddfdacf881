"""A seed for each layer of a network."""

import random


class Seeds:
    """Seeds of the layers, drawn one after another from the seed of a recipe.

    By default Keras draws them from Python's global generator, which other threads of a cluster worker use at the same time.
    """

    def __init__(self, seed: int) -> None:
        self._generator = random.Random(seed)  # noqa: S311 (nothing here is a secret)

    def draw(self) -> int:
        """Draw the next layer's seed."""
        return self._generator.randint(1, 10**9)
