"""Gallery of a model's mistakes: radiograph, heatmap and overlay of each, and one JSON file that describes them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from pneumo.config import ExplanationMethod
from pneumo.explain.cam import labels, resize_maps
from pneumo.explain.explainer import Explainer
from pneumo.figures.heatmap import heatmap, overlay, scale_to_maximum
from pneumo.files import replace_folder
from pneumo.radiographs.decode import decode_with_overlay
from pneumo.results.gallery import FILE, ExplainedMistake, MistakeGallery, PictureFiles
from pneumo.results.model import ModelRecord

PICTURE_HEIGHT_PX = 320


def write_gallery(
    folder: Path,
    mistakes: pd.DataFrame,
    explainer: Explainer,
    *,
    method: ExplanationMethod,
    file_of: Callable[[str], Path],
    record: ModelRecord,
    model_sha256: str,
) -> None:
    """Explain each mistake for the predicted class, and replace an older gallery when all are written.

    Args:
        mistakes: as returned by `most_confident_mistakes`.
        file_of: the file of a radiograph by its path in the table.
    """
    with replace_folder(folder) as unfinished:
        explained = {}
        for number, mistake in enumerate(mistakes.to_dict("records"), start=1):
            probability, false_positive = mistake["y_score"], mistake["kind"] == "false_positive"
            true, predicted = labels([not false_positive, false_positive])
            pixels, radiograph = decode_with_overlay(
                file_of(mistake["path"]), record.image_size_px, record.resize, PICTURE_HEIGHT_PX
            )
            maps = explainer.maps(pixels[None, ..., None], predicted, [method])[method]
            explained[number] = ExplainedMistake(
                kind=mistake["kind"],
                path=mistake["path"],
                patient=str(mistake["patient"]),
                true_label=true,
                predicted_label=predicted,
                explained_class="any class" if method == "lots" else predicted,
                probability=probability,
                confidence=probability if false_positive else 1 - probability,
                threshold=record.threshold,
                method=method,
                layer=explainer.layer_of(method),
                empty=not maps.any(),
                files=_write_pictures(unfinished, number, radiograph, resize_maps(maps, *radiograph.shape)[0]),
            )
        gallery = MistakeGallery(model_sha256=model_sha256, mistakes=tuple(explained.values()))
        (unfinished / FILE).write_text(gallery.model_dump_json(indent=1))


def _write_pictures(folder: Path, number: int, radiograph: np.ndarray, values: np.ndarray) -> PictureFiles:
    """Write the pictures of a mistake, named by its number: the file name of a radiograph may contain any character."""
    files = PictureFiles(**{name: f"mistake-{number:02d}-{name}.png" for name in PictureFiles.model_fields})
    scaled = scale_to_maximum(values)
    Image.fromarray(radiograph).save(folder / files.original)
    heatmap(scaled).save(folder / files.heatmap)
    overlay(radiograph, scaled).save(folder / files.overlay)
    return files
