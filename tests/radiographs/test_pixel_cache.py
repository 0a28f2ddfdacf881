import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pneumo.cohort.index import Cohort, index
from pneumo.config import Cohort as Settings
from pneumo.errors import UserError
from pneumo.radiographs.decode import decode
from tests.conftest import RadiographWriter

BUILD = """
import resource, sys
from pathlib import Path
from pneumo.cohort.index import index
from pneumo.config import Cohort
from pneumo.errors import UserError
radiographs, directory, largest_file = sys.argv[1:]
cohort = index(Path(radiographs), Cohort(cache_dir=Path(directory)))
print("indexed", flush=True)
if int(largest_file):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest_file), int(largest_file)))
try:
    print(int(cohort.pixels(64, "squash").sum()))
except UserError as error:
    print(error)
"""


def builder(radiographs: Path, directory: Path, largest_file: int = 0) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILD, str(radiographs), str(directory), str(largest_file)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def cohort(kermany_folder: Path, directory: Path) -> Cohort:
    return index(kermany_folder, Settings(cache_dir=directory))


def caches(directory: Path) -> list[Path]:
    return sorted(directory.glob("cache/*/*.npy"))


def test_pixels_are_in_the_order_of_the_table_and_read_only(cohort: Cohort) -> None:
    pixels = cohort.pixels(32, "pad")
    assert isinstance(pixels, np.memmap)
    assert (pixels.shape, pixels.dtype) == ((27, 32, 32), np.uint8)
    np.testing.assert_array_equal(pixels, [decode(cohort.root / path, 32, "pad") for path in cohort.table["path"]])
    with pytest.raises(ValueError, match="read-only"):
        pixels[0] = 0


def test_the_cache_is_built_once_for_each_size_and_resize_mode(cohort: Cohort, directory: Path) -> None:
    cohort.pixels(32, "pad")
    (file,) = caches(directory)
    built = file.stat().st_mtime_ns
    cohort.pixels(32, "pad")
    assert file.stat().st_mtime_ns == built
    for size_px, resize in ((32, "squash"), (16, "pad")):
        assert cohort.pixels(size_px, resize).shape == (27, size_px, size_px)
    assert len(caches(directory)) == 3
    assert file.stat().st_mtime_ns == built


def test_the_cache_is_rebuilt_when_a_radiograph_changes_and_the_outdated_one_is_deleted(
    cohort: Cohort, directory: Path, kermany_folder: Path, write_radiograph: RadiographWriter
) -> None:
    before = np.array(cohort.pixels(32, "squash"))
    (outdated,) = caches(directory)
    changed = write_radiograph(kermany_folder / "test/NORMAL/IM-0007-0001.jpeg", seed=1)
    again = index(kermany_folder, Settings(cache_dir=directory))
    after = again.pixels(32, "squash")
    rows = np.flatnonzero((before != after).any(axis=(1, 2)))
    assert again.table["path"].iloc[rows].to_list() == [changed.relative_to(kermany_folder).as_posix()]
    assert outdated not in caches(directory)
    assert len(caches(directory)) == 1


def test_a_damaged_cache_is_rebuilt(cohort: Cohort, directory: Path) -> None:
    intact = np.array(cohort.pixels(32, "squash"))
    (file,) = caches(directory)
    content = file.read_bytes()
    for damaged in (b"", content[:50], content[:-1000], b"x" * 5000):
        file.write_bytes(damaged)
        np.testing.assert_array_equal(cohort.pixels(32, "squash"), intact)
    for other in (intact[:5], intact.astype(np.int16), intact.view(np.int8)):
        np.save(file, other)
        np.testing.assert_array_equal(cohort.pixels(32, "squash"), intact)


def test_a_killed_build_leaves_no_cache_and_the_next_run_deletes_its_partial_file(
    tmp_path: Path, directory: Path, write_radiograph: RadiographWriter
) -> None:
    radiographs = tmp_path / "many"
    for split in ("train", "val", "test"):
        for number in range(20):
            write_radiograph(radiographs / split / "NORMAL" / f"{number}.png", size=(700, 700))
            write_radiograph(radiographs / split / "PNEUMONIA" / f"{number}.png", size=(700, 700))
    process = builder(radiographs, directory)
    deadline = time.monotonic() + 20
    while not (partial := list(directory.glob("cache/*/.pixels-*.partial"))) and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert partial
    assert caches(directory) == []
    cohort = index(radiographs, Settings(cache_dir=directory))
    pixels = cohort.pixels(64, "squash")
    np.testing.assert_array_equal(pixels, [decode(radiographs / path, 64, "squash") for path in cohort.table["path"]])
    assert list(directory.glob("cache/*/*.partial")) == []


def test_two_concurrent_processes_share_one_cache(kermany_folder: Path, cohort: Cohort, directory: Path) -> None:
    processes = [builder(kermany_folder, directory) for _ in range(2)]
    sums = {process.communicate()[0] for process in processes}
    assert sums == {f"indexed\n{int(cohort.pixels(64, 'squash').sum())}\n"}
    assert len(caches(directory)) == 1


def test_a_full_disk_is_reported_and_leaves_no_cache(kermany_folder: Path, cohort: Cohort, directory: Path) -> None:
    # A limit on the file size simulates the full disk: writing fails in the same way.
    output = builder(kermany_folder, directory, largest_file=20_000).communicate()[0]
    assert "free disk space or grant write permission, or set another cohort.cache_dir" in output
    assert caches(directory) == []
    assert cohort.pixels(64, "squash").shape == (27, 64, 64)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_missing_permission_is_reported(cohort: Cohort, directory: Path) -> None:
    (folder,) = (directory / "cache").iterdir()
    folder.chmod(0o500)
    with pytest.raises(UserError, match="Permission denied; free disk space or grant write permission"):
        cohort.pixels(32, "squash")


def test_a_radiograph_deleted_after_indexing_is_reported(cohort: Cohort, directory: Path) -> None:
    (cohort.root / "val/NORMAL/IM-0006-0001.jpeg").unlink()
    with pytest.raises(UserError, match=r"val/NORMAL/IM-0006-0001.jpeg: No such file or directory; it was readable when"):
        cohort.pixels(32, "squash")
    assert caches(directory) == []


def test_decoding_large_jpegs_takes_less_time_than_decoding_them_in_full(tmp_path: Path) -> None:
    grain = np.random.default_rng(0).normal(128, 20, (1500, 2000)).clip(0, 255).astype(np.uint8)
    Image.fromarray(grain).save(tmp_path / "radiograph.jpeg", quality=90)
    cpu_seconds = {}
    for name, read in (
        ("reduced", lambda: decode(tmp_path / "radiograph.jpeg", 150, "squash")),
        ("plain", lambda: Image.open(tmp_path / "radiograph.jpeg").convert("L").resize((150, 150))),
    ):
        times = []
        for _ in range(5):
            start = time.thread_time()
            read()
            times.append(time.thread_time() - start)
        cpu_seconds[name] = min(times)
    assert cpu_seconds["plain"] > 1.2 * cpu_seconds["reduced"]
