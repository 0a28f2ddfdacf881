import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from pneumo.config import Cohort
from pneumo.errors import UserError
from pneumo.inference.sources import radiographs
from tests.conftest import RadiographWriter


@pytest.fixture
def folder(tmp_path: Path, write_radiograph: RadiographWriter) -> Path:
    for name in ("b/2.png", "a/1.jpeg", "a/=x y.png", "1.2.840.3", "nosuffix"):
        write_radiograph(tmp_path / "given" / "in.png").rename(tmp_path / "given" / "tmp")
        (tmp_path / "given" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "given" / "tmp").rename(tmp_path / "given" / name)
    for name in ("notes.txt", "__MACOSX/a.png", "._b.png"):
        (tmp_path / "given" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "given" / name).write_text("x")
    return tmp_path / "given"


NAMES = ["1.2.840.3", "a/1.jpeg", "a/=x y.png", "b/2.png", "nosuffix"]


def found(*paths: object, lines: str = "", **cohort: object) -> list[str]:
    sources = list(radiographs([str(path) for path in paths], Cohort(**cohort), io.StringIO(lines)))
    assert all(source.read() for source in sources)
    return [source.name for source in sources]


def test_folders_are_searched_for_what_may_be_a_radiograph(folder: Path) -> None:
    assert found(folder) == [str(folder / name) for name in NAMES]


def test_a_named_file_is_taken_whatever_its_suffix(folder: Path) -> None:
    assert found(folder / "notes.txt", folder / "b") == [str(folder / "notes.txt"), str(folder / "b" / "2.png")]


def test_paths_are_read_from_standard_input(folder: Path) -> None:
    assert found("-", lines=f"{folder / 'b'}\r\n\n{folder / 'nosuffix'}\n-\n") == [
        str(folder / "b" / "2.png"),
        str(folder / "nosuffix"),
    ]


@pytest.mark.parametrize("suffix", ["zip", "tar", "tar.gz"])
def test_archives_are_read_without_unpacking_them(folder: Path, tmp_path: Path, suffix: str) -> None:
    archive = tmp_path / f"radiographs.{suffix}"
    if suffix == "zip":
        with zipfile.ZipFile(archive, "w") as opened:
            for name in (*NAMES, "notes.txt"):
                opened.write(folder / name, name)
    else:
        with tarfile.open(archive, "w:gz" if suffix == "tar.gz" else "w") as packed:
            for name in (*NAMES, "notes.txt"):
                packed.add(folder / name, name)
    before = sorted(tmp_path.rglob("*"))
    assert found(archive, cache_dir=tmp_path / "data") == [f"{archive}/{name}" for name in NAMES]
    assert sorted(tmp_path.rglob("*")) == before


def test_manifests_need_only_a_path(folder: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "list.csv"
    manifest.write_text("path,age\nb\\2.png,7\na/1.jpeg,8\nb/2.png,7\n")
    assert found(manifest, root=folder) == [str(folder / "b/2.png"), str(folder / "a/1.jpeg")]


def test_missing_paths_and_damaged_archives_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        found(tmp_path / "missing")
    (tmp_path / "a.zip").write_bytes(b"PK damaged")
    with pytest.raises(UserError, match="damaged archive"):
        found(tmp_path / "a.zip")
    (tmp_path / "a.csv").write_text("file\n1.png\n")
    with pytest.raises(UserError, match="has no column `path`"):
        found(tmp_path / "a.csv")
