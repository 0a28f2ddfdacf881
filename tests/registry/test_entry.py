from datetime import UTC, datetime

import pytest

from pneumo.registry.entry import Entry, best_of


def entry(version, auroc=0.9, **changes):
    fields = {"version": version, "recipe": "baseline", "created": datetime(2026, 1, 1, tzinfo=UTC), "synthetic": False}
    fields |= {"aliases": (), "run_id": "r", "model_sha256": "a5", "data_name": "c", "data_fingerprint": "f00d"}
    return Entry(**(fields | {"protocol_fingerprint": "p", "worst_view_auroc": auroc} | changes))


@pytest.mark.parametrize(
    ("entries", "best"),
    [
        ([entry(1, 0.8), entry(2, 0.95, recipe="weighted"), entry(3, 0.9, recipe="hpo")], 2),
        ([entry(1, 0.9), entry(2, 0.9, recipe="weighted")], 1),
        ([entry(1, 0.99), entry(2, 0.9)], 1),
        ([entry(1, 0.99, recipe="robust-seed-0"), entry(2, 0.9, recipe="robust-ensemble"), entry(3, 0.8, recipe="weighted")], 2),
        ([entry(1, 0.99, recipe="robust-seed-0"), entry(2, 0.9, recipe="transfer-ensemble")], 1),
        ([entry(1, None), entry(2, 0.6, recipe="weighted")], 2),
        ([entry(1, None)], 1),
        ([entry(1, 0.99, data_fingerprint="other"), entry(2, 0.7)], 2),
        ([entry(1, 0.99, protocol_fingerprint="other"), entry(2, 0.7)], 2),
        ([entry(1, 0.7), entry(2, 0.99, synthetic=True)], 1),
        ([entry(1, 0.7), entry(2, None, parent_version=1)], 1),
        ([entry(2, None, parent_version=1)], 2),
    ],
)
def test_the_best_model_is_that_with_the_highest_auroc_on_shifted_validation_among_comparable_ones(entries, best):
    assert best_of(entries).version == best


def test_no_score_on_test_is_read():
    assert (
        best_of([entry(1, 0.8, test_auroc=0.99, test_accuracy=0.99), entry(2, 0.9, test_auroc=0.5, test_accuracy=0.5)]).version == 2
    )
