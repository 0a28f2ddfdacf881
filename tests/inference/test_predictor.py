import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pneumo
from pneumo.evaluation.calibration import logits
from pneumo.evaluation.referral import Referral
from pneumo.inference.predictor import BATCH_SIZE, NOT_FRONTAL, Prediction
from pneumo.inference.sources import of_file
from pneumo.radiographs.decode import decode
from tests.conftest import RadiographWriter
from tests.dicom_files import chest_like, radiograph_8_bit, write
from tests.inference.predictors import SIZE_PX, mean_network, tiny_predictor

REFER_NEAR = Referral(criterion="margin", cutoff=1.0, most_errors=0.02, risk_area={"margin": 0.1})


class RefuseBright:
    """Refuses radiographs brighter than half."""

    def refuses(self, pixels: np.ndarray) -> np.ndarray:
        return pixels.mean(axis=(1, 2)) > 127.5


def grey(file: Path, level: int) -> Path:
    """Spots around a level: a plain picture would be refused as blank."""
    file.parent.mkdir(parents=True, exist_ok=True)
    spots = np.random.default_rng(level).normal(level, 30, (4, 5))
    Image.fromarray(np.clip(spots, 0, 255).astype(np.uint8)).resize((50, 40)).save(file)
    return file


def test_the_package_offers_the_predictor() -> None:
    assert pneumo.Predictor.__name__ == "Predictor"
    assert pneumo.Prediction is Prediction
    with pytest.raises(AttributeError, match="no attribute 'Predicter'"):
        pneumo.Predicter  # noqa: B018


def test_a_prediction_is_that_of_the_decoded_file_at_the_locked_threshold(tmp_path: Path) -> None:
    files = [grey(tmp_path / f"{level}.png", level) for level in (100, 200)]
    low, high = tiny_predictor().predict(files)
    for prediction, file in ((low, files[0]), (high, files[1])):
        score = mean_network(decode(file, SIZE_PX, "squash")[None]).score[0]
        assert prediction.score == pytest.approx(score, abs=1e-12)
        assert logits(np.array([prediction.probability]))[0] == pytest.approx(logits(np.array([score]))[0] / 2)
        assert (prediction.path, prediction.sha256) == (str(file), hashlib.sha256(file.read_bytes()).hexdigest())
        assert prediction.decision == ("PNEUMONIA" if score >= 0.6 else "NORMAL")
        assert (prediction.probability >= prediction.threshold) == (score >= 0.6)
        assert prediction.reason == ""
    assert (low.decision, high.decision) == ("NORMAL", "PNEUMONIA")


def test_one_radiograph_is_predicted_without_a_list(tmp_path: Path) -> None:
    file = grey(tmp_path / "a.png", 90)
    expected = list(tiny_predictor().predict([file]))
    for one in (file, str(file), of_file(file)):
        assert list(tiny_predictor().predict(one)) == expected


def test_without_a_temperature_the_probability_is_the_score(tmp_path: Path) -> None:
    (prediction,) = tiny_predictor(temperature=None).predict([grey(tmp_path / "a.png", 90)])
    assert (prediction.probability, prediction.threshold) == (prediction.score, 0.6)


def test_near_the_threshold_the_decision_is_referred(tmp_path: Path) -> None:
    near, far = tiny_predictor(referral=REFER_NEAR).predict([grey(tmp_path / "near.png", 150), grey(tmp_path / "far.png", 40)])
    assert near.decision == "referred"
    low, high = map(float, re.findall(r"0\.\d+", near.reason))
    assert near.reason == f"the probability is too near to the threshold: between {low:.3f} and {high:.3f}"
    assert low < near.probability < high < 1
    assert far.decision == "NORMAL"


def test_the_spread_of_an_ensemble_refers_where_it_was_chosen(tmp_path: Path) -> None:
    referral = Referral(criterion="spread", cutoff=-0.3, most_errors=0.02, risk_area={"margin": 0.2, "spread": 0.1})
    near, far = tiny_predictor(referral=referral).predict([grey(tmp_path / "near.png", 128), grey(tmp_path / "far.png", 25)])
    assert (near.decision, far.decision) == ("NORMAL", "referred")
    assert far.reason == "the networks of the ensemble disagree too much: their logits have a standard deviation above 0.30"


def test_what_the_detector_refuses_has_no_decision(tmp_path: Path) -> None:
    dark, bright = tiny_predictor(RefuseBright()).predict([grey(tmp_path / "a.png", 90), grey(tmp_path / "b.png", 200)])
    assert (dark.decision, bright.decision, bright.reason) == ("NORMAL", "refused", NOT_FRONTAL)


def test_bad_files_are_rows_and_the_others_are_predicted_in_order(tmp_path: Path, write_radiograph: RadiographWriter) -> None:
    files = [write_radiograph(tmp_path / f"{number:03}.png", size=(40, 40)) for number in range(5 * BATCH_SIZE + 3)]
    files[1].write_bytes(b"")
    files[40].unlink()
    files[41].unlink()
    files[41].mkdir()
    predictions = list(tiny_predictor().predict(files))
    assert [prediction.path for prediction in predictions] == [str(file) for file in files]
    refused = {number: prediction.reason for number, prediction in enumerate(predictions) if prediction.decision == "refused"}
    assert refused == {1: "empty file", 40: "No such file or directory", 41: "a folder"}
    assert all(prediction.probability is None for number, prediction in enumerate(predictions) if number in refused)


def test_patients_and_names_of_dicom_files_are_pseudonyms(tmp_path: Path) -> None:
    written = radiograph_8_bit(
        np.asarray(chest_like(white=255), np.uint8), "1.2.3.44", PatientID="MRN-4711", PatientName="Doe^Jane"
    )
    file = write(tmp_path / "Doe_Jane.dcm", written)
    (without_key,) = tiny_predictor().predict([file])
    (prediction,) = tiny_predictor(key=b"k" * 32).predict([file])
    assert without_key.patient == ""
    assert len(prediction.patient) == 16
    assert prediction.path == f"dicom-{prediction.sha256[:12]}"
    for secret in ("4711", "Doe", "Jane", "1.2.3.44"):
        assert secret not in str(prediction)


def test_other_modalities_are_refused_by_the_header(tmp_path: Path) -> None:
    pixels = np.asarray(chest_like(white=255), np.uint8)
    file = write(tmp_path / "a.dcm", radiograph_8_bit(pixels, "1.2.3", Modality="CT"))
    (prediction,) = tiny_predictor().predict([file])
    assert (prediction.decision, prediction.score) == ("refused", None)
    assert "modality CT" in prediction.reason
