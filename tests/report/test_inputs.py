"""The report's inputs fit what the registry keeps."""

from pneumo.registry import Record
from pneumo.report.inputs import ModelFacts


def test_a_record_has_all_that_the_report_reads():
    assert set(ModelFacts.model_fields) <= set(Record.model_fields)
