"""No identity of a DICOM header reaches anything that a command prints or writes, but the cache folder's own list of files."""

from pathlib import Path

import pytest

from pneumo.config import Phantom
from pneumo.phantom.cohort import write_cohort
from tests.dicom_files import grey_pixels, radiograph_8_bit, write
from tests.stages.project import Project

pytestmark = pytest.mark.slow

SETTINGS = """
data: {root}/dicom
cohort:
  cache_dir: {root}/data
  leave_out: [unsuitable, unreadable]
registry: {{directory: {root}/models}}
report: {{directory: {root}/reports}}
baseline:
  image_size_px: 48
  network: {{filters: [8, 8]}}
  fit: {{epochs: 2}}
"""
UID = "1.2.826.0.1.3680043.10.1338"
# What only the cache folder may hold: where the files are.
PRIVATE = ("files.json", "hidden-names.csv")


def identities(number: int) -> dict[str, str]:
    return {
        "PatientName": f"Zzyzxson{number}^Qwilliam{number}",
        "PatientID": f"MRN77{number:05}",
        "PatientBirthDate": "20190317",
        "StudyDate": "20230419",
        "AccessionNumber": f"ACC88{number:05}",
        "StudyInstanceUID": f"{UID}.1.{number}",
        "SeriesInstanceUID": f"{UID}.2.{number}",
        "ReferringPhysicianName": "Xerxesdoc^Yolanda",
        "InstitutionName": "Hospital Quuxville",
        "OtherPatientIDs": f"OLD99{number:05}",
        "PatientAge": "004Y",
        "PatientSex": "F",
        "ViewPosition": "AP",
    }


PLANTED = ("zzyzxson", "qwilliam", "mrn77", "20190317", "20230419", "acc88", UID, "xerxesdoc", "quuxville", "old99")


def write_dicom_cohort(folder: Path, phantom: Path, first_number: int) -> Path:
    """A phantom cohort as DICOM files that are named by their UIDs; the first is a lateral view, the second damaged."""
    for number, image in enumerate(sorted(phantom.rglob("*.jpeg")), start=first_number):
        split, label = image.relative_to(phantom).parts[:2]
        uid = f"{UID}.3.{number}"
        header = identities(number) | ({"ViewPosition": "LL"} if number == first_number else {})
        file = write(folder / split / label / f"{uid}.dcm", radiograph_8_bit(grey_pixels(image), uid, **header))
        if number == first_number + 1:
            file.write_bytes(file.read_bytes()[:-1000])
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Two DICOM cohorts, one through training and report, the other evaluated on; all that was printed is in `project.printed`."""
    project = Project(tmp_path_factory.mktemp("project"), SETTINGS)
    own, other = (write_cohort(Phantom(patients=60, size_px=96, seed=seed), project.root / f"phantom-{seed}") for seed in (0, 1))
    write_dicom_cohort(project.root / "dicom", own, 0)
    elsewhere = write_dicom_cohort(project.root / "elsewhere", other, 5000)
    refused = project.attempt("prepare", "--cohort.leave_out", "[]")
    assert refused.returncode == 2
    project.printed = refused.stderr + "".join(
        project.run(*command)
        for command in (
            ["prepare"],
            ["audit"],
            ["baseline"],
            ["evaluate", "1", "--data", str(elsewhere)],
            ["explain", str(max((project.root / "dicom" / "test" / "NORMAL").glob("*.dcm")))],
            [
                "predict",
                str(elsewhere),
                "--output",
                str(project.root / "reports" / "out.csv"),
                "--heatmaps",
                str(project.root / "reports" / "maps"),
            ],
            ["gradcam"],
            ["report"],
            ["registry", "show", "1", "--json"],
        )
    )
    return project


def test_no_planted_identity_is_in_anything_written_or_printed(project: Project) -> None:
    texts = {"console": project.printed.encode()}
    for folder in ("data", "models", "reports"):
        for file in (project.root / folder).rglob("*"):
            texts[str(file.relative_to(project.root)).lower()] = (
                file.read_bytes() if file.is_file() and file.name not in PRIVATE else b""
            )
    assert len(texts) > 30
    leaks = {
        (name, planted)
        for name, content in texts.items()
        for planted in PLANTED
        if planted.encode() in content.lower() or planted in name
    }
    assert not leaks
