"""All groups of settings together."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

from pneumo.config.cohort import Audit, Cohort
from pneumo.config.explanations import Explain, Gradcam, Heatmaps, Lots
from pneumo.config.recipes import BASELINE, WEIGHTED, Recipe, Robust, Transfer
from pneumo.config.results import Bench, Registry, Report, Reproduce, Robustness
from pneumo.config.search import Ablate, Crossval, HeadSearch, Hpo


class Config(BaseSettings):
    """Everything that `pneumo` can be told."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
        validate_default=True,
        env_prefix="PNEUMO_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        # `--weighted.fit.epochs 3` changes that one value and keeps the recipe's others.
        nested_model_default_partial_update=True,
    )

    data: Path | None = None
    """Folder or zip of radiographs, as train|val|test / NORMAL|PNEUMONIA / files; none: the synthetic phantom cohort."""
    cohort: Cohort = Cohort()
    audit: Audit = Audit()
    baseline: Recipe = BASELINE
    weighted: Recipe = WEIGHTED
    robust: Robust = Robust()
    resnet50: Transfer = Transfer()
    hpo: Hpo = Hpo()
    head_search: HeadSearch = HeadSearch()
    crossval: Crossval = Crossval()
    ablate: Ablate = Ablate()
    registry: Registry = Registry()
    gradcam: Gradcam = Gradcam()
    explain: Explain = Explain()
    heatmaps: Heatmaps = Heatmaps()
    lots: Lots = Lots()
    robustness: Robustness = Robustness()
    report: Report = Report()
    bench: Bench = Bench()
    reproduce: Reproduce = Reproduce()
