"""The public archive."""

from rich.console import Console

from pneumo.cohort.archive import download
from pneumo.config import Config


def run(config: Config, console: Console) -> None:
    """Fetch the public archive of radiographs into `cohort.directory`."""
    folder = download(config.cohort.directory)
    console.print(f'Radiographs in {folder}\nNext: make train DATA="{folder}"', highlight=False)
