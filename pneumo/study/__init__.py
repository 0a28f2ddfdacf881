"""One recipe from a cohort to a registered model: what every training stage has in common."""

from pneumo.study.definition import Study, load, load_cohort
from pneumo.study.fitting import Trained, train
from pneumo.study.recording import describe_partition, register
from pneumo.study.scoring import class_weight, predict

__all__ = ["Study", "Trained", "class_weight", "describe_partition", "load", "load_cohort", "predict", "register", "train"]
