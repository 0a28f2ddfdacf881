import keras
import numpy as np
import pytest
import yaml
from rich.console import Console

from pneumo.config import Backbone, Config, Fit, HeadSearch, TransferRecipe
from pneumo.errors import UserError
from pneumo.search.head_fits import EvaluatedHead, Head, both_classes_divergence, evaluate_head
from pneumo.search.head_search import HeadSearchResult, LayerSearch, search_heads
from pneumo.training.features import Features
from pneumo.training.precision import prepare
from pneumo.training.run import load_run
from tests.killing import Killed, KillingConsole
from tests.tiny_datasets import tiny_dataset

RECIPE = TransferRecipe(
    image_size_px=32,
    network=Backbone(architecture="VGG16", weights="none"),
    fit=Fit(batch_size=4, optimizer="adam", class_weights="balanced", precision="float32"),
    views=1,
)
SETTINGS = HeadSearch(points=3, epochs=2, layers=3, units=(4, 8), batch_sizes=(4, 8))
HEAD = Head(units=(4,), dropout=0.1, learning_rate=1e-2, batch_size=8, loss="kl_divergence")


def search(config, console=None):
    prepare(RECIPE.fit)
    run = load_run(config, "heads", RECIPE, Console(quiet=True))
    return search_heads(run, RECIPE, SETTINGS, config.registry.directory / "searches", console or Console(quiet=True))


@pytest.fixture(scope="module")
def separable(tmp_path_factory):
    """Separable features, and the dataset that they are of."""
    random = np.random.default_rng(0)
    y_true = np.tile([0, 1], 32)
    views = [(random.normal(size=(32, 6)) + 3 * y_true[:32, None]).astype(np.float32) for _ in range(3)]
    parts = ["training"] * 32 + ["validation"] * 32
    dataset = tiny_dataset(tmp_path_factory.mktemp("separable"), np.zeros((64, 1, 1), np.uint8), y_true, parts)
    return Features(tuple(views[:2]), views[2]), dataset


def test_an_interrupted_and_resumed_search_evaluates_the_same_heads_and_none_of_them_twice(config):
    with pytest.raises(Killed):
        search(config, console=KillingConsole("Best head of one layer"))
    (file,) = config.registry.directory.glob("searches/heads-*.json")
    first = HeadSearchResult.model_validate_json(file.read_bytes())
    assert first.best is None
    result, settings_file = search(config)
    assert result.evaluated[: len(first.evaluated)] == first.evaluated
    assert result.best.accuracy == max(head.accuracy for head in result.evaluated)
    assert HeadSearchResult.model_validate_json(file.read_bytes()) == result
    again, _ = search(config)
    assert again == result, "a finished search was repeated"
    recipe = Config.model_validate(yaml.safe_load(settings_file.read_text())).resnet50
    best = result.best.head
    assert (recipe.network.head_units, recipe.network.head_dropout) == (best.units, best.dropout)
    assert (recipe.fit.learning_rate, recipe.fit.batch_size) == (best.learning_rate, best.batch_size)
    assert recipe.model_copy(update={"network": RECIPE.network, "fit": RECIPE.fit}) == RECIPE


def grow(tmp_path, accuracy, settings=SETTINGS):
    """A search in which a head's accuracy is a function of it."""
    heads = {}

    def evaluate(head):
        failure = None if accuracy(head) else "out of memory"
        return EvaluatedHead(head=head, accuracy=accuracy(head), failure=failure, seconds=0)

    return LayerSearch(settings, Console(quiet=True), tmp_path / "heads.json", heads, evaluate).grow(), [*heads]


def test_each_further_layer_has_half_the_units_and_the_training_settings_stay_those_of_one_layer(tmp_path):
    best, heads = grow(tmp_path, lambda head: len(head.units) / 10 + head.dropout / 100)
    assert len(best.head.units) == SETTINGS.layers
    first = max((head for head in heads if len(head.units) == 1), key=lambda head: head.dropout)
    for head in heads:
        assert list(head.units) == [int(head.units[0] / 2**layer) for layer in range(len(head.units))]
        if len(head.units) > 1:
            assert (head.learning_rate, head.batch_size, head.loss) == (first.learning_rate, first.batch_size, first.loss)


def test_layers_are_added_only_while_accuracy_improves(tmp_path):
    best, heads = grow(tmp_path, lambda head: 0.9 if len(head.units) == 2 else 0.8)
    assert len(best.head.units) == 2
    assert {len(head.units) for head in heads} == {1, 2, 3}
    _, heads = grow(tmp_path, lambda _: 0.8)
    assert {len(head.units) for head in heads} == {1, 2}


def test_a_search_in_which_every_head_fails_is_an_error(tmp_path):
    with pytest.raises(UserError, match="All 3 heads of the search failed, the best with: out of memory; change `head_search`"):
        grow(tmp_path, lambda _: 0)


@pytest.mark.filterwarnings("error::UserWarning")
def test_a_head_learns_separable_classes(separable):
    features, dataset = separable
    evaluated = evaluate_head(HEAD, RECIPE, features, dataset, epochs=20)
    assert evaluated.failure is None
    assert evaluated.accuracy > 0.9


def test_a_head_whose_loss_is_not_a_number_has_accuracy_0_and_does_not_end_the_search(separable):
    features, dataset = separable
    broken = Features(tuple(np.full_like(view, np.nan) for view in features.views), features.validation)
    # Without a hidden layer, whose ReLU would turn NaN into 0.
    evaluated = evaluate_head(HEAD.model_copy(update={"units": ()}), RECIPE, broken, dataset, epochs=2)
    assert (evaluated.accuracy, evaluated.failure) == (0, "the loss is not a number")


def test_the_divergence_of_both_classes_is_binary_cross_entropy_for_labels_0_and_1():
    y_true = np.array([[0.0], [1.0], [1.0], [0.0]], np.float32)
    y_pred = np.array([[0.2], [0.7], [0.01], [0.99]], np.float32)
    expected = keras.losses.binary_crossentropy(y_true, y_pred)
    np.testing.assert_allclose(both_classes_divergence(y_true, y_pred), expected, rtol=1e-4)
