import numpy as np
import pandas as pd
import pytest

from pneumo.evaluation.scores import evaluate
from pneumo.results.files import load_result, save_result
from pneumo.results.robustness import Curve, ModelRobustness, Robustness, lowest_point, sample_radiographs, score
from tests.tiny_experiments import provenance_fields


def predictions(normals, pneumonias, radiographs_per_patient=2):
    y_true = np.repeat([0] * normals + [1] * pneumonias, radiographs_per_patient)
    patients = np.repeat([f"p{number}" for number in range(normals + pneumonias)], radiographs_per_patient)
    return pd.DataFrame({"path": [f"{n}.jpeg" for n in range(len(y_true))], "patient": patients, "y_true": y_true})


def test_few_radiographs_are_all_sampled():
    radiographs = predictions(5, 20)
    pd.testing.assert_frame_equal(sample_radiographs(radiographs, len(radiographs), 0), radiographs)
    pd.testing.assert_frame_equal(sample_radiographs(radiographs, 1000, 0), radiographs)


@pytest.mark.parametrize("seed", range(3))
def test_whole_patients_are_sampled_and_equal_numbers_of_both_classes(seed):
    radiographs = predictions(60, 200)
    sample = sample_radiographs(radiographs, 80, seed)
    assert sample["y_true"].value_counts().to_dict() == {0: 40, 1: 40}
    assert (sample.groupby("patient").size() == 2).all()
    assert sample.index.is_monotonic_increasing


def test_the_other_class_fills_what_the_rarer_one_lacks():
    assert sample_radiographs(predictions(5, 200), 80, 0)["y_true"].value_counts().to_dict() == {0: 10, 1: 70}


def test_a_patient_with_many_radiographs_does_not_exceed_the_bound():
    many = pd.concat([predictions(20, 20), predictions(20, 20).assign(patient="p39", y_true=1)], ignore_index=True)
    sample = sample_radiographs(many, 30, 0)
    assert 20 <= len(sample) <= 30
    assert set(sample["y_true"]) == {0, 1}


def test_the_sample_depends_on_the_seed_alone():
    radiographs = predictions(60, 200)
    assert sample_radiographs(radiographs, 80, 0)["path"].tolist() == sample_radiographs(radiographs.copy(), 80, 0)["path"].tolist()
    assert sample_radiographs(radiographs, 80, 0)["path"].tolist() != sample_radiographs(radiographs, 80, 1)["path"].tolist()


def test_a_point_has_the_scores_that_evaluate_gives_within_their_intervals():
    radiographs = predictions(30, 50)
    y_score = 1 / (1 + np.exp(-np.random.default_rng(0).normal(np.where(radiographs["y_true"], 1, -1), 1.5)))
    point = score(radiographs, y_score, 0.4, severity=2)
    expected = evaluate(radiographs["y_true"], y_score, np.where(radiographs["y_true"], "viral", "normal"), 0.4)
    assert point.severity == 2
    for estimate, value in (
        (point.auroc, expected.auroc),
        (point.sensitivity, expected.locked.sensitivity),
        (point.specificity, expected.locked.specificity),
    ):
        assert estimate.value == pytest.approx(value)
        assert estimate.low < value < estimate.high


def test_scores_of_a_missing_class_are_undefined_and_not_zero():
    point = score(predictions(0, 20), np.full(40, 0.9), 0.5, 0)
    assert point.auroc.value is point.specificity.value is None
    assert point.sensitivity.value == 1


def curve(name, neutral, aurocs):
    radiographs = predictions(40, 40, 1)
    rng = np.random.default_rng(0)
    points = []
    for severity, gain in aurocs.items():
        y_score = 1 / (1 + np.exp(-rng.normal(gain * np.where(radiographs["y_true"], 1, -1), 1)))
        points.append(score(radiographs, y_score, 0.5, severity))
    return Curve(
        perturbation=name, title=name.title(), unit="per cent", severity_format="{:g} %", neutral=neutral, points=tuple(points)
    )


@pytest.fixture
def model():
    return ModelRobustness(
        **provenance_fields("b"), version=3, recipe="tiny", model_sha256="a", settings={"radiographs": 80}, definition="c",
        threshold=0.5, images=80, patients=80, frame_px=224,
        curves=(curve("blur", 0, {0: 2, 1: 1.5}), curve("aspect", 1, {0.7: 0, 1: 2, 1.4: 1})),
    )  # fmt: skip


def test_the_summary_names_the_lowest_scores(model):
    place, point = lowest_point(model, "auroc")
    assert (place.perturbation, point.severity) == ("aspect", 0.7)
    assert f", at worst {point.auroc.value:.3f} (Aspect 0.7 %)" in model.summary
    assert model.summary.startswith("tiny v3: AUROC 0.9")
    assert [model.curves[1].label(severity) for severity in (0.7, 1, 1.4)] == ["0.7 %", "as is", "1.4 %"]


def test_the_summary_omits_undefined_scores(model):
    only_pneumonia = score(predictions(0, 20), np.full(40, 0.9), 0.5, 0)
    only_curve = model.curves[0].model_copy(update={"points": (only_pneumonia,)})
    assert model.model_copy(update={"curves": (only_curve,)}).summary == "tiny v3: sensitivity 1.000, never lower."


def test_saved_curves_are_loaded_unchanged(model, tmp_path):
    file = tmp_path / "robustness.json"
    assert load_result(file, Robustness) is None
    save_result(file, Robustness(models=(model,)))
    assert load_result(file, Robustness) == Robustness(models=(model,))
    file.write_text('{"models": 3')
    assert load_result(file, Robustness) is None
