"""The model registry on MLflow, embedded in a folder or on a tracking server."""

from pneumo.registry.entry import Entry
from pneumo.registry.lungs import LungEntry, LungModels
from pneumo.registry.store import Registry

__all__ = ["Entry", "LungEntry", "LungModels", "Registry"]
