import os
import shutil
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from pneumo.cohort.archive import download, unpack
from pneumo.errors import UserError


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
    assert unpack(archive, tmp_path / "data") == (folder, layout)
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


def test_a_link_in_a_zip_is_unpacked_as_a_file(archive: Path, tmp_path: Path) -> None:
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


def test_a_failed_download_explains_how_to_place_the_archive_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("kagglehub")
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # no server listens there: the connection is refused
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", os.fspath(tmp_path))
    with pytest.raises(UserError) as caught:
        download(tmp_path / "data")
    message = str(caught.value)
    assert message.isprintable()
    assert message.startswith("cannot download the cohort from Kaggle (")
    assert "paultimothymooney/chest-xray-pneumonia" in message
    assert f"make train DATA={tmp_path / 'data'}/archive.zip" in message


def test_an_existing_download_is_reused(tmp_path: Path) -> None:
    (tmp_path / "chest-xray-pneumonia").mkdir()
    assert download(tmp_path) == tmp_path / "chest-xray-pneumonia"
