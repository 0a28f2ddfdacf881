import keras
import numpy as np
import pytest

from pneumo.config import Fit
from pneumo.training.optimizer import build_optimizer, learning_rate_of, scheduled_optimizer

STEPS = 10
COSINE = Fit(epochs=6, optimizer="adamw", learning_rate=0.01, schedule="cosine", warm_up_epochs=1.5)


def rates(settings):
    schedule = scheduled_optimizer(settings, STEPS)._learning_rate
    return [float(schedule(step)) for step in range(settings.epochs * STEPS + 1)]


def test_the_cosine_schedule_warms_up_linearly_and_falls_to_zero_at_the_last_step():
    values = rates(COSINE)
    warm_up = 15
    assert values[0] > 0
    np.testing.assert_allclose(np.diff(values[: warm_up + 1]), values[1] - values[0], rtol=1e-3)
    assert values[warm_up] == pytest.approx(COSINE.learning_rate)
    assert np.all(np.diff(values[warm_up:]) < 0)
    middle = (warm_up + 60) / 2
    assert values[int(middle)] == pytest.approx(COSINE.learning_rate / 2, rel=0.05)
    assert values[-1] == pytest.approx(0, abs=1e-9)


def test_a_warm_up_longer_than_the_training_still_ends_at_zero():
    assert rates(COSINE.model_copy(update={"epochs": 1, "warm_up_epochs": 3}))[-1] == pytest.approx(0, abs=1e-9)


def test_the_constant_schedule_keeps_the_learning_rate():
    assert learning_rate_of(scheduled_optimizer(Fit(learning_rate=0.02), STEPS)) == pytest.approx(0.02)


class Quadratic:
    """Two variables that are both pulled towards zero, one below a layer of the head and one in the backbone."""

    def __init__(self):
        self.head, self.backbone = (keras.Variable(np.ones(3, np.float32), name=name) for name in ("head", "backbone"))
        self.head._path, self.backbone._path = "logit/kernel", "block1/kernel"

    def step(self, optimizer):
        optimizer.apply([2 * self.head.value, 2 * self.backbone.value], [self.head, self.backbone])


def test_the_backbone_learns_at_its_own_multiple_of_the_heads_rate():
    settings, variables = Fit(optimizer="adam", learning_rate=0.1), Quadratic()
    optimizer = scheduled_optimizer(settings, STEPS, backbone_rate_factor=0.1)
    variables.step(optimizer)
    # The first step of Adam is the learning rate itself.
    np.testing.assert_allclose(1 - variables.head.numpy(), 0.1, rtol=1e-4)
    np.testing.assert_allclose(1 - variables.backbone.numpy(), 0.01, rtol=1e-4)
    assert learning_rate_of(optimizer) == pytest.approx(0.1)


@pytest.mark.parametrize("factor", [1, 0.1])
def test_the_moving_average_of_the_weights_equals_its_definition(factor):
    momentum, variables = 0.9, Quadratic()
    optimizer = scheduled_optimizer(Fit(optimizer="adam", learning_rate=0.1, ema_momentum=momentum), STEPS, factor)
    average = None
    for _ in range(5):
        variables.step(optimizer)
        now = np.stack([variables.head.numpy(), variables.backbone.numpy()])
        # The average starts from the weights after the first step.
        average = now if average is None else momentum * average + (1 - momentum) * now
    assert not np.allclose(average, now)
    optimizer.finalize_variable_values([variables.head, variables.backbone])
    np.testing.assert_allclose(np.stack([variables.head.numpy(), variables.backbone.numpy()]), average, rtol=1e-5)


def test_only_adamw_decays_the_weights():
    decays = {name: build_optimizer(Fit(optimizer=name)).weight_decay for name in ("rmsprop", "adam", "adamw")}
    assert decays == {"rmsprop": None, "adam": None, "adamw": pytest.approx(1e-3)}
