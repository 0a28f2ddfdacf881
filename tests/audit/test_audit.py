import numpy as np
import pytest

from pneumo.audit.audit import audit
from pneumo.audit.measures import measure
from pneumo.audit.sentences import finding_sentence, leakage_sentences, linear_baseline_sentence, stretch_sentence
from pneumo.cohort.index import index
from pneumo.cohort.splits import partition
from pneumo.config import Cohort, Protocol
from pneumo.results.audit import Audit

PROTOCOL = Protocol(validation_fraction=0.3)


@pytest.fixture
def cohort(kermany_folder, tmp_path):
    return index(kermany_folder, Cohort(cache_dir=tmp_path / "data"))


def test_a_small_cohort_is_audited_and_its_file_reads_back(cohort):
    parts, measures = partition(cohort, PROTOCOL), measure(cohort)
    result = audit(cohort, parts, measures, measures.traits.iloc[:12], PROTOCOL)
    assert (result.data_fingerprint, result.protocol_fingerprint) == (cohort.fingerprint, PROTOCOL.fingerprint)
    assert (result.images, result.synthetic) == (len(cohort.table), False)
    assert {finding.verdict for finding in result.findings} <= {"too_few", "constant"}
    assert result.shortcuts == result.suspects == []
    assert result.originals.images == 12
    assert Audit.model_validate_json(result.model_dump_json()) == result
    sentences = [
        *leakage_sentences(result.leakage),
        *map(finding_sentence, result.findings),
        linear_baseline_sentence(result.linear_baseline),
    ]
    assert all(sentences)
    assert audit(cohort, parts, measures, None, PROTOCOL).originals is None


def test_the_stretch_of_copies_is_correlated_with_the_aspect_ratio_of_originals(cohort):
    parts, measures = partition(cohort, PROTOCOL), measure(cohort)
    measures.traits["aspect_ratio"] = np.exp(measures.traits["stretch"])
    originals = audit(cohort, parts, measures, measures.traits, PROTOCOL).originals
    assert originals.stretch_follows_shape.value == pytest.approx(1)
    assert "correlates with the aspect ratio of these originals by 1.000" in stretch_sentence(originals)
    measures.traits["aspect_ratio"] = 1.0
    assert audit(cohort, parts, measures, measures.traits, PROTOCOL).originals.stretch_follows_shape.value is None
