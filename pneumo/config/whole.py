"""All groups of settings together."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

from pneumo.config.adapt import Adapt
from pneumo.config.cohort import Audit, Cohort
from pneumo.config.explanations import Explain, Gradcam, Heatmaps, Lots
from pneumo.config.inference import Referral, Serve
from pneumo.config.lungs import Blackout, Lungs
from pneumo.config.protocol import Protocol
from pneumo.config.recipes import BASELINE, WEIGHTED, CnnRecipe, ResidualRecipe, SeededTransferRecipe, TransferRecipe
from pneumo.config.results import Bench, Registry, Report, Reproduce, Robustness
from pneumo.config.review import Review
from pneumo.config.search import Ablate, Crossval, HeadSearch, Hpo


class Config(BaseSettings):
    """All settings of all commands."""

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
    """Folder, zip or tar of radiographs, as train|val|test / NORMAL|PNEUMONIA / files, or a manifest (CSV, TSV or Parquet) of them;
    none: the synthetic phantom cohort."""
    cohort: Cohort = Cohort()
    protocol: Protocol = Protocol()
    audit: Audit = Audit()
    # A recipe's field is its command: `pneumo --help` says "Train, evaluate and register", and then the line below it.
    baseline: CnnRecipe = BASELINE
    """the plain CNN"""
    weighted: CnnRecipe = WEIGHTED
    """the class-weighted CNN with dropout"""
    robust: ResidualRecipe = ResidualRecipe()
    """residual networks from several seeds, and their ensemble"""
    resnet50: TransferRecipe = TransferRecipe()
    """a network on an ImageNet backbone: its head first, then the backbone's upper layers with it"""
    transfer: SeededTransferRecipe = SeededTransferRecipe()
    """pretrained networks, fine-tuned with strong augmentation from several seeds, and their ensemble"""
    hpo: Hpo = Hpo()
    head_search: HeadSearch = HeadSearch()
    crossval: Crossval = Crossval()
    ablate: Ablate = Ablate()
    registry: Registry = Registry()
    adapt: Adapt = Adapt()
    gradcam: Gradcam = Gradcam()
    explain: Explain = Explain()
    heatmaps: Heatmaps = Heatmaps()
    referral: Referral = Referral()
    serve: Serve = Serve()
    lots: Lots = Lots()
    robustness: Robustness = Robustness()
    lungs: Lungs = Lungs()
    blackout: Blackout = Blackout()
    report: Report = Report()
    review: Review = Review()
    bench: Bench = Bench()
    reproduce: Reproduce = Reproduce()
