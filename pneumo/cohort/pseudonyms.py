"""Pseudonyms of patients of DICOM radiographs: no identity of a header reaches a table, log, report or registry."""

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from filelock import FileLock

from pneumo.files import writing

KEY_FILE = "patient-key"
"""File of the secret key, in `cohort.cache_dir`; whoever has it can test whether a known patient is among the pseudonyms."""
_KEY_BYTES = 32
_HASH_DIGITS = 16
_PSEUDONYM = rf"^(patient-\d{{6,}})-[0-9a-f]{{{_HASH_DIGITS}}}$"
# Shorter strings, such as "12", occur in any path by chance.
_MIN_WORD, _MIN_PART = 3, 6


def load_key(cache_dir: Path) -> bytes:
    """The secret key of this cache folder; created, readable by its owner alone, where there is none yet.

    Raises:
        UserError: the folder cannot be written.
    """
    file = cache_dir / KEY_FILE
    with writing(cache_dir, "cohort.cache_dir"):
        cache_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(cache_dir / f".{KEY_FILE}.lock"):
            if not file.exists() or file.stat().st_size < _KEY_BYTES:  # a full disk may have cut it short
                descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
                with os.fdopen(descriptor, "wb") as stream:
                    stream.write(secrets.token_bytes(_KEY_BYTES))
        return file.read_bytes()


def keyed_hash(patient_id: str, key: bytes) -> str:
    """Keyed hash of a DICOM patient ID (HMAC-SHA-256, RFC 2104; the first 64 bits, hexadecimal)."""
    return hmac.new(key, patient_id.encode(), hashlib.sha256).hexdigest()[:_HASH_DIGITS]


def is_identifying(path: str, identifying: Iterable[str]) -> bool:
    """Whether a path contains one of the strings that identify a patient: as a word of it, or longer ones anywhere.

    File names of DICOM radiographs are often UIDs, and folders are often named after patients.
    """
    lowered = path.lower()
    words = set(re.split(r"[^\w.]+|_", lowered)) | set(re.split(r"[\W_]+", lowered))
    strings = {string.lower() for string in identifying}
    return any(
        (len(string) >= _MIN_WORD and string in words) or (len(string) >= _MIN_PART and string in lowered) for string in strings
    )


def pseudonyms(hashes: pd.Series) -> pd.Series:
    """Names of patients from keyed hashes, numbered by their first radiograph.

    The number comes first, so that the order of patients, and with it every split, does not depend on the secret key.
    """
    numbers = pd.factorize(hashes)[0] + 1
    return pd.Series([f"patient-{number:06}-{keyed}" for number, keyed in zip(numbers, hashes, strict=True)], index=hashes.index)


def without_hash(patients: pd.Series) -> pd.Series:
    """Patients with the hash of their pseudonyms removed: the same whatever the secret key is."""
    return patients.str.replace(_PSEUDONYM, r"\1", regex=True)
