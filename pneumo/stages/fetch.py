"""Download of the public cohort."""

from rich.console import Console

from pneumo.cohort.download import download
from pneumo.config import Config


def run(config: Config, console: Console) -> None:
    """Download the public cohort from Kaggle into `cohort.cache_dir`."""
    folder = download(config.cohort.cache_dir)
    console.print(f'Radiographs in {folder}\nNext: make train DATA="{folder}"')
