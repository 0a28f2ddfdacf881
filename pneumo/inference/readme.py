"""Texts of an exported bundle: the snippet that runs it, the model card, and the README with both."""

import subprocess
import sys
from pathlib import Path

from pneumo.config import Format
from pneumo.errors import UserError
from pneumo.files import file_sha256
from pneumo.inference.bundle import INT8_MODEL, MODEL, RECORD, Bundle, Int8
from pneumo.report.cards import INTENDED_USES, OUT_OF_SCOPE_USES
from pneumo.results.formatting import interval, percent, rounded
from pneumo.results.model import AnyRecord, ModelRecord

CARD_PARTS = {
    "validation": "validation",
    "validation_shifted": "shifted validation",
    "test": "test",
    "out_of_fold": "labelled radiographs, out of fold",
}
"""Parts in the model card."""
_PREDICTOR = """\
import sys

import pneumo

predictor = pneumo.Predictor.load(".")
for prediction in predictor.predict(sys.argv[1:]):
    print(prediction.probability, prediction.decision, prediction.reason)
"""
_DECODE = """\
bundle = json.loads(Path("{record}").read_text())
try:
    pixels = decode(Path(sys.argv[1]), bundle["image_size_px"], bundle["resize"])
except UnreadableError as error:
    sys.exit(f"refused: {error}")
images = pixels[None, ..., None].astype(np.float32)
"""
_DECIDE = """\
score = float(outputs["probability"][0, 0])  # before temperature scaling, as the threshold in {record} is
print(score, bundle["class_names"][score >= bundle["threshold"]])
"""
_LITERT = f"""\
import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from pneumo.radiographs.decode import decode
from pneumo.radiographs.errors import UnreadableError

{_DECODE}
interpreter = Interpreter("{{model}}")
outputs = interpreter.get_signature_runner()(radiograph=images)
{_DECIDE}"""
_SAVED_MODEL = f"""\
import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from pneumo.radiographs.decode import decode
from pneumo.radiographs.errors import UnreadableError

{_DECODE}
model = tf.saved_model.load("{{model}}")
outputs = model.signatures["serving_default"](radiograph=tf.constant(images))
{_DECIDE}"""
_SNIPPETS: dict[Format, str] = {"keras": _PREDICTOR, "onnx": _PREDICTOR, "litert": _LITERT, "savedmodel": _SAVED_MODEL}
_SECONDS = 300


def snippet(format_: Format) -> str:
    """Return the Python code that predicts a radiograph, whose path is its argument, when it is run in the folder of a bundle."""
    return _SNIPPETS[format_].replace("{record}", RECORD).replace("{model}", MODEL[format_])


def run_snippet(format_: Format, folder: Path, radiograph: Path) -> str:
    """Run the snippet in the folder of a bundle, in a process of its own, and return what it prints.

    Raises:
        UserError: it fails.
    """
    command = [sys.executable, "-c", snippet(format_), str(radiograph.resolve())]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=_SECONDS)
    if done.returncode or not done.stdout.strip():
        last = (done.stderr.strip().splitlines() or ["it prints nothing"])[-1]
        raise UserError(f"the snippet of README.md fails with the exported model ({last}); check that `python -m pneumo` runs")
    return done.stdout.strip()


def readme(bundle: Bundle, printed: str, example: Path) -> str:
    """Return the README of a bundle, in Markdown.

    Args:
        printed: what the snippet printed.
        example: radiograph that it was run on, which is named by its hash: its path may identify a patient.
    """
    size = bundle.image_size_px
    return f"""\
# {bundle.name}, {bundle.format}

A classifier of frontal chest radiographs, {bundle.class_names[0]} or {bundle.class_names[1]}, exported by pneumo with all that its
predictions need. For research; not a medical device.

## Use

Save this as `predict.py` in this folder, and run `python predict.py RADIOGRAPH` there, with any frontal chest radiograph.
{_needs(bundle.format)}

```python
{snippet(bundle.format)}```

After the export it was run on a radiograph of the cohort, whose SHA-256 begins with `{file_sha256(example)[:12]}`,
and printed `{printed}`.
{_refusal(bundle.format)}
## Input and outputs

- Input `radiograph`: float32 (N, {size}, {size}, 1), grey values in 0..255, white high; resize: {bundle.resize}.
- `probability`: (N, 1), of {bundle.class_names[1]}, before temperature scaling: what `pneumo predict` calls `score`.
  Its threshold is {bundle.threshold:.6g}{_on_the_calibrated(bundle)}.
- `features`: (N, D), the input of the logit layer.
- `spread`, of ensembles alone: (N, 1), standard deviation of the members' logits.

## Verified

{_parity(bundle)}{_int8(bundle.int8)}

{bundle.card}"""


def card(record: AnyRecord, version: int) -> str:
    """Return the model card (Mitchell et al. 2019) of a registered model, in Markdown."""
    warning = "\nTrained on synthetic phantom radiographs: this says nothing about patients.\n" if record.synthetic else ""
    uses = "\n".join(f"- {use}" for use in INTENDED_USES)
    not_uses = "\n".join(f"- {use}" for use in OUT_OF_SCOPE_USES)
    rows = "\n".join(_scores(record))
    return f"""\
## Model card

{record.recipe} v{version}, {_origin(record)}, {record.created:%Y-%m-%d}.
{warning}
Intended uses:

{uses}

Not intended:

{not_uses}

Scores at the threshold {record.threshold:.3f}, chosen by the rule {record.threshold_rule}.
{_evaluated(record)}

| part | radiographs | AUROC | accuracy | sensitivity | specificity |
| --- | --- | --- | --- | --- | --- |
{rows}

- Data fingerprint: {record.data_fingerprint}
- Protocol fingerprint: {record.protocol_fingerprint}
- Git commit: {record.git_commit or "not under git"}
"""


def _origin(record: AnyRecord) -> str:
    if isinstance(record, ModelRecord):
        return f"trained on {record.data_name}"
    labelled = sum(counts["images"] for counts in record.partition["labelled"].values())
    return (
        f"trained on {record.training_data_name} as {record.parent_recipe} v{record.parent_version},\n"
        f"its last layer refitted to {labelled} labelled radiographs of {record.data_name}"
    )


def _evaluated(record: AnyRecord) -> str:
    """Say how often the test split was accessed, or which scores to expect without one."""
    if isinstance(record, ModelRecord):
        return f"The test split was accessed {record.test_accesses} times."
    scores = record.expected.scores
    return (
        "There is no test split. Expected by nested cross-validation on the same cohort, with 95 % intervals: AUROC\n"
        f"{interval(scores.auroc)}, sensitivity {interval(scores.sensitivity)}, specificity {interval(scores.specificity)}."
    )


def _scores(record: AnyRecord) -> list[str]:
    rows = []
    for part, scores in record.evaluations.items():
        locked = scores.locked
        values = (scores.auroc, locked.accuracy, locked.sensitivity, locked.specificity)
        rows.append(f"| {CARD_PARTS[part]} | {scores.images} | {' | '.join(map(rounded, values))} |")
    return rows


def _parity(bundle: Bundle) -> str:
    parity = bundle.parity
    return (
        f"Run by its own runtime on {parity.radiographs} radiographs of the training and validation parts, its probabilities\n"
        f"differ from those of Keras in float32 by {parity.probability:.1e} at most. Those in float32 differ from those of the\n"
        f"registered model, in the precision of its training, by {parity.registered:.1e} at most.\n"
    )


def _int8(int8: Int8 | None) -> str:
    if int8 is None:
        return ""
    return (
        f"\n`{INT8_MODEL}` has weights and activations of eight bits, calibrated on {int8.calibration_radiographs} training\n"
        f"radiographs. On {int8.radiographs} validation radiographs, its AUROC is {rounded(int8.auroc)} (float32: "
        f"{rounded(int8.auroc_float32)}), and {percent(int8.agreement)}\nof its decisions are those of float32; "
        f"the largest difference of probability is {int8.probability:.3f}.\n"
    )


def _needs(format_: Format) -> str:
    """Which packages the snippet needs."""
    needs = {
        "keras": "It needs pneumo.",
        "onnx": "It needs pneumo and onnxruntime, but neither TensorFlow, Keras nor MLflow.",
        "litert": "It needs pneumo, which decodes the radiograph, and ai-edge-litert.",
        "savedmodel": "It needs pneumo, which decodes the radiograph, and TensorFlow.",
    }
    return needs[format_]


def _refusal(format_: Format) -> str:
    """What the snippet leaves out of what `pneumo predict` does."""
    if format_ in {"litert", "savedmodel"}:
        return (
            "It refuses only what cannot be read, and refers nothing. To have all that `pneumo predict` does, export the model in\n"
            "the format keras or onnx.\n"
        )
    return ""


def _on_the_calibrated(bundle: Bundle) -> str:
    """What the threshold is after temperature scaling."""
    if bundle.temperature is None:
        return "; there is no temperature, so the `probability` of `pneumo predict` is the same"
    return (
        f", which is {bundle.calibrated_threshold:.3f} on the calibrated `probability` of `pneumo predict`.\n"
        f"  The logit of the calibrated one is the logit of this one, divided by the temperature {bundle.temperature:.6g}"
    )
