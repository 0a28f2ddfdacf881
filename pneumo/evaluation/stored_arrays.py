"""Records of arrays, stored as an .npz file."""

import io
import zipfile
from dataclasses import fields
from typing import ClassVar, Self

import numpy as np


class StoredArrays:
    """Base of a dataclass whose fields are arrays or numbers."""

    DESCRIPTION: ClassVar[str]
    """What it is, as the message says about other content."""

    def to_bytes(self) -> bytes:
        """Return the record as an .npz file, the same for the same record."""
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **{name: np.asarray(value) for name, value in vars(self).items()})
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read a record.

        Raises:
            ValueError: the content is not that of `to_bytes`.
        """
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                return cls(**{field.name: arrays[field.name] for field in fields(cls)})  # type: ignore[arg-type] # of the dataclass
        # The errors of a damaged zip, of a missing array, of a truncated one, and of one where a number should be.
        except (zipfile.BadZipFile, KeyError, EOFError, OSError, TypeError, ValueError) as error:
            raise ValueError(f"no {cls.DESCRIPTION} ({error})") from error
