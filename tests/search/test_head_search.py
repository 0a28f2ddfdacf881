import io

import keras
import numpy as np
import pytest
import yaml
from rich.console import Console

from pneumo.config import Backbone, Config, Fit, HeadSearch, Transfer
from pneumo.errors import UserError
from pneumo.search.head_fits import Head, TriedHead, both_classes_divergence, try_head
from pneumo.search.head_search import HeadSearchResult, LayerSearch, search_heads
from pneumo.training.dataset import load
from pneumo.training.features import Features
from pneumo.training.precision import prepare

RECIPE = Transfer(
    image_size_px=32,
    network=Backbone(architecture="VGG16", weights="none"),
    fit=Fit(batch_size=4, optimizer="adam", class_weights="balanced", precision="float32"),
    views=1,
)
SETTINGS = HeadSearch(points=3, epochs=2, layers=3, units=(4, 8), batch_sizes=(4, 8))
HEAD = Head(units=(4,), dropout=0.1, learning_rate=1e-2, batch_size=8, loss="kl_divergence")


@pytest.fixture
def config(tmp_path, kermany_folder):
    return Config(
        data=kermany_folder,
        cohort={"cache_dir": tmp_path / "data", "validation_fraction": 0.3},
        registry={"directory": tmp_path / "models"},
    )


def search(config, console=None):
    prepare(RECIPE.fit)
    study = load(config, "heads", RECIPE, Console(quiet=True))
    return search_heads(study, RECIPE, SETTINGS, config.registry.directory / "searches", console or Console(quiet=True))


@pytest.fixture(scope="module")
def separable():
    random = np.random.default_rng(0)
    y_true = np.arange(32) % 2
    draw = lambda: (random.normal(size=(32, 6)) + 3 * y_true[:, None]).astype(np.float32)  # noqa: E731
    return Features((draw(), draw()), draw()), (y_true, y_true)


class Interrupting(Console):
    """Stops the search once the first layer is settled."""

    def print(self, *objects, **options):
        super().print(*objects, **options)
        if objects and str(objects[0]).startswith("Best head of one layer"):
            raise KeyboardInterrupt


def test_a_search_interrupted_and_continued_tries_the_same_heads_and_none_of_them_twice(config):
    with pytest.raises(KeyboardInterrupt):
        search(config, console=Interrupting(file=io.StringIO()))
    (file,) = config.registry.directory.glob("searches/heads-*.json")
    first = HeadSearchResult.model_validate_json(file.read_bytes())
    assert first.best is None
    result, settings_file = search(config)
    assert result.tried[: len(first.tried)] == first.tried
    assert result.best.accuracy == max(one.accuracy for one in result.tried)
    assert HeadSearchResult.model_validate_json(file.read_bytes()) == result
    again, _ = search(config)
    assert again == result, "a finished search was made again"
    found = Config.model_validate(yaml.safe_load(settings_file.read_text())).resnet50
    best = result.best.head
    assert (found.network.head_units, found.network.head_dropout) == (best.units, best.dropout)
    assert (found.fit.learning_rate, found.fit.batch_size) == (best.learning_rate, best.batch_size)
    assert found.model_copy(update={"network": RECIPE.network, "fit": RECIPE.fit}) == RECIPE


def grown(tmp_path, accuracy, settings=SETTINGS):
    """A search in which a head's accuracy is a function of it."""
    known = {}

    def train(head):
        failure = None if accuracy(head) else "no room"
        return TriedHead(head=head, accuracy=accuracy(head), failure=failure, seconds=0)

    return LayerSearch(settings, Console(quiet=True), tmp_path / "heads.json", known, train).grow(), [*known]


def test_each_further_layer_has_half_the_units_and_what_the_first_was_trained_with(tmp_path):
    best, heads = grown(tmp_path, lambda head: len(head.units) / 10 + head.dropout / 100)
    assert len(best.head.units) == SETTINGS.layers
    first = max((head for head in heads if len(head.units) == 1), key=lambda head: head.dropout)
    for head in heads:
        assert list(head.units) == [int(head.units[0] / 2**layer) for layer in range(len(head.units))]
        if len(head.units) > 1:
            assert (head.learning_rate, head.batch_size, head.loss) == (first.learning_rate, first.batch_size, first.loss)


def test_layers_are_added_only_while_that_helps(tmp_path):
    best, heads = grown(tmp_path, lambda head: 0.9 if len(head.units) == 2 else 0.8)
    assert len(best.head.units) == 2
    assert {len(head.units) for head in heads} == {1, 2, 3}
    _, heads = grown(tmp_path, lambda _: 0.8)
    assert {len(head.units) for head in heads} == {1, 2}


def test_a_search_in_which_every_head_fails_says_so(tmp_path):
    with pytest.raises(UserError, match="All 3 heads of the search failed, one so: no room; mend `head_search`"):
        grown(tmp_path, lambda _: 0)


def test_a_head_learns_what_can_be_learnt(separable):
    features, y_true = separable
    tried = try_head(HEAD, RECIPE, features, y_true, epochs=20, class_weight={0: 1.0, 1: 1.0})
    assert tried.failure is None
    assert tried.accuracy > 0.9


def test_a_head_whose_loss_is_no_number_is_a_bad_one_and_no_error(separable):
    features, y_true = separable
    broken = Features(tuple(np.full_like(view, np.nan) for view in features.views), features.validation)
    # Without a hidden layer, whose ReLU would make zeros of what is no number.
    tried = try_head(HEAD.model_copy(update={"units": ()}), RECIPE, broken, y_true, epochs=2, class_weight=None)
    assert (tried.accuracy, tried.failure) == (0, "the loss was no longer a number")


def test_the_divergence_of_two_classes_is_binary_cross_entropy_for_labels_that_leave_nothing_uncertain():
    y_true = np.array([[0.0], [1.0], [1.0], [0.0]], np.float32)
    y_pred = np.array([[0.2], [0.7], [0.01], [0.99]], np.float32)
    expected = keras.losses.binary_crossentropy(y_true, y_pred)
    np.testing.assert_allclose(both_classes_divergence(y_true, y_pred), expected, rtol=1e-4)
