import io
import shutil
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from pneumo.cohort.layout import Layout
from pneumo.cohort.unpack import unpack as unpack_with
from pneumo.config import Cohort
from pneumo.errors import UserError


def unpack(archive: Path, directory: Path) -> tuple[Path, Layout]:
    return unpack_with(archive, Cohort(cache_dir=directory))


@pytest.fixture
def archive(kermany_folder: Path, tmp_path: Path) -> Path:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as opened:
        for file in sorted(kermany_folder.rglob("*.jpeg")):
            opened.write(file, file.relative_to(kermany_folder.parent))
    return tmp_path / "archive.zip"


def refusal(archive: Path, directory: Path) -> str:
    with pytest.raises(UserError) as caught:
        unpack(archive, directory)
    assert str(caught.value).isprintable()
    assert not [file for file in directory.rglob("*") if file.is_file() and file.suffix != ".lock"], "no partial result is left"
    return str(caught.value)


def test_an_archive_is_unpacked_once_and_again_when_it_changes(archive: Path, tmp_path: Path) -> None:
    folder, layout = unpack(archive, tmp_path / "data")
    assert len(layout.radiographs) == len([file for file in folder.rglob("*") if file.is_file()]) == 27
    (folder / layout.radiographs[0]).write_bytes(b"marked")
    again, same = unpack(archive, tmp_path / "data")
    assert (again, same.radiographs, same.foreign) == (folder, layout.radiographs, layout.foreign)
    assert (folder / layout.radiographs[0]).read_bytes() == b"marked"
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("chest_xray/train/NORMAL/new.jpeg", b"radiograph")
    again, layout = unpack(archive, tmp_path / "data")
    assert again != folder
    assert len(layout.radiographs) == 28


def test_the_partial_folder_of_a_killed_run_is_deleted(archive: Path, tmp_path: Path) -> None:
    folder, layout = unpack(archive, tmp_path / "data")
    partial = folder.rename(folder.with_name(f".{folder.name}.123.partial"))
    (partial / "train" / "NORMAL" / "stray.jpeg").write_bytes(b"half a radiograph")
    unpack(archive, tmp_path / "data")
    assert len([file for file in folder.rglob("*") if file.is_file()]) == len(layout.radiographs)
    assert not partial.exists()


@pytest.mark.parametrize("damage", ["cut short", "flipped", "no zip", "name"])
def test_a_damaged_zip_is_refused(archive: Path, tmp_path: Path, damage: str) -> None:
    content = bytearray(archive.read_bytes())
    if damage == "cut short":
        del content[len(content) // 2 :]
    elif damage == "flipped":
        content[200] ^= 0xFF  # within the first radiograph: its checksum no longer matches
    elif damage == "name":
        entry = content.index(b"PK\x01\x02")
        content[entry + 9] |= 0x08  # flagged as UTF-8
        content[entry + 46] = 0xFF  # which is not valid UTF-8
    else:
        content = bytearray(b"<html>Please sign in</html>")
    archive.write_bytes(content)
    message = refusal(archive, tmp_path / "data")
    assert message.startswith(f"{archive}: damaged or not a zip (")
    assert message.endswith("download the zip again")


@pytest.mark.parametrize("name", ["../../train/NORMAL/a.jpeg", "/train/NORMAL/a.jpeg", "train/NORMAL/../../../a.jpeg"])
def test_a_name_that_points_outside_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as opened:
        opened.writestr(name, b"radiograph")
    outside = set(tmp_path.parent.rglob("*"))
    message = refusal(tmp_path / "archive.zip", tmp_path / "x" / "data")
    assert f"{name} points outside the archive's folder" in message
    assert {path for path in set(tmp_path.parent.rglob("*")) - outside if path.is_file()} == set()


def test_a_link_out_of_a_zip_is_unpacked_as_a_file(archive: Path, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("chest_xray/train/NORMAL/link.jpeg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(link, "/etc/passwd")
    folder, _ = unpack(archive, tmp_path / "data")
    assert (folder / "train/NORMAL/link.jpeg").read_bytes() == b"/etc/passwd"
    assert not (folder / "train/NORMAL/link.jpeg").is_symlink()


def test_a_decompression_bomb_is_refused(archive: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("chest_xray/train/NORMAL/zeros.bmp", bytes(50_000_000))
    assert "decompression bomb, would unpack to " in refusal(archive, tmp_path / "data")


def test_a_decompression_bomb_with_a_false_size_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("train/NORMAL/zeros.bmp", bytes(10_000_000))
    content = (tmp_path / "archive.zip").read_bytes()
    (tmp_path / "archive.zip").write_bytes(content.replace(struct.pack("<L", 10_000_000), struct.pack("<L", 1000)))
    assert "damaged or not a zip" in refusal(tmp_path / "archive.zip", tmp_path / "data")


def test_an_archive_larger_than_the_free_disk_space_is_refused_before_writing(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**6, 10**6 - 10, 10))
    assert "GB free in" in refusal(archive, tmp_path / "data")
    assert not list((tmp_path / "data").rglob("*.partial"))


def test_an_encrypted_zip_is_refused(archive: Path, tmp_path: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    archive.write_bytes(content)
    assert "is encrypted; unpack it yourself" in refusal(archive, tmp_path / "data")


def tarred(folder: Path, file: Path) -> Path:
    with tarfile.open(file, "w:gz" if file.suffix != ".tar" else "w") as opened:
        opened.add(folder, folder.name)
    return file


def write_tar(file: Path, *members: tuple[str, bytes | str, bytes]) -> Path:
    """A tar of members: name, content or the target of a link, and type."""
    with tarfile.open(file, "w") as opened:
        for name, content, kind in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if isinstance(content, bytes):
                info.size = len(content)
                opened.addfile(info, io.BytesIO(content))
            else:
                info.linkname = content
                opened.addfile(info)
    return file


@pytest.mark.parametrize("name", ["cohort.tar", "cohort.tar.gz", "cohort.tgz", "without suffix"])
def test_a_tar_is_unpacked_as_a_zip_is(archive: Path, kermany_folder: Path, tmp_path: Path, name: str) -> None:
    (kermany_folder / "notes.txt").write_text("not a radiograph")
    expected, of_zip = unpack(archive, tmp_path / "data")
    folder, layout = unpack(tarred(kermany_folder, tmp_path / name), tmp_path / "data")
    pd.testing.assert_frame_equal(layout.table, of_zip.table)
    assert layout.foreign == {"other": 1}
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == set(layout.radiographs)
    assert all((folder / path).read_bytes() == (expected / path).read_bytes() for path in files)


@pytest.mark.parametrize("damage", ["cut short", "flipped", "no tar"])
def test_a_damaged_tar_is_refused(kermany_folder: Path, tmp_path: Path, damage: str) -> None:
    file = tarred(kermany_folder, tmp_path / "cohort.tar.gz")
    content = bytearray(file.read_bytes())
    if damage == "cut short":
        del content[len(content) // 2 :]
    elif damage == "flipped":
        content[len(content) // 2] ^= 0xFF
    else:
        content = bytearray(b"<html>Please sign in</html>")
    file.write_bytes(content)
    assert refusal(file, tmp_path / "data").startswith(f"{file}: damaged or not a tar (")


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("../../train/NORMAL/a.png", b"radiograph", tarfile.REGTYPE),
        ("/train/NORMAL/a.png", b"radiograph", tarfile.REGTYPE),
        ("train/NORMAL/a.png", "/etc/passwd", tarfile.SYMTYPE),
        ("train/NORMAL/a.png", "../../../../secret", tarfile.SYMTYPE),
        ("train/NORMAL/a.png", "../secret", tarfile.LNKTYPE),
        ("train/NORMAL/a.png", b"", tarfile.FIFOTYPE),
        ("train/NORMAL/a.png", b"", tarfile.CHRTYPE),
    ],
)
def test_a_tar_that_leads_out_of_its_folder_is_refused(tmp_path: Path, name: str, content: bytes | str, kind: bytes) -> None:
    file = write_tar(tmp_path / "a.tar", (name, content, kind))
    assert "do not trust this archive" in refusal(file, tmp_path / "data")


def test_links_within_a_tar_stand_for_files_and_folders(tmp_path: Path) -> None:
    file = write_tar(
        tmp_path / "a.tar",
        ("c/files/1.png", b"one", tarfile.REGTYPE),
        ("c/files/2.png", b"two", tarfile.REGTYPE),
        ("c/NORMAL/1.png", "../files/1.png", tarfile.SYMTYPE),
        ("c/NORMAL/hard.png", "c/files/2.png", tarfile.LNKTYPE),
        ("c/PNEUMONIA", "files", tarfile.SYMTYPE),
        ("c/NORMAL/chain.png", "1.png", tarfile.SYMTYPE),
        ("c/NORMAL/broken.png", "nowhere.png", tarfile.SYMTYPE),
        ("c/NORMAL/self.png", "self.png", tarfile.SYMTYPE),
        ("c/NORMAL/loop", "..", tarfile.SYMTYPE),
    )
    folder, layout = unpack(file, tmp_path / "data")
    contents = {path: (folder / path).read_bytes() for path in layout.radiographs}
    assert contents == {
        "NORMAL/1.png": b"one",
        "NORMAL/chain.png": b"one",
        "NORMAL/hard.png": b"two",
        "PNEUMONIA/1.png": b"one",
        "PNEUMONIA/2.png": b"two",
    }
    assert layout.foreign["broken links"] == 3
    assert not [path for path in folder.rglob("*") if path.is_symlink()]


def test_a_link_within_a_zip_stands_for_the_file(archive: Path, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("chest_xray/train/NORMAL/link.jpeg")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr(link, "IM-0001-0001.jpeg")
    folder, _ = unpack(archive, tmp_path / "data")
    assert (folder / "train/NORMAL/link.jpeg").read_bytes() == (folder / "train/NORMAL/IM-0001-0001.jpeg").read_bytes()


def test_backslashes_of_a_zip_made_by_windows_are_folders(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as opened:
        opened.writestr("c\\NORMAL\\1.png", b"one")
        opened.writestr("./c/PNEUMONIA/-2 \n.png", b"two")
    folder, layout = unpack(tmp_path / "a.zip", tmp_path / "data")
    assert layout.radiographs == ["NORMAL/1.png", "PNEUMONIA/-2 \n.png"]
    assert all((folder / path).is_file() for path in layout.radiographs)


def test_a_tar_that_would_unpack_to_a_multiple_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as opened:
        info = tarfile.TarInfo("NORMAL/zeros.bmp")
        info.size = 50_000_000
        opened.addfile(info, io.BytesIO(bytes(info.size)))
    assert "decompression bomb, would unpack to " in refusal(tmp_path / "a.tar.gz", tmp_path / "data")


def test_other_labels_unpack_other_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as opened:
        for folder in ("NORMAL", "PNEUMONIA", "COVID"):
            opened.writestr(f"{folder}/1.png", b"radiograph")
    folder, _ = unpack(tmp_path / "a.zip", tmp_path / "data")
    assert not (folder / "COVID").exists()
    mapped, _ = unpack_with(tmp_path / "a.zip", Cohort(cache_dir=tmp_path / "data", labels={"COVID": "PNEUMONIA"}))
    assert (mapped / "COVID" / "1.png").is_file()
