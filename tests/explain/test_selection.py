import pandas as pd
import pytest

from pneumo.explain.selection import mistakes_and_uncertain, most_confident_mistakes


@pytest.fixture
def predictions():
    return pd.DataFrame(
        {
            "path": list("abcdefgh"),
            "patient": [f"p{n}" for n in range(8)],
            "y_true": [0, 0, 0, 1, 1, 1, 0, 1],
            "y_score": [0.9, 0.7, 0.2, 0.1, 0.3, 0.8, 0.6, 0.6],
        }
    )


def test_mistakes_are_those_at_the_models_threshold_the_most_confident_first(predictions):
    mistakes = most_confident_mistakes(predictions, threshold=0.65, mistakes_per_kind=5)
    assert list(zip(mistakes["path"], mistakes["kind"], strict=True)) == [
        ("a", "false_positive"),
        ("b", "false_positive"),
        ("d", "false_negative"),
        ("e", "false_negative"),
        ("h", "false_negative"),
    ]
    assert list(most_confident_mistakes(predictions, threshold=0.65, mistakes_per_kind=1)["path"]) == ["a", "d"]


def test_a_score_at_the_threshold_is_predicted_pneumonia(predictions):
    paths = set(most_confident_mistakes(predictions, threshold=0.6, mistakes_per_kind=5)["path"])
    assert "g" in paths
    assert "h" not in paths


def test_a_perfect_model_has_no_mistakes(predictions):
    perfect = predictions.assign(y_score=predictions["y_true"].astype(float))
    assert most_confident_mistakes(perfect, 0.5, 5).empty


def test_mistakes_come_first_and_then_the_scores_nearest_to_the_threshold(predictions):
    threshold = 0.55
    marked = predictions.assign(misclassified=(predictions["y_score"] >= threshold) != (predictions["y_true"] == 1))
    ordered = mistakes_and_uncertain(marked, threshold, len(marked))
    assert ordered["misclassified"].tolist() == [True] * 5 + [False] * 3
    correct = ordered[~ordered["misclassified"]]
    assert correct["path"].tolist() == ["h", "f", "c"]
    fewer = mistakes_and_uncertain(marked, threshold, 2)
    assert fewer["misclassified"].all()
    assert fewer["path"].tolist() == mistakes_and_uncertain(marked, threshold, 2)["path"].tolist() == ordered["path"].tolist()[:2]
