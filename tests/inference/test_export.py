"""Bundles of tiny random networks: each network in each format, and what makes an export fail."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from pneumo.config import FORMATS, Architecture, Backbone, Cnn, Format, ResidualCnn
from pneumo.errors import UserError
from pneumo.files import file_sha256
from pneumo.inference import export as exporting
from pneumo.inference import formats
from pneumo.inference.bundle import INT8_MODEL, MODEL, README, RECORD, REFUSAL, read_bundle
from pneumo.inference.export import MOST_DIFFERENT, Radiographs, Registered, export, write_bundle
from pneumo.inference.formats import in_float32
from pneumo.inference.loading import Loaded, load_bundle
from pneumo.inference.network import KerasNetwork, Outputs
from pneumo.inference.predictor import Predictor
from pneumo.inference.readme import card, run_snippet, snippet
from pneumo.nets import build_network, ensemble
from tests.inference.predictors import specification
from tests.registry.tiny_models import tiny_record

SIZE_PX = 32
CNN, RESIDUAL = Cnn(filters=(4, 8), dense_units=8), ResidualCnn(filters=(4,), blocks=1)


def randomized(model: keras.Model) -> keras.Model:
    """With other biases and statistics than those of an untrained network, which are zeros and ones."""
    rng = np.random.default_rng(0)
    model.set_weights(
        [
            weight if weight.std() else weight + rng.uniform(0, 0.3, weight.shape).astype(weight.dtype)
            for weight in model.get_weights()
        ]
    )
    return model


def residual(seed: int, size_px: int = SIZE_PX) -> keras.Model:
    return randomized(build_network(RESIDUAL, size_px, seed))


def of_two_sizes() -> keras.Model:
    """An ensemble one of whose members is an ensemble of a smaller image size."""
    return ensemble.build([ensemble.build([residual(0, SIZE_PX // 2), residual(1, SIZE_PX // 2)]), residual(2)])


def bfloat16(build: Callable[[], keras.Model]) -> keras.Model:
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        return build()
    finally:
        keras.config.set_dtype_policy("float32")


NETWORKS: dict[str, Callable[[], keras.Model]] = {
    "cnn": lambda: randomized(build_network(CNN, SIZE_PX, 0)),
    "residual": lambda: residual(0),
    "ensemble": lambda: ensemble.build([residual(0), residual(1)]),
    "ensemble of two sizes": of_two_sizes,
    "ensemble in bfloat16": lambda: bfloat16(lambda: ensemble.build([residual(0), residual(1)])),
}
SLOW: dict[str, tuple[Format, ...]] = {
    "ensemble": ("litert",),
    "ensemble of two sizes": ("litert", "savedmodel"),
    "ensemble in bfloat16": ("litert", "savedmodel"),
}
"""What takes over ten seconds."""


def radiographs(size_px: int = SIZE_PX, example: Path = Path("none")) -> Radiographs:
    """Noise of different brightness."""
    rng = np.random.default_rng(0)
    pixels = (rng.integers(0, 256, (21, size_px, size_px)) * np.linspace(0.1, 1, 21)[:, None, None]).astype(np.uint8)
    return Radiographs(pixels, pixels[::3], pixels[5:], np.arange(16) % 2, example)


def registered(model: keras.Model, detector: object = None) -> Registered:
    loaded = Loaded(KerasNetwork(model), specification(image_size_px=model.inputs[0].shape[1]), detector)
    return Registered(model, loaded, card(tiny_record(), 3))


class Detector:
    """As a detector is written."""

    def to_bytes(self) -> bytes:
        return b"no detector"


@pytest.fixture(scope="module")
def bundle_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle in the format onnx."""
    folder = tmp_path_factory.mktemp("bundle")
    write_bundle(folder, "onnx", registered(NETWORKS["cnn"]()), radiographs())
    return folder


@pytest.fixture
def copied(bundle_folder: Path, tmp_path: Path) -> Path:
    """A copy of the bundle, to be damaged."""
    return Path(shutil.copytree(bundle_folder, tmp_path / "copy"))


@pytest.mark.parametrize(
    ("network", "format_"),
    [
        pytest.param(network, format_, marks=pytest.mark.slow if format_ in SLOW.get(network, ()) else ())
        for network in NETWORKS
        for format_ in FORMATS
    ],
)
def test_every_network_is_the_same_in_every_format(network: str, format_: Format, tmp_path: Path) -> None:
    given, model = radiographs(), registered(NETWORKS[network]())
    bundle = write_bundle(tmp_path, format_, model, given)
    scores = model.loaded.network(given.verification).score
    assert np.ptp(scores) > 1e-3
    assert bundle.parity.radiographs == len(given.verification)
    assert bundle.parity.probability <= MOST_DIFFERENT
    assert (bundle.parity.spread is not None) == network.startswith("ensemble")
    assert bundle.parity.registered <= (0.05 if "bfloat16" in network else 1e-6)
    assert read_bundle(tmp_path) == bundle
    assert (bundle.int8 is not None) == (format_ == "litert") == (INT8_MODEL in bundle.files)
    if bundle.int8 is not None:
        assert bundle.int8.probability < 0.1
        assert 0 <= bundle.int8.agreement <= 1
        assert bundle.int8.calibration_radiographs == len(given.calibration)
    if format_ in ("keras", "onnx"):
        again = load_bundle(tmp_path).network(given.verification).score
        assert np.abs(again - scores).max() <= bundle.parity.registered + MOST_DIFFERENT


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "format_"),
    [
        *(("ResNet50", format_) for format_ in FORMATS),
        # ONNX is the format that some of their layers have no equivalent in.
        *((architecture, "onnx") for architecture in ("InceptionV3", "Xception", "VGG16", "DenseNet121", "ConvNeXtTiny")),
    ],
)
def test_every_backbone_is_the_same_in_every_format(architecture: Architecture, format_: Format, tmp_path: Path) -> None:
    size_px = 96
    settings = Backbone(architecture=architecture, weights="none", head_units=(16,))
    model = bfloat16(lambda: build_network(settings, size_px, 0))
    bundle = write_bundle(tmp_path, format_, registered(model), radiographs(size_px))
    assert bundle.parity.probability <= MOST_DIFFERENT


def test_float32_is_the_same_network_in_all_its_layers() -> None:
    model = NETWORKS["ensemble in bfloat16"]()
    rebuilt = in_float32(model)
    policies = {layer.dtype_policy.name for member in rebuilt.layers for layer in getattr(member, "layers", [member])}
    assert policies == {"float32"}
    assert [layer.name for layer in rebuilt.layers] == [layer.name for layer in model.layers]
    assert all(np.array_equal(one, other) for one, other in zip(model.get_weights(), rebuilt.get_weights(), strict=True))


@pytest.mark.slow
def test_a_complete_bundle_has_a_readme_whose_snippet_was_run(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 40), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "radiograph.png")
    folder = tmp_path / "exports" / "tiny"
    model = NETWORKS["cnn"]()
    bundle = export(folder, "litert", registered(model), radiographs(example=tmp_path / "radiograph.png"))
    assert sorted(file.name for file in folder.iterdir()) == sorted([RECORD, README, MODEL["litert"], INT8_MODEL])
    text = (folder / README).read_text(encoding="utf-8")
    assert snippet("litert") in text
    assert bundle.card in text
    printed = float(text.split("and printed `")[1].split()[0])
    assert f"SHA-256 begins with `{file_sha256(tmp_path / 'radiograph.png')[:12]}`" in text
    assert f"{bundle.threshold:.6g}, which is {bundle.calibrated_threshold:.3f} on the calibrated `probability`" in text
    prediction = next(iter(Predictor(registered(model).loaded).predict([tmp_path / "radiograph.png"])))
    assert prediction.score == pytest.approx(printed, abs=MOST_DIFFERENT)


@pytest.mark.slow
@pytest.mark.parametrize("format_", ["litert", "savedmodel"])
def test_a_snippet_refuses_what_is_no_radiograph_in_one_line(format_: Format, tmp_path: Path) -> None:
    write_bundle(tmp_path, format_, registered(NETWORKS["cnn"]()), radiographs())
    (tmp_path / "bad.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"refused: not a DICOM, JPEG"):
        run_snippet(format_, tmp_path, tmp_path / "bad.png")


def test_a_failed_verification_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = exporting.open_model

    def different(format_: Format, file: Path) -> Callable[..., Outputs]:
        network = opened(format_, file)

        def run(pixels: np.ndarray) -> Outputs:
            outputs = network(pixels)
            return outputs._replace(score=outputs.score + 2 * MOST_DIFFERENT)

        return run

    monkeypatch.setattr(exporting, "open_model", different)
    folder = tmp_path / "exports" / "tiny"
    with pytest.raises(UserError, match=r"differs from the registered one by 0\.0002 in probability"):
        export(folder, "keras", registered(NETWORKS["cnn"]()), radiographs())
    assert not list((tmp_path / "exports").iterdir())


@pytest.mark.parametrize("changes", [{"score": np.nan}, {"features": 1e3}])
def test_no_number_and_other_features_are_refused(
    changes: dict[str, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = exporting.open_model

    def different(format_: Format, file: Path) -> Callable[..., Outputs]:
        network = opened(format_, file)

        def run(pixels: np.ndarray) -> Outputs:
            outputs = network(pixels)
            return outputs._replace(**{name: getattr(outputs, name) + change for name, change in changes.items()})

        return run

    monkeypatch.setattr(exporting, "open_model", different)
    with pytest.raises(UserError, match="nothing is written"):
        write_bundle(tmp_path, "keras", registered(NETWORKS["cnn"]()), radiographs())


def test_a_failed_export_keeps_the_older_bundle(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise UserError("the snippet fails")

    before = {file.name: file.read_bytes() for file in copied.iterdir()}
    monkeypatch.setattr(exporting, "run_snippet", fail)
    with pytest.raises(UserError, match="the snippet fails"):
        export(copied, "keras", registered(NETWORKS["cnn"]()), radiographs())
    assert {file.name: file.read_bytes() for file in copied.iterdir()} == before


def test_a_snippet_that_fails_is_told_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"the snippet of README\.md fails .*no exported bundle, for it has no bundle\.json"):
        run_snippet("onnx", tmp_path, tmp_path / "radiograph.png")


def test_only_a_bundle_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("ten years")
    for folder in (tmp_path, tmp_path / "thesis.tex"):
        with pytest.raises(UserError, match="is not a bundle, which could be replaced"):
            export(folder, "keras", registered(NETWORKS["cnn"]()), radiographs())
    assert (tmp_path / "thesis.tex").read_text() == "ten years"


def test_a_missing_converter_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'tf2onnx'")

    monkeypatch.setitem(formats.MODEL_FORMATS, "onnx", formats.MODEL_FORMATS["onnx"]._replace(write=missing))
    with pytest.raises(UserError, match=r"needs the packages onnx, tf2onnx, onnxruntime: pip install 'pneumo\[export\]'"):
        write_bundle(tmp_path, "onnx", registered(NETWORKS["cnn"]()), radiographs())


def test_a_bundle_predicts_by_its_specification(bundle_folder: Path) -> None:
    predictor = Predictor.load(bundle_folder)
    assert predictor.specification.name == "tiny v3"
    assert predictor.specification.threshold == specification().threshold
    assert predictor.preparation.image_size_px == SIZE_PX


def test_a_missing_file_is_named(copied: Path) -> None:
    (copied / MODEL["onnx"]).unlink()
    _refused(copied, "model.onnx: No such file or directory; export the model again")
    (copied / RECORD).unlink()
    _refused(copied, "no exported bundle, for it has no bundle.json")


def test_a_changed_model_is_refused(copied: Path) -> None:
    with (copied / MODEL["onnx"]).open("r+b") as stream:
        stream.seek(100)
        stream.write(b"\xff")
    _refused(copied, "model.onnx is not the file that was exported (sha256 differs): export the model again")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"format": "keras"}'])
def test_a_damaged_record_is_refused(content: bytes, copied: Path) -> None:
    (copied / RECORD).write_bytes(content)
    _refused(copied, "bundle.json cannot be read by this version of pneumo")


def test_a_record_without_its_model_is_refused(copied: Path) -> None:
    record = json.loads((copied / RECORD).read_text())
    (copied / RECORD).write_text(json.dumps(record | {"files": {}}))
    _refused(copied, "bundle.json names no model.onnx")


def test_a_detector_of_another_version_is_refused(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path, "onnx", registered(NETWORKS["cnn"](), Detector()), radiographs())
    assert REFUSAL in bundle.files
    _refused(tmp_path, "refusal.npz cannot be read by this version of pneumo")


def test_other_formats_are_run_by_their_own_runtime(copied: Path) -> None:
    record = json.loads((copied / RECORD).read_text())
    shutil.move(copied / MODEL["onnx"], copied / MODEL["litert"])
    files = {MODEL["litert"]: record["files"][MODEL["onnx"]]}
    (copied / RECORD).write_text(json.dumps(record | {"files": files, "format": "litert"}))
    _refused(copied, "is in the format litert")


def _refused(folder: Path, reason: str) -> None:
    with pytest.raises(UserError) as refusal:
        Predictor.load(folder)
    assert reason in str(refusal.value)
    assert "\n" not in str(refusal.value)
