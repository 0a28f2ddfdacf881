"""ImageNet weights of keras.applications: the files that Keras downloads, in Keras' cache."""

import hashlib
import os
import urllib.request
from pathlib import Path
from typing import BinaryIO, NamedTuple

import rich.progress

from pneumo.config import Architecture
from pneumo.errors import UserError
from pneumo.files import open_atomically

ADDRESS = "https://storage.googleapis.com/tensorflow/keras-applications/"
TIMEOUT_SECONDS = 10
_MD5_DIGITS = 32


class WeightsFile(NamedTuple):
    """A backbone's weights without its classifier."""

    path: str
    """Below ADDRESS."""
    digest: str
    """MD5 or SHA-256, whichever Keras verifies."""


FILES: dict[Architecture, WeightsFile] = {
    "ResNet50": WeightsFile("resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5", "4d473c1dd8becc155b73f8504c6f6626"),
    "InceptionV3": WeightsFile(
        "inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels_notop.h5", "bcbd6486424b2319ff4ef7d526e38f63"
    ),
    "Xception": WeightsFile("xception/xception_weights_tf_dim_ordering_tf_kernels_notop.h5", "b0042744bf5b25fce3cb969f33bebb97"),
    "VGG16": WeightsFile("vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5", "6d6bbae143d832006294945121d1f1fc"),
    "DenseNet121": WeightsFile(
        "densenet/densenet121_weights_tf_dim_ordering_tf_kernels_notop.h5", "30ee3e1110167f948a6b9946edeeb738"
    ),
    "ConvNeXtTiny": WeightsFile(
        "convnext/convnext_tiny_notop.h5", "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1"
    ),
}


def imagenet_weights(architecture: Architecture) -> Path:
    """A backbone's weights file in Keras' cache, downloaded where it is missing.

    Keras' `get_file` has no time limit, deletes a file that was placed by hand when a download fails, and raises bare exceptions;
    so the download is done here.

    Raises:
        UserError: the file is missing and cannot be downloaded, or its digest is wrong.
    """
    wanted = FILES[architecture]
    address, file = ADDRESS + wanted.path, keras_cache() / Path(wanted.path).name
    remedy = f"put {address} at {file}, or set `network.weights` of the recipe to the path of a copy, or to none for random weights"
    if not file.exists():
        try:
            with open_atomically(file) as stream:
                _fetch(address, stream)
        except OSError as error:
            raise UserError(f"ImageNet weights of {architecture} cannot be downloaded ({error}): {remedy}") from error
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "md5" if len(wanted.digest) == _MD5_DIGITS else "sha256").hexdigest()
    if digest != wanted.digest:
        raise UserError(
            f"{file} is damaged or not the ImageNet weights of {architecture}, whose digest is {wanted.digest}: {remedy}"
        )
    return file


def keras_cache() -> Path:
    """Folder where Keras caches the weights of its applications."""
    return Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "models"


def _fetch(address: str, stream: BinaryIO) -> None:
    with urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310 - https
        length = int(answer.headers["Content-Length"])
        with rich.progress.wrap_file(answer, length, description=f"Fetching {Path(address).name}") as watched:
            while block := watched.read(2**20):
                stream.write(block)
