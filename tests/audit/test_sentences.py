import pytest

from pneumo.audit.sentences import finding_sentence, leakage_sentences, linear_baseline_sentence
from pneumo.evaluation.bootstrap import Estimate
from pneumo.results.audit import Finding, Group, Leakage, LinearBaseline, Pair


def estimate(value):
    return Estimate(value=value, low=value - 0.03, high=value + 0.03)


def finding(trait, verdict, training, test, redundant_with=None):
    return Finding(
        trait=trait,
        training=estimate(training),
        validation=estimate(training),
        test=Estimate(value=None) if test is None else estimate(test),
        verdict=verdict,
        redundant_with=redundant_with,
    )


@pytest.mark.parametrize(
    ("finding", "sentence"),
    [
        (
            finding("aspect_ratio", "shortcut", 0.93, 0.55),
            "In train, PNEUMONIA radiographs are wider for their height than NORMAL ones in 93 % of pairs, in test in 55 % "
            "(chance: 50 %): a network may predict the label from the aspect ratio.",
        ),
        (
            finding("bytes_per_pixel", "shortcut", 0.1, 0.48),
            "In train, PNEUMONIA radiographs take fewer bytes per pixel than NORMAL ones in 90 % of pairs, in test in 52 % "
            "(chance: 50 %): a network may predict the label from the bytes per pixel.",
        ),
        (
            finding("border", "redundant", 0.2, 0.5, "aspect_ratio"),
            "The border brightness is redundant: it predicts the label only through the aspect ratio.",
        ),
        (
            finding("mean", "shared", 0.8, 0.79),
            "PNEUMONIA radiographs are brighter in the middle than NORMAL ones in 80 % of pairs in train, and in 79 % in test: the "
            "disease may cause this; if acquisition does, this test split cannot show it.",
        ),
        (
            finding("border", "unclear", 0.64, 0.56),
            "PNEUMONIA radiographs have brighter borders than NORMAL ones in 64 % of pairs in train, and in 56 % in test: too few "
            "test radiographs to decide whether it holds there.",
        ),
        (
            finding("quantisation", "untested", 0.97, None),
            "PNEUMONIA radiographs are compressed more strongly than NORMAL ones in 97 % of pairs in train; whether test has this "
            "difference is not known. The disease cannot cause this: unless test has the same difference, it is a shortcut.",
        ),
    ],
    ids=lambda value: value.verdict if isinstance(value, Finding) else "",
)
def test_each_verdict_has_its_sentence(finding, sentence):
    assert finding_sentence(finding) == sentence


def test_the_stretch_is_explained_where_it_is_a_shortcut():
    assert finding_sentence(finding("stretch", "shortcut", 0.9, 0.6)).endswith("that was resized to a square.")


def test_leakage_is_reported_with_its_counts():
    leakage = Leakage(
        patients=12, patients_in_several_splits=0, patients_in_several_parts=1, left_out={"unreadable": 1},
        identical=(
            Group(paths=("a", "b"), splits=("train",), labels=("NORMAL",), patients=1),
            Group(paths=("c", "d"), splits=("test", "train"), labels=("NORMAL", "PNEUMONIA"), patients=2),
        ),
        identical_across_splits=1, identical_with_two_labels=1, near_duplicate_correlation=0.92,
        near_duplicates=(Pair(first="e", second="f", correlation=0.97, across_splits=True, across_labels=False),),
        most_similar=(Pair(first="g", second="h", correlation=0.61, across_splits=False, across_labels=False),),
    )  # fmt: skip
    assert leakage_sentences(leakage) == [
        "12 patients: 0 in more than one split, 1 in more than one of training, validation and test.",
        "1 radiograph left out: unreadable.",
        "Identical images: 2 groups (1 within train, 1 across splits), 1 of them with two labels.",
        "Near-duplicates of different patients (fine structure correlated by 0.92 or more): 1 pair, 1 of them across splits and 0 "
        "with two labels; the most similar of the other pairs is g and h, with 0.61.",
    ]


def test_the_linear_baseline_is_reported_with_its_scores():
    baseline = LinearBaseline(
        side_px=32,
        folds=5,
        cross_validated=estimate(0.988),
        test=estimate(0.914),
        sensitivity=estimate(0.98),
        specificity=estimate(0.36),
    )
    sentence = linear_baseline_sentence(baseline)
    assert "AUROC of 0.988 (0.958 to 1.018) in 5-fold cross-validation on train and of 0.914 (0.884 to 0.944) on test" in sentence
    assert "sensitivity is 98 % and its specificity 36 %" in sentence
