"""Settings of prediction."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from pneumo.config.basics import Positive, Settings

Format = Literal["keras", "onnx", "litert", "savedmodel"]
"""Format of an exported model."""
FORMATS: tuple[Format, ...] = get_args(Format)


class Referral(Settings):
    """Referral of uncertain decisions to a reader."""

    most_errors: Annotated[float, Field(gt=0, lt=0.5)] = 0.02
    """Largest error rate, on shifted validation, among the decisions that are not referred; an exported bundle has its own."""


class Serve(Settings):
    """A page and a JSON API for single radiographs."""

    host: str = "127.0.0.1"
    """Address to listen on. Any other than 127.0.0.1 lets other computers in: there is no login, and no encryption."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port to listen on; 0: any free one."""
    allowed_hosts: tuple[str, ...] = ()
    """Names by which browsers may address the server, besides localhost and IP addresses."""
    max_upload_mib: Annotated[int, Field(ge=1, le=256)] = 64
    """Largest file, in MiB."""
    decode_seconds: Annotated[float, Field(gt=0, le=600)] = 20
    """Longest time for the decoding of one radiograph, in seconds."""
    workers: Positive = 2
    """Number of processes that decode radiographs."""
