import os
import subprocess
import sys

import pytest

from pneumo.errors import UserError
from pneumo.files import open_atomically, printable, remove_partial, replace_folder, unique_name, write_atomically, writing

KILLED = """
import os, sys
from pathlib import Path
from pneumo.files import open_atomically, replace_folder
folder = Path(sys.argv[1])
with open_atomically(folder / "file"), open_atomically(folder / "other"), replace_folder(folder / "folder"):
    os._exit(9)
"""


def entries(folder):
    return sorted(path.name for path in folder.iterdir())


def fail_after(write, content):
    write(content)
    raise ValueError("half written")


def test_a_file_is_replaced_as_a_whole(tmp_path):
    file = tmp_path / "new" / "file.txt"
    write_atomically(file, "Röntgen")
    with open_atomically(file) as stream:
        stream.write(b"second")
        assert file.read_text() == "Röntgen"
    assert file.read_bytes() == b"second"
    assert entries(file.parent) == ["file.txt"]


def test_a_failed_write_keeps_the_old_file_and_leaves_no_partial_one(tmp_path):
    write_atomically(tmp_path / "file", "old")
    with pytest.raises(ValueError, match="half"), open_atomically(tmp_path / "file") as stream:
        fail_after(stream.write, b"half")
    assert (tmp_path / "file").read_text() == "old"
    assert entries(tmp_path) == ["file"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    for content in ("first", "second"):
        with replace_folder(tmp_path / "folder") as folder:
            (folder / f"{content}.txt").write_text(content)
        assert entries(tmp_path / "folder") == [f"{content}.txt"]
    with pytest.raises(ValueError, match="half"), replace_folder(tmp_path / "folder") as folder:
        fail_after((folder / "third.txt").write_bytes, b"half")
    assert entries(tmp_path / "folder") == ["second.txt"]
    assert entries(tmp_path) == ["folder"]


def test_partial_files_and_folders_of_a_killed_run_are_deleted_by_name(tmp_path):
    subprocess.run([sys.executable, "-c", KILLED, tmp_path], check=False)
    assert [name.split(".")[1] for name in entries(tmp_path)] == ["file", "folder", "other"]
    remove_partial(tmp_path, "f*")
    assert [name.split(".")[1] for name in entries(tmp_path)] == ["other"]
    remove_partial(tmp_path)
    assert entries(tmp_path) == []


def test_an_os_error_names_the_file_and_the_setting_in_one_line(tmp_path):
    (tmp_path / "fi\nle").write_text("")
    with pytest.raises(UserError) as caught, writing(tmp_path, "report.directory"):
        write_atomically(tmp_path / "fi\nle" / "file", "text")
    assert str(caught.value).isprintable()
    assert r"fi\nle" in str(caught.value)
    assert str(caught.value).endswith("; free disk space or grant write permission, or set another report.directory")
    with pytest.raises(UserError, match=f"{tmp_path}: No space left on device"), writing(tmp_path, "report.directory"):
        raise OSError(28, os.strerror(28))


def test_a_unique_name_is_readable_and_depends_on_path_size_and_date(tmp_path):
    file = tmp_path / "Röntgen bild.png"
    file.write_bytes(b"1")
    first = unique_name(file)
    assert first.startswith("R-ntgen-bild-")
    assert first == unique_name(file)
    os.utime(file, ns=(0, 0))
    assert unique_name(file) != first
    assert unique_name(file.rename(tmp_path / "moved.png")) != first


def test_control_characters_are_escaped():
    assert printable("a\nb\x1b[31m") == r"a\nb\x1b[31m"
