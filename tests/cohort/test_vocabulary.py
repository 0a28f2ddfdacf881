import pytest

from pneumo.cohort.vocabulary import Labels, sex_of, split_of, subtype_of


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("NORMAL", ("NORMAL", "normal")),
        ("no_finding", ("NORMAL", "normal")),
        (" No  Finding ", ("NORMAL", "normal")),
        ("Pneumonia", ("PNEUMONIA", "unknown")),
        ("Viral Pneumonia", ("PNEUMONIA", "viral")),
        ("PNEUMONIA-BACTERIAL", ("PNEUMONIA", "bacterial")),
        ("virus", ("PNEUMONIA", "viral")),
        ("bacterial and viral", None),
        ("COVID-19", None),
        ("abnormal", None),
        ("no pneumonia", None),
        ("", None),
        ("0", None),
    ],
)
def test_usual_names_of_the_classes_are_known_and_others_are_not_guessed(name: str, meaning: tuple[str, str] | None) -> None:
    assert Labels({}).find(name) == meaning


def test_names_of_ones_own_are_preferred_and_a_usual_one_can_be_taken_away() -> None:
    labels = Labels({"covid 19": "PNEUMONIA", "1": "NORMAL", "viral": "NEITHER"})
    assert labels.find("COVID-19") == ("PNEUMONIA", "unknown")
    assert labels.find("1") == ("NORMAL", "normal")
    assert labels.find("Viral") is None
    assert labels.find("bacterial") == ("PNEUMONIA", "bacterial")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("Train", "train"),
        ("TRAINING", "train"),
        ("training_set", "train"),
        ("valid", "val"),
        ("Testing", "test"),
        *((name, None) for name in ("trains", "test 2", "train test", "set", "")),
    ],
)
def test_splits_have_usual_synonyms(name: str, split: str | None) -> None:
    assert split_of(name) == split


def test_both_pathogens_or_none_are_an_unknown_subtype() -> None:
    assert [subtype_of(name) for name in ("bacteria", "viral", "bacteria virus", "fungal", "")] == [
        "bacterial",
        "viral",
        "unknown",
        "unknown",
        "unknown",
    ]


def test_sexes_are_read() -> None:
    assert [sex_of(text) for text in ("F", "male", " Female ", "O", "")] == ["F", "M", "F", "O", ""]
