"""A project with one small trained model on radiographs of noise."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console

from pneumo.config import Config, Recipe
from pneumo.registry import Registry
from pneumo.training.register import register
from pneumo.training.run import load_run
from pneumo.training.train import train


def write_cohort(root: Path, seed: int, patients: int = 24) -> Path:
    """One radiograph of noise for each patient, brighter with pneumonia, as train, val and test folders."""
    rng = np.random.default_rng(seed)
    for number in range(patients):
        split = ("train", "train", "train", "val", "test", "test")[number % 6]
        for label, name in (("NORMAL", f"IM-{number:04}-0001.png"), ("PNEUMONIA", f"person{number}_virus_{number}.png")):
            pixels = rng.integers(0, 200, (20, 24)) + (40 if label == "PNEUMONIA" else 0)
            file = root / split / label / name
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(file)
    return root


def trained_project(root: Path, recipe: Recipe, **settings: Any) -> Config:
    """Settings of a project in this folder, whose registry has one model of the recipe."""
    config = Config(
        data=write_cohort(root / "own", 0),
        cohort={"cache_dir": root / "data"},
        protocol={"validation_fraction": 0.3},
        registry={"directory": root / "models"},
        report={"directory": root / "reports"},
        **settings,
    )
    console = Console(quiet=True)
    run = load_run(config, "tiny", recipe, console)
    register(run, train(run, console), Registry(config.registry), console)
    return config


def copied(config: Config, folder: Path) -> Config:
    """The same project with a copy of the registry, and a report folder, in another folder."""
    shutil.copytree(config.registry.directory, folder / "models")
    changes = {"registry": {"directory": folder / "models"}, "report": {"directory": folder / "reports"}}
    return Config(**(config.model_dump() | changes))
