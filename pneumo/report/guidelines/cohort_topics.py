"""What the index and the audit of the cohort say of the topics of reporting guidelines."""

import pandas as pd

from pneumo.audit.traits import TRAITS
from pneumo.report.content import Content
from pneumo.report.guidelines.forms import Missing
from pneumo.report.guidelines.model_topics import Topic
from pneumo.report.metrics import flow as flow_rows
from pneumo.report.metrics import patients_in_several_parts
from pneumo.results.formatting import listed, upper_first


def exclusions(content: Content) -> str:
    """Files left out, entries ignored, and radiographs not used."""
    cohort = content.cohort
    counts = cohort.left_out["problem"].value_counts().to_dict()
    left_out = ", ".join(f"{count} {problem}" for problem, count in counts.items()) or "none"
    ignored = ", ".join(f"{count} {kind}" for kind, count in cohort.foreign.items()) or "none"
    unused = int((cohort.table["part"] == "unused").sum())
    return (
        f"Radiographs left out: {left_out}. Files that are no radiographs of the cohort: {ignored}. Radiographs in no part:"
        f" {unused}."
    )


def missing_data(content: Content) -> str:
    """What is done where something is missing."""
    return f"The radiograph is the only input, and nothing is imputed. {exclusions(content)}"


def stored_images(content: Content) -> str:
    """Sizes and modes of the files."""
    table = content.cohort.table
    modes = ", ".join(f"{mode} ({count})" for mode, count in table["mode"].value_counts().items())
    return (
        f"How they were acquired is not documented. As stored, {table['width'].min()} to {table['width'].max()} px wide and"
        f" {table['height'].min()} to {table['height'].max()} px high; colour modes {modes}."
    )


def partition(content: Content) -> str:
    """Which split became which part."""
    counted = [
        f"{row['part']} from {row['split']}: {row['all']['images']} radiographs of {row['all']['patients']} patients"
        for row in flow_rows(content.cohort.table)
    ]
    return f"{content.cohort.splits_from} {upper_first('; '.join(counted))}."


def disjoint(content: Content) -> str:
    """The patient, or the image where patients are unknown."""
    cohort = content.cohort
    if not cohort.patients_known:
        return f"The image: nothing shows which radiographs belong to one patient ({cohort.patients_from})."
    shared = patients_in_several_parts(cohort.table)
    return (
        f"The patient: {shared} patients are in more than one of training, validation and test. Patients are read from:"
        f" {cohort.patients_from}."
    )


def flow(content: Content) -> str | Missing:
    """Radiographs and patients by part and class, from the record of the model."""
    parts = content.selected.model.record.partition
    if not parts:
        return Missing("The record of the model has no counts of its parts.")
    counted = [
        f"{part}: " + ", ".join(f"{count['images']} {label} of {count['patients']} patients" for label, count in classes.items())
        for part, classes in parts.items()
    ]
    return f"{'; '.join(counted)}. {exclusions(content)}"


def demographics(content: Content) -> str | Missing:
    """Age and sex by part, where the cohort tells them."""
    table = content.cohort.table
    used = table[table["part"] != "unused"]
    described = [f"{part}: {text}" for part, rows in used.groupby("part") if (text := _ages_and_sexes(rows))]
    if not described:
        return Missing("The cohort does not tell age and sex.")
    return f"Of the radiographs whose patients tell it; {'; '.join(described)}."


def differences(content: Content) -> str | Missing:
    """What the audit found of train and test."""
    audit = content.audit.result
    if audit is None:
        return Missing("The cohort has not been audited for differences of train and test: `pneumo audit` does so.")
    names = [TRAITS[finding.trait].title for finding in audit.shortcuts]
    found = "none predicts the label in train and clearly less in test"
    if names:
        found = f"these predict the label in train and not, or clearly less, in test: {listed(names)}"
    shared = audit.leakage.patients_in_several_parts
    return f"Acquisition traits of {audit.images} radiographs: {found}. {shared} patients are in more than one part."


def _ages_and_sexes(rows: pd.DataFrame) -> str:
    ages = pd.to_numeric(rows["age_years"], errors="coerce").dropna() if "age_years" in rows else pd.Series(dtype=float)
    sexes = rows["sex"].replace("", pd.NA).dropna().value_counts() if "sex" in rows else pd.Series(dtype=int)
    texts = [f"age {ages.min():.0f} to {ages.max():.0f} years, median {ages.median():.0f} (n = {ages.size})"] if ages.size else []
    if sexes.size:
        texts.append(", ".join(f"{sex} {count}" for sex, count in sexes.items()))
    return ", ".join(texts)


COHORT_TOPICS: dict[str, Topic] = {
    topic.__name__: topic
    for topic in (exclusions, missing_data, stored_images, partition, disjoint, flow, demographics, differences)
}
