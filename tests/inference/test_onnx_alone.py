"""An ONNX bundle in an environment of its own, without TensorFlow, Keras and MLflow."""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pneumo.evaluation.frontal_detector import FrontalDetector
from pneumo.evaluation.refusal import fit_detector
from pneumo.inference.export import write_bundle
from pneumo.inference.predictor import Predictor
from tests.inference.test_export import NETWORKS, radiographs, registered

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
(NEEDED,) = re.findall(r"^\$ pip install (numpy .*)$", (ROOT / "docs/using-a-model.md").read_text(), re.MULTILINE)
"""What the guide says that an ONNX bundle needs."""
PREDICT = """
import importlib.util, json, sys
import pneumo
for absent in ("tensorflow", "keras", "mlflow"):
    assert importlib.util.find_spec(absent) is None, absent
try:
    import tensorflow
except ModuleNotFoundError:
    pass
predictions = list(pneumo.Predictor.load(sys.argv[1]).predict(sys.argv[2:]))
print(json.dumps([[prediction.probability, prediction.decision] for prediction in predictions]))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Python of an environment with what an ONNX bundle needs, in the versions of the lock."""
    folder = tmp_path_factory.mktemp("alone")
    # With their markers: the lock is for several versions of Python.
    pins = re.findall(r"^[\w.\-]+==.*?(?= *\\?$)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    (folder / "pins.txt").write_text("\n".join(pins))
    interpreter = folder / "venv" / "bin" / "python"
    for command in (
        ["venv", "--quiet", "--python", sys.executable, str(folder / "venv")],
        ["pip", "install", "--quiet", "--python", str(interpreter), "--constraint", str(folder / "pins.txt"), *NEEDED.split()],
    ):
        done = subprocess.run([UV, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return interpreter


def fitted() -> FrontalDetector:
    """A detector that refuses some of the radiographs."""
    pixels = radiographs().verification
    detector = fit_detector(pixels, pixels)
    return replace(detector, threshold=float(np.median(detector.scores(pixels))))


@pytest.mark.parametrize("network", ["residual", "ensemble in bfloat16"])
def test_it_predicts_what_keras_predicts(network: str, python: Path, tmp_path: Path) -> None:
    files = []
    for number, pixels in enumerate(radiographs().verification[5:]):
        files.append(str(tmp_path / f"{number}.png"))
        Image.fromarray(pixels).save(files[-1])
    model = NETWORKS[network]()
    detector = fitted()
    for format_ in ("keras", "onnx"):
        (tmp_path / format_).mkdir()
        write_bundle(tmp_path / format_, format_, registered(model, detector), radiographs())
    command = [str(python), "-c", PREDICT, str(tmp_path / "onnx"), *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stderr
    probabilities, decisions = zip(*json.loads(done.stdout), strict=True)
    expected = list(Predictor.load(tmp_path / "keras").predict(files))
    assert len(set(probabilities)) == len(files)
    assert 0 < decisions.count("refused") < len(files)
    assert np.allclose(probabilities, [prediction.probability for prediction in expected], rtol=0, atol=1e-4)
    assert list(decisions) == [prediction.decision for prediction in expected]
