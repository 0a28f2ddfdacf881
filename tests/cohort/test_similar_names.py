import re

import pandas as pd
import pytest

from pneumo.cohort.similar_names import find_similar_names, refuse_similar_names
from pneumo.cohort.vocabulary import Labels
from pneumo.errors import UserError


def paths_of(template: str, patients: int = 30, radiographs: int = 3) -> pd.Series:
    words = ["ada", "ben", "cid", "dot", "eva", "fay"]
    return pd.Series(
        f"train/{label}/{template.format(p=number, k=k, word=words[number % 6], letter='abc'[k - 1])}"
        for number in range(patients)
        for label in [("NORMAL", "PNEUMONIA")[number % 2]]
        for k in range(1, radiographs + 1)
    ).drop_duplicates(ignore_index=True)


@pytest.mark.parametrize(
    ("template", "patients"),
    [
        ("{p}_{k}.png", 30),
        ("{p:04d}-{k:02d}.jpg", 30),
        ("{p} ({k}).png", 30),
        ("h{p}v{k}.png", 30),
        ("{p}_{letter}.png", 30),
        ("{p}{letter}.png", 30),
        ("{p}_{k}_frontal.dcm", 30),
        ("{p}/{k}.png", 30),
        ("{word}_{k}.png", 6),
        ("{p}_{k}", 30),
    ],
)
def test_names_of_several_radiographs_of_a_patient_are_asked_about_with_a_pattern_that_fits(template: str, patients: int) -> None:
    paths = paths_of(template)
    similar = find_similar_names(paths, Labels({}))
    assert similar is not None
    assert similar.patients == patients
    assert paths.map(lambda path: re.search(similar.pattern or "", path)[1]).nunique() == patients  # type: ignore[index]
    message = ""
    try:
        refuse_similar_names(paths, paths, Labels({}), "cohort")
    except UserError as error:
        message = str(error)
    assert f"{similar.first} and {similar.second} look like radiographs of one patient" in message
    assert f"--cohort.patient_pattern '{similar.pattern}'" in message
    assert message.endswith("--cohort.patient_pattern file")


@pytest.mark.parametrize(
    "template", ["{p:03d}{k}.png", "scan_{p:03d}{k}.png", "Normal-{p}{k}.png", "COVID19-{p}{k}.png", "image ({p}{k}).png"]
)
def test_numbered_names_are_not_suspicious(template: str) -> None:
    assert find_similar_names(paths_of(template), Labels({})) is None


def test_random_names_are_not_suspicious() -> None:
    hexadecimal = pd.Series([f"NORMAL/{number * 2654435761 % 2**32:08x}.dcm" for number in range(5000)])
    assert find_similar_names(hexadecimal, Labels({})) is None


def test_no_names_are_not_suspicious() -> None:
    assert find_similar_names(pd.Series([], dtype=str), Labels({})) is None


def test_a_pattern_that_would_not_fit_all_names_is_not_suggested() -> None:
    paths = pd.concat([paths_of("{p}/{k}.png"), pd.Series(["train/NORMAL/loose.png"])], ignore_index=True)
    with pytest.raises(UserError, match=r"set --cohort.patient_pattern to a regular expression that finds the patient in a path"):
        refuse_similar_names(paths, paths, Labels({}), "cohort")
