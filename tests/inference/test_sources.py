import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from pneumo.config import Cohort
from pneumo.errors import UserError
from pneumo.inference.sources import RadiographSources
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
    sources = list(RadiographSources([str(path) for path in paths], Cohort(**cohort), io.StringIO(lines)))
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


def refused(*paths: object, lines: str = "") -> dict[str, str]:
    """Reasons of the sources that cannot be read."""
    reasons = {}
    for source in RadiographSources([str(path) for path in paths], Cohort(), io.StringIO(lines)):
        try:
            source.read()
        except OSError as error:
            reasons[source.name] = error.strerror
    return reasons


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("missing", None, "no such file or folder; give the path of a radiograph, folder, archive or manifest"),
        ("x" * 300, None, "File name too long"),
        ("nul\0", None, "null byte"),
        ("a.zip", b"PK damaged", "damaged archive"),
        ("a.csv", b"file\n1.png\n", "has no column `path`"),
    ],
)
def test_a_wrong_path_is_one_line_before_the_first_radiograph_is_read(
    name: str, content: bytes | None, problem: str, folder: Path, tmp_path: Path
) -> None:
    wrong = tmp_path / name
    if content is not None:
        wrong.write_bytes(content)
    with pytest.raises(UserError, match=problem) as error:
        RadiographSources([str(folder), str(wrong)], Cohort(), io.StringIO())
    assert "\n" not in str(error.value)
    good = str(folder / "nosuffix")
    reasons = refused("-", lines=f"{wrong}\n{good}\n".replace("\0", "%"))
    assert list(reasons) == [str(wrong).replace("\0", "%")]


def test_a_damaged_member_of_an_archive_is_refused_and_the_others_are_read(folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "radiographs.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as opened:
        for name in ("a/1.jpeg", "b/2.png", "nosuffix"):
            opened.write(folder / name, name)
    content = archive.read_bytes()
    pixels = (folder / "a/1.jpeg").read_bytes()
    archive.write_bytes(content.replace(pixels, pixels[:-1] + bytes([pixels[-1] ^ 1]), 1))
    reasons = refused(archive)
    assert list(reasons) == [f"{archive}/a/1.jpeg"]
    assert "damaged in the archive" in reasons[f"{archive}/a/1.jpeg"]


def test_of_a_cut_archive_the_rest_is_refused(folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "radiographs.tar"
    with tarfile.open(archive, "w") as packed:
        for name in ("a/1.jpeg", "b/2.png"):
            packed.add(folder / name, name)
    with tarfile.open(archive) as packed, archive.open("r+b") as stream:
        stream.truncate(packed.getmember("b/2.png").offset_data + 10)
    assert "the rest of the archive cannot be read" in refused(archive, folder)[str(archive)]


def test_files_of_other_formats_are_counted(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as opened:
        opened.write(folder / "notes.txt", "labels.csv")
    sources = RadiographSources([str(folder), str(tmp_path / "a.zip")], Cohort(), io.StringIO())
    assert [source.name for source in sources] == [str(folder / name) for name in NAMES]
    assert sources.skipped == 2
