from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from pneumo.evaluation.scores import evaluate
from pneumo.results.robustness import Curve, ModelRobustness, Robustness, draw_radiographs, read, score, sentence, weakest


def predictions(normals, pneumonias, radiographs_each=2):
    y_true = np.repeat([0] * normals + [1] * pneumonias, radiographs_each)
    patients = np.repeat([f"p{number}" for number in range(normals + pneumonias)], radiographs_each)
    return pd.DataFrame({"path": [f"{n}.jpeg" for n in range(len(y_true))], "patient": patients, "y_true": y_true})


def test_where_there_are_few_radiographs_all_are_taken():
    radiographs = predictions(5, 20)
    pd.testing.assert_frame_equal(draw_radiographs(radiographs, len(radiographs), 0), radiographs)
    pd.testing.assert_frame_equal(draw_radiographs(radiographs, 1000, 0), radiographs)


@pytest.mark.parametrize("seed", range(3))
def test_patients_are_drawn_whole_and_both_classes_alike(seed):
    radiographs = predictions(60, 200)
    drawn = draw_radiographs(radiographs, 80, seed)
    assert drawn["y_true"].value_counts().to_dict() == {0: 40, 1: 40}
    assert (drawn.groupby("patient").size() == 2).all()
    assert drawn.index.is_monotonic_increasing


def test_what_the_rarer_class_lacks_is_the_others():
    assert draw_radiographs(predictions(5, 200), 80, 0)["y_true"].value_counts().to_dict() == {0: 10, 1: 70}


def test_a_patient_with_many_radiographs_does_not_burst_the_bound():
    many = pd.concat([predictions(20, 20), predictions(20, 20).assign(patient="p39", y_true=1)], ignore_index=True)
    drawn = draw_radiographs(many, 30, 0)
    assert 20 <= len(drawn) <= 30
    assert set(drawn["y_true"]) == {0, 1}


def test_the_draw_is_a_matter_of_the_seed_alone():
    radiographs = predictions(60, 200)
    assert draw_radiographs(radiographs, 80, 0)["path"].tolist() == draw_radiographs(radiographs.copy(), 80, 0)["path"].tolist()
    assert draw_radiographs(radiographs, 80, 0)["path"].tolist() != draw_radiographs(radiographs, 80, 1)["path"].tolist()


def test_a_point_has_the_scores_that_evaluate_gives_within_their_intervals():
    radiographs = predictions(30, 50)
    y_score = 1 / (1 + np.exp(-np.random.default_rng(0).normal(np.where(radiographs["y_true"], 1, -1), 1.5)))
    point = score(radiographs, y_score, 0.4, severity=2)
    expected = evaluate(radiographs["y_true"], y_score, np.where(radiographs["y_true"], "viral", "normal"), 0.4)
    assert point.severity == 2
    for found, value in (
        (point.auroc, expected.auroc),
        (point.sensitivity, expected.locked.sensitivity),
        (point.specificity, expected.locked.specificity),
    ):
        assert found.value == pytest.approx(value)
        assert found.low < value < found.high


def test_without_a_class_its_scores_are_undefined_and_not_zero():
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
    return Curve(perturbation=name, title=name.title(), unit="per cent", written="{:g} %", neutral=neutral, points=tuple(points))


@pytest.fixture
def found():
    return ModelRobustness(
        version=3, recipe="tiny", model_sha256="a", data_fingerprint="b", definition="c", radiographs_at_most=80,
        created=datetime.now(UTC), threshold=0.5, images=80, patients=80, frame_px=224,
        curves=(curve("blur", 0, {0: 2, 1: 1.5}), curve("aspect", 1, {0.7: 0, 1: 2, 1.4: 1})),
    )  # fmt: skip


def test_the_weakest_place_is_found_and_said(found):
    place, point = weakest(found, "auroc")
    assert (place.perturbation, point.severity) == ("aspect", 0.7)
    assert f"and {point.auroc.value:.3f} (Aspect 0.7 %)" in sentence(found)
    assert sentence(found).startswith("tiny v3, on radiographs as they are and at the worst: AUROC 0.9")
    assert [found.curves[1].said(severity) for severity in (0.7, 1, 1.4)] == ["0.7 %", "as is", "1.4 %"]


def test_undefined_scores_are_not_spoken_of(found):
    lonely = score(predictions(0, 20), np.full(40, 0.9), 0.5, 0)
    only = found.curves[0].model_copy(update={"points": (lonely,)})
    said = sentence(found.model_copy(update={"curves": (only,)}))
    assert said == "tiny v3, on radiographs as they are and at the worst: sensitivity 1.000 and never less."


def test_curves_come_back_from_their_file_as_they_were(found, tmp_path):
    file = tmp_path / "robustness.json"
    assert read(file) == Robustness(models=())
    file.write_text(Robustness(models=(found,)).model_dump_json())
    assert read(file) == Robustness(models=(found,))
    file.write_text('{"models": 3')
    with pytest.raises(ValidationError):
        read(file)
