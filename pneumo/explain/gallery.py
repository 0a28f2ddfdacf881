"""A model's mistakes, explained: pictures of each case and one JSON file that describes them."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from pneumo.config import ExplanationMethod, Resize
from pneumo.explain.activations import Label
from pneumo.explain.cam import resize_maps
from pneumo.explain.explainer import Explainer
from pneumo.figures import heatmap as render
from pneumo.radiographs.decode import decode
from pneumo.radiographs.view import for_overlay

PICTURE_HEIGHT_PX = 320


def most_confident_mistakes(predictions: pd.DataFrame, threshold: float, cases: int) -> pd.DataFrame:
    """Pick up to `cases` false positives and as many false negatives, the most confident first; ties by path.

    Args:
        predictions: columns path, patient, y_true, y_score.

    Returns:
        These columns and `kind`, "false_positive" or "false_negative".
    """
    wrong = predictions[(predictions["y_score"] >= threshold) != (predictions["y_true"] == 1)]
    false_positives = wrong[wrong["y_true"] == 0].sort_values(["y_score", "path"], ascending=[False, True]).head(cases)
    false_negatives = wrong[wrong["y_true"] == 1].sort_values(["y_score", "path"]).head(cases)
    return pd.concat([false_positives.assign(kind="false_positive"), false_negatives.assign(kind="false_negative")])


def write_gallery(
    folder: Path,
    mistakes: pd.DataFrame,
    explainer: Explainer,
    *,
    method: ExplanationMethod,
    root: Path,
    image_size_px: int,
    resize: Resize,
    threshold: float,
    model_sha256: str,
) -> None:
    """Explain each mistake for the class that the model predicted, and put the finished gallery in place of an older one.

    Args:
        folder: of this gallery alone.
        mistakes: as `most_confident_mistakes` gives them.
        root: folder that the radiographs' paths are relative to.
        image_size_px: side of the model's input.
        model_sha256: of the model file, so that the report does not show the heatmaps as another model's.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as beside:
        unfinished = Path(beside, "unfinished")
        unfinished.mkdir()
        cases = []
        for number, mistake in enumerate(mistakes.to_dict("records"), start=1):
            pictures, case = _explain(mistake, explainer, method, root=root, image_size_px=image_size_px, resize=resize)
            case["threshold"] = threshold
            # By number: a radiograph's own name may hold anything.
            case["files"] = {name: f"case-{number:02d}-{name}.png" for name in pictures}
            for name, picture in pictures.items():
                picture.save(unfinished / case["files"][name])
            cases.append(case)
        (unfinished / "cases.json").write_text(json.dumps({"model_sha256": model_sha256, "cases": cases}, indent=1))
        if folder.exists():
            folder.rename(Path(beside, "replaced"))
        unfinished.rename(folder)


def _explain(
    mistake: dict[Any, Any], explainer: Explainer, method: ExplanationMethod, *, root: Path, image_size_px: int, resize: Resize
) -> tuple[dict[str, Image.Image], dict[str, Any]]:
    false_positive = mistake["kind"] == "false_positive"
    predicted: Label = "PNEUMONIA" if false_positive else "NORMAL"
    truth: Label = "NORMAL" if false_positive else "PNEUMONIA"
    file = root / mistake["path"]
    pixels = decode(file, image_size_px, resize)[None, ..., None]
    single_map = explainer.maps(pixels, predicted, [method])[method]
    radiograph = for_overlay(file, PICTURE_HEIGHT_PX, resize)
    strength = render.as_share_of_maximum(resize_maps(single_map, *radiograph.shape)[0])
    pictures = {
        "original": Image.fromarray(radiograph),
        "heatmap": render.heatmap(strength),
        "overlay": render.overlay(radiograph, strength),
    }
    probability = mistake["y_score"]
    return pictures, {
        "kind": mistake["kind"],
        "path": mistake["path"],
        "patient": str(mistake["patient"]),
        "true_label": truth,
        "predicted_label": predicted,
        "explained_class": "any class" if method == "lots" else predicted,
        "probability": probability,
        "confidence": probability if false_positive else 1 - probability,
        "method": method,
        "layer": explainer.layer_of(method),
        "empty": not single_map.any(),
    }
