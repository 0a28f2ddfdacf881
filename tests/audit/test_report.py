"""The audit as a whole, its floor, its sentences and its file."""

import numpy as np
import pandas as pd
import pytest

from pneumo.audit.leakage import Group, Leakage, Pair
from pneumo.audit.linear_baseline import LinearBaseline, linear_baseline
from pneumo.audit.measures import measure
from pneumo.audit.report import Audit, audit
from pneumo.audit.sentences import finding_sentence, leakage_sentences, linear_baseline_sentence, stretch_sentence
from pneumo.audit.shortcuts import Finding
from pneumo.cohort.index import index
from pneumo.cohort.splits import partition
from pneumo.config import Config
from pneumo.evaluation.bootstrap import Estimate


def cohort_of(patients, radiographs=2):
    """Tell the table of a cohort with this many patients of each class in train, and a third of them in test."""
    rows = [
        (split, label, f"{split}-{label}-{number}")
        for split, count in (("train", patients), ("test", max(patients // 3, 1)))
        for label in ("NORMAL", "PNEUMONIA")
        for number in range(count)
        for _ in range(radiographs)
    ]
    return pd.DataFrame(rows, columns=["split", "label", "patient"])


def thumbnails(table, rng, *, brighter):
    noise = rng.normal(120, 30, (len(table), 64, 64))
    noise[:, :20, :20] += brighter * (table["label"] == "PNEUMONIA").to_numpy()[:, None, None]
    return np.clip(noise, 0, 255).astype(np.uint8)


def test_the_floor_finds_what_brightness_gives_away_and_nothing_in_noise():
    rng, table = np.random.default_rng(0), cohort_of(40)
    found = linear_baseline(thumbnails(table, rng, brighter=8), table, seed=0)
    assert (found.side_px, found.folds) == (32, 5)
    assert found.cross_validated.value > 0.95
    assert found.test.value > 0.95
    assert found.cross_validated.low <= found.cross_validated.value <= found.cross_validated.high
    assert found.sensitivity.value > 0.7
    noise = linear_baseline(thumbnails(table, rng, brighter=0), table, seed=0)
    assert noise.test.low < 0.5 < noise.test.high


def test_what_is_only_in_train_does_not_help_the_floor_on_test():
    rng, table = np.random.default_rng(1), cohort_of(40)
    images = thumbnails(table, rng, brighter=0)
    planted = ((table["label"] == "PNEUMONIA") & (table["split"] == "train")).to_numpy()
    images[planted, :20, :20] = np.minimum(images[planted, :20, :20], 225) + 30
    found = linear_baseline(images, table, seed=0)
    assert found.cross_validated.value > 0.95
    assert found.test.value < 0.75


def test_the_floor_needs_patients_for_folds():
    rng = np.random.default_rng(2)
    assert linear_baseline(thumbnails(cohort_of(3), rng, brighter=20), cohort_of(3), seed=0).folds == 3
    assert linear_baseline(thumbnails(cohort_of(1), rng, brighter=20), cohort_of(1), seed=0) is None


def test_a_small_cohort_is_audited_and_its_file_reads_back(kermany_folder, tmp_path):
    settings = Config(data=kermany_folder, cohort={"cache_dir": tmp_path / "data", "validation_fraction": 0.3})
    cohort = index(settings)
    parts, measures = partition(cohort, settings.cohort), measure(cohort, tmp_path / "data")
    found = audit(cohort, parts, measures, measures.traits.iloc[:12], seed=0)
    assert found.data_fingerprint == cohort.fingerprint
    assert (found.images, found.synthetic) == (len(cohort.table), False)
    assert {finding.verdict for finding in found.findings} <= {"too_few", "constant"}
    assert found.shortcuts == found.suspects == []
    assert found.originals.images == 12
    assert Audit.model_validate_json(found.model_dump_json()) == found
    words = [
        *leakage_sentences(found.leakage),
        *map(finding_sentence, found.findings),
        linear_baseline_sentence(found.linear_baseline),
    ]
    assert all(words)
    assert audit(cohort, parts, measures, None, seed=0).originals is None


def area(value):
    return Estimate(value=value, low=value - 0.03, high=value + 0.03)


def finding(trait, verdict, training, test, redundant_with=None):
    return Finding(
        trait=trait,
        training=area(training),
        validation=area(training),
        test=Estimate(value=None) if test is None else area(test),
        verdict=verdict,
        redundant_with=redundant_with,
    )


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            finding("aspect_ratio", "shortcut", 0.93, 0.55),
            "In train, PNEUMONIA radiographs are wider for their height than NORMAL ones in 93 % of pairs, in test in 55 % (chance: "
            "50 %): a network may read the label off the aspect ratio.",
        ),
        (
            finding("bytes_per_pixel", "shortcut", 0.1, 0.48),
            "In train, PNEUMONIA radiographs take fewer bytes a pixel than NORMAL ones in 90 % of pairs, in test in 52 % (chance: 50 %): "
            "a network may read the label off the bytes per pixel.",
        ),
        (
            finding("border", "redundant", 0.2, 0.5, "aspect_ratio"),
            "The border brightness is part of the shortcut by aspect ratio, and gives nothing away beyond it.",
        ),
        (
            finding("mean", "shared", 0.8, 0.79),
            "PNEUMONIA radiographs are brighter in the middle than NORMAL ones in 80 % of pairs in train, and in 79 % in test: the "
            "disease may do this; if the making of the radiographs does, this test split cannot show it.",
        ),
        (
            finding("border", "unclear", 0.64, 0.56),
            "PNEUMONIA radiographs have brighter borders than NORMAL ones in 64 % of pairs in train, and in 56 % in test: too few test "
            "radiographs to tell whether this carries over.",
        ),
        (
            finding("quantisation", "untested", 0.97, None),
            "PNEUMONIA radiographs are compressed more strongly than NORMAL ones in 97 % of pairs in train; how it is in test, these "
            "radiographs do not show. No disease changes this: unless test shares it, it is a shortcut.",
        ),
    ],
    ids=lambda value: value.verdict if isinstance(value, Finding) else "",
)
def test_findings_are_said_in_plain_words(found, said):
    assert finding_sentence(found) == said


def test_the_stretch_is_explained_where_it_is_named():
    assert finding_sentence(finding("squeeze", "shortcut", 0.9, 0.6)).endswith("keeps of its aspect ratio.")


def test_leakage_and_floor_are_said_with_their_numbers():
    found = Leakage(
        patients=12, patients_in_several_splits=0, patients_in_several_parts=1, left_out={"unreadable": 1}, alike_from=0.92,
        identical=(
            Group(paths=("a", "b"), splits=("train",), labels=("NORMAL",), patients=1),
            Group(paths=("c", "d"), splits=("test", "train"), labels=("NORMAL", "PNEUMONIA"), patients=2),
        ),
        identical_across_splits=1, identical_with_two_labels=1,
        almost_identical=(Pair(first="e", second="f", correlation=0.97, across_splits=True, across_labels=False),),
        most_alike=(Pair(first="g", second="h", correlation=0.61, across_splits=False, across_labels=False),),
    )  # fmt: skip
    assert leakage_sentences(found) == [
        "12 patients: 0 in more than one split, 1 in more than one of training, validation and test.",
        "1 radiograph left out beforehand: unreadable.",
        "Identical images: 2 groups (1 inside train, 1 across splits), 1 of them with two labels.",
        "Almost identical images of different patients (their fine structure correlates by 0.92 or more): 1 pair, 1 of them across "
        "splits and 0 with two labels; the most alike of the others, g and h, by 0.61.",
    ]
    floor = LinearBaseline(
        side_px=32, folds=5, cross_validated=area(0.988), test=area(0.914), sensitivity=area(0.98), specificity=area(0.36)
    )
    said = linear_baseline_sentence(floor)
    assert "AUROC of 0.988 (0.958 to 1.018) on 5 folds of train and of 0.914 (0.884 to 0.944) on test" in said
    assert "finds 98 % of the PNEUMONIA and clears 36 % of the NORMAL" in said


def test_the_correlation_of_stretch_and_shape_is_told(kermany_folder, tmp_path):
    settings = Config(data=kermany_folder, cohort={"cache_dir": tmp_path / "data", "validation_fraction": 0.3})
    cohort = index(settings)
    parts, measures = partition(cohort, settings.cohort), measure(cohort, tmp_path / "data")
    measures.traits["aspect_ratio"] = np.exp(measures.traits["squeeze"])
    found = audit(cohort, parts, measures, measures.traits, seed=0).originals
    assert found.stretch_follows_shape.value == pytest.approx(1)
    assert "correlates with the aspect ratio of these originals by 1.000" in stretch_sentence(found)
    measures.traits["aspect_ratio"] = 1.0
    assert audit(cohort, parts, measures, measures.traits, seed=0).originals.stretch_follows_shape.value is None
