"""How a model is named: as a registered model, or by the folder of a bundle."""

from pathlib import Path

import pytest

from pneumo.errors import UserError
from pneumo.inference.bundle import RECORD
from pneumo.inference.loading import bundle_folder


@pytest.fixture
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder `exports` of the current one, with one bundle."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "exports" / "tiny-v1-keras").mkdir(parents=True)
    (tmp_path / "exports" / "tiny-v1-keras" / RECORD).touch()
    return Path("exports")


@pytest.mark.parametrize("name", ["champion", "robust", "2", 2])
@pytest.mark.usefixtures("exports")
def test_a_name_is_that_of_a_registered_model(name: str | int) -> None:
    assert bundle_folder(name) is None


def test_a_folder_with_a_record_is_a_bundle(exports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = exports / "tiny-v1-keras"
    assert bundle_folder(bundle) == bundle_folder(str(bundle)) == bundle
    monkeypatch.chdir(exports)
    assert bundle_folder("tiny-v1-keras") == Path("tiny-v1-keras")


def test_other_folders_are_refused_with_a_bundle_that_may_be_meant(exports: Path) -> None:
    with pytest.raises(UserError, match=r"^exports: no exported bundle, .*bundle\.json; .* such as exports/tiny-v1-keras, or the"):
        bundle_folder("exports")
    (exports / "empty").mkdir()
    with pytest.raises(UserError, match=r"^exports/empty: .*give a folder that `pneumo export` wrote, or the version"):
        bundle_folder("exports/empty")


@pytest.mark.parametrize("path", ["exports/absent", "./absent", Path("absent")])
@pytest.mark.usefixtures("exports")
def test_an_absent_path_is_not_looked_up_as_a_name(path: str | Path) -> None:
    with pytest.raises(UserError, match=r"absent: no such folder; give the folder of an exported bundle, or the version"):
        bundle_folder(path)
