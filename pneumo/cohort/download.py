"""The public cohort: download from Kaggle."""

from pathlib import Path

from filelock import FileLock

from pneumo.cohort.archive_formats import DAMAGE
from pneumo.errors import UserError
from pneumo.files import printable, remove_partial, replace_folder

KAGGLE_NAME = "paultimothymooney/chest-xray-pneumonia"


def download(directory: Path) -> Path:
    """Download the public cohort from Kaggle into `directory`, unless it is there.

    Raises:
        UserError: no internet connection, or kagglehub is not installed; the message says how to place the archive by hand.
    """
    folder = directory / "chest-xray-pneumonia"
    if folder.is_dir():
        return folder
    by_hand = (
        f"download the Kaggle data set {KAGGLE_NAME} in a browser, put its archive.zip into {directory}/ "
        f"and run: make train DATA={directory}/archive.zip"
    )
    try:
        import kagglehub  # noqa: PLC0415 - optional, and half a second to import
        from kagglehub import exceptions  # noqa: PLC0415
    except ImportError as error:
        raise UserError(f"kagglehub is not installed: pip install 'pneumo[download]', or {by_hand}") from error
    # OSError covers network errors (of requests), permissions and a full disk; ValueError is an archive of unknown format.
    failures = (
        OSError,
        ValueError,
        *DAMAGE,
        exceptions.DataCorruptionError,
        exceptions.NotFoundError,
        exceptions.UnauthenticatedError,
    )
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with FileLock(directory / f".{folder.name}.lock"):
            if not folder.is_dir():
                remove_partial(directory, folder.name)
                with replace_folder(folder) as downloaded:
                    kagglehub.dataset_download(KAGGLE_NAME, output_dir=str(downloaded), force_download=True)
    except failures as error:
        raise UserError(f"cannot download the cohort from Kaggle ({printable(error)[:120]}): {by_hand}") from error
    return folder
