import pandas as pd

from pneumo.report.metrics import flow, patients_in_several_parts


def test_images_and_patients_are_counted_by_part_and_split(inputs):
    rows = flow(inputs().cohort.table)
    assert [(row["part"], row["split"]) for row in rows] == [
        ("training", "train"), ("validation", "train"), ("test", "test"), ("unused", "val"),
    ]  # fmt: skip
    assert rows[0]["normal"] == {"images": 9, "patients": 5}
    assert rows[0]["all"] == {"images": 27, "patients": 15}


def test_a_patient_in_two_parts_is_counted():
    table = pd.DataFrame({"patient": ["a", "a", "b", "b"], "part": ["training", "test", "training", "unused"]})
    assert patients_in_several_parts(table) == 1
