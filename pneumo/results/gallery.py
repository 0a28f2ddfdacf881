"""Galleries of a model's most confident mistakes on the test split, each with its heatmap."""

from typing import Literal

from pneumo.evaluation.scores import Result

FILE = "mistakes.json"
"""Describes the pictures in the folder of a gallery."""
MistakeKind = Literal["false_positive", "false_negative"]


class PictureFiles(Result):
    """Names of the pictures of one mistake, in the folder of its gallery."""

    original: str
    heatmap: str
    overlay: str


class ExplainedMistake(Result):
    """A false positive or false negative, and its heatmap."""

    kind: MistakeKind
    path: str
    """Of the radiograph, relative to the cohort's folder."""
    patient: str
    true_label: str
    predicted_label: str
    explained_class: str
    """Class whose evidence the heatmap shows; LOTS shows that of any class."""
    probability: float
    """Predicted probability of PNEUMONIA."""
    confidence: float
    """Predicted probability of the predicted class."""
    threshold: float
    method: str
    layer: str
    empty: bool
    """The heatmap is zero everywhere."""
    files: PictureFiles


class MistakeGallery(Result):
    """The mistakes of one model that are shown."""

    model_sha256: str
    """SHA-256 of the model file: the gallery of another file is not shown as this model's."""
    mistakes: tuple[ExplainedMistake, ...]


def gallery_folder(recipe: str, version: int) -> str:
    """Return the folder of a model's gallery, relative to the report's directory."""
    return f"gradcam/{recipe}-v{version}"
