"""The model registry: add, get, list, promote, load. MLflow lies underneath."""

from pneumo.registry.record import Entry, Record
from pneumo.registry.store import Registry

__all__ = ["Entry", "Record", "Registry"]
