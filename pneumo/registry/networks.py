"""Networks as versions of a model in MLflow's registry: created in one call, and loaded after their hash was compared."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from pneumo.errors import UserError
from pneumo.files import file_sha256
from pneumo.registry import runs
from pneumo.registry.backend import Backend
from pneumo.registry.connection import import_mlflow, one_line
from pneumo.startup import quiet_start

if TYPE_CHECKING:
    import keras


class Version(Protocol):
    """What an entry says of the file of its network."""

    @property
    def version(self) -> int:
        """Number of the version."""

    @property
    def model_sha256(self) -> str:
        """SHA-256 of the file."""


def create_version(client: Any, name: str, logged: Any, tags: Mapping[str, str]) -> Any:
    """Create a version of the model with this name, which is created where it does not exist, from a logged network."""
    try:
        client.create_registered_model(name)
    except import_mlflow().MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    return client.create_model_version(name, f"models:/{logged.model_id}", logged.run_id, dict(tags), model_id=logged.model_id)


def load_network(backend: Backend, name: str, entry: Version, *, owner: str, action: str) -> "keras.Model":
    """Load a network for prediction, after checking that its file is the one that was registered.

    Args:
        name: of MLflow's model.
        owner: what messages call the version, such as "model 3".
        action: that makes another one.

    Raises:
        UserError: the file is missing, has changed, or contains code.
    """
    with backend.download(f"models:/{name}/{entry.version}/{runs.MODEL}", owner, f"{action} again") as path:
        # Imported here: listing models must not take the six seconds of Keras' import.
        with quiet_start():
            import keras  # noqa: PLC0415

        if file_sha256(path) != entry.model_sha256:
            raise UserError(
                f"The file of {owner} in {backend.location} is not the one that was registered "
                f"(sha256 differs): restore it from a backup, or {action} again"
            )
        try:
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        except (TypeError, ValueError) as error:
            raise UserError(
                f"{owner[0].upper()}{owner[1:]} in {backend.location} cannot be loaded in Keras' safe mode: "
                f"{action} again ({one_line(error)})"
            ) from error
