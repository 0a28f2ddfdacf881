"""Assignment of radiographs to a test split where the cohort has none: whole patients, at random."""

import pandas as pd

from pneumo import config
from pneumo.cohort.vocabulary import LABELS, SPLITS
from pneumo.errors import UserError


def lacks_test(listed: pd.Series) -> bool:
    """Whether a test split has to be drawn, by the splits of all listed radiographs: those that cannot be read count too."""
    given = set(listed) - {""}
    return "test" not in given and (not given or "train" in given)


def assign_splits(table: pd.DataFrame, settings: config.Cohort, source: str, listed: pd.Series) -> pd.Series:
    """Split of each radiograph: the listed one, and "train" or "test" where the cohort has no test split.

    Test is `settings.test_fraction` of the patients of every subtype, drawn at random: of all patients where no splits are listed,
    of the train patients where only test is missing.

    Args:
        table: columns path, split, label, subtype and patient, of the radiographs that can be read.
        source: the cohort's folder, archive or manifest, as messages name it.
        listed: the splits of all radiographs, "" where none is listed.

    Raises:
        UserError: too few patients for a test split and a train split with both classes.
    """
    if not lacks_test(listed):
        return table["split"]
    split = table["split"].mask(table["split"] == "", "train")
    train = table[split == "train"]
    # Sorted by their first radiographs, so that the draw depends on paths and the seed, and not on what patients are called.
    strata = subtypes_of_patients(train).loc[train.sort_values("path")["patient"].unique()]
    drawn = strata.groupby(strata).sample(frac=settings.test_fraction, random_state=settings.split_seed).index
    split = split.mask(table["patient"].isin(drawn) & (split == "train"), "test")
    for label in LABELS:
        of_label = train[train["label"] == label]
        if len(of_label) and set(split[of_label.index]) != {"train", "test"}:
            patients = of_label["patient"].nunique()
            raise UserError(
                f"{source}: too few patients to draw a test split: {label} has {patients}, and with a cohort.test_fraction of "
                f"{settings.test_fraction:g} train or test has none of them; add patients or change the fraction"
            )
    return split


def describe_assignment(listed: pd.Series, assigned: pd.Series, settings: config.Cohort) -> str:
    """What `assign_splits` did, as a sentence for users."""
    given = [split for split in SPLITS if split in set(listed)]
    if listed.equals(assigned):
        absent = "" if "val" in given else "; there is no val split, which only `protocol.validation shipped` needs"
        return f"Splits as listed: {', '.join(given)}{absent}."
    source = "the train split, because there is no test split" if given else "all radiographs, because no splits are given"
    drawn = int((assigned == "test").sum())
    return (
        f"Test was drawn from {source}: {settings.test_fraction:.0%} of the patients of each subtype at random (seed "
        f"{settings.split_seed}), {drawn} radiographs."
    )


def subtypes_of_patients(table: pd.DataFrame) -> pd.Series:
    """Subtype of each patient, sorted by patient: that of the pneumonia where a patient has normal radiographs as well."""
    order = table.assign(normal=table["subtype"] == "normal").sort_values(["patient", "normal", "subtype"])
    return order.groupby("patient")["subtype"].first()
