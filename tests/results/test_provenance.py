import json
import subprocess
import sys

from pneumo.cohort.index import index
from pneumo.config import Cohort
from pneumo.results.provenance import Provenance, git_commit, provenance, software


def test_provenance_describes_cohort_protocol_code_software_and_machine(kermany_folder, tmp_path):
    cohort = index(kermany_folder, Cohort(cache_dir=tmp_path / "data"))
    record = Provenance(**provenance(cohort, "a protocol"))
    assert (record.data_name, record.data_fingerprint) == (kermany_folder.name, cohort.fingerprint)
    assert (record.synthetic, record.protocol_fingerprint) == (False, "a protocol")
    assert record.created.utcoffset().total_seconds() == 0
    assert record.git_commit == git_commit()
    assert {"python", "pneumo", "tensorflow", "keras", "numpy"} < set(record.software)
    assert record.software["oneDNN"] == "on"
    assert " cores" in record.hardware
    assert Provenance.model_validate_json(record.model_dump_json()) == record


SCRIPT = """
import json, sys
from pneumo.results.provenance import hardware, software
audit = (software(), hardware())
assert "tensorflow" not in sys.modules
import tensorflow
print(json.dumps([*audit, hardware()]))
"""


def test_gpus_are_counted_only_where_tensorflow_is_loaded():
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    _, without, loaded = json.loads(run.stdout.splitlines()[-1])
    assert "GPU" not in without
    assert loaded.startswith(f"{without}, ")
    assert loaded.endswith(" GPUs")


def test_the_software_says_whether_onednn_is_used(monkeypatch):
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert software()["oneDNN"] == "off"
