"""The model registry: add, get, list, promote, load. MLflow lies underneath."""

from pneumo.registry.entry import Entry
from pneumo.registry.store import Registry

__all__ = ["Entry", "Registry"]
