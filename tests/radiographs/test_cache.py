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
from pneumo.config import Config
from pneumo.errors import UserError
from pneumo.radiographs.cache import pixel_cache
from pneumo.radiographs.decode import decode
from tests.conftest import RadiographWriter

BUILD = """
import resource, sys
from pathlib import Path
from pneumo.cohort.index import index
from pneumo.config import Config, Cohort
from pneumo.errors import UserError
from pneumo.radiographs.cache import pixel_cache
radiographs, directory, largest_file = sys.argv[1:]
cohort = index(Config(data=Path(radiographs), cohort=Cohort(cache_dir=Path(directory))))
print("indexed", flush=True)
if int(largest_file):
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest_file), int(largest_file)))
try:
    print(int(pixel_cache(cohort, 64, "squash", Path(directory)).sum()))
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
    return index(Config(data=kermany_folder, cohort=Settings(cache_dir=directory)))


def caches(directory: Path) -> list[Path]:
    return sorted(directory.glob("cache/*/*.npy"))


def test_row_i_is_row_i_of_the_table_and_cannot_be_changed(cohort: Cohort, directory: Path) -> None:
    pixels = pixel_cache(cohort, 32, "pad", directory)
    assert isinstance(pixels, np.memmap)
    assert (pixels.shape, pixels.dtype) == ((27, 32, 32), np.uint8)
    np.testing.assert_array_equal(pixels, [decode(cohort.root / path, 32, "pad") for path in cohort.table["path"]])
    with pytest.raises(ValueError, match="read-only"):
        pixels[0] = 0


def test_built_once_for_each_setting(cohort: Cohort, directory: Path) -> None:
    pixel_cache(cohort, 32, "pad", directory)
    (file,) = caches(directory)
    built = file.stat().st_mtime_ns
    pixel_cache(cohort, 32, "pad", directory)
    assert file.stat().st_mtime_ns == built
    for size_px, resize in ((32, "squash"), (16, "pad")):
        assert pixel_cache(cohort, size_px, resize, directory).shape == (27, size_px, size_px)
    assert len(caches(directory)) == 3
    assert file.stat().st_mtime_ns == built


def test_rebuilt_when_a_radiograph_changes_and_the_stale_one_removed(
    cohort: Cohort, directory: Path, kermany_folder: Path, write_radiograph: RadiographWriter
) -> None:
    before = np.array(pixel_cache(cohort, 32, "squash", directory))
    (stale,) = caches(directory)
    changed = write_radiograph(kermany_folder / "test/NORMAL/IM-0007-0001.jpeg", seed=1)
    again = index(Config(data=kermany_folder, cohort=Settings(cache_dir=directory)))
    after = pixel_cache(again, 32, "squash", directory)
    rows = np.flatnonzero((before != after).any(axis=(1, 2)))
    assert again.table["path"].iloc[rows].to_list() == [changed.relative_to(kermany_folder).as_posix()]
    assert stale not in caches(directory)
    assert len(caches(directory)) == 1


def test_rebuilt_when_damaged(cohort: Cohort, directory: Path) -> None:
    sound = np.array(pixel_cache(cohort, 32, "squash", directory))
    (file,) = caches(directory)
    content = file.read_bytes()
    for damaged in (b"", content[:50], content[:-1000], b"x" * 5000):
        file.write_bytes(damaged)
        np.testing.assert_array_equal(pixel_cache(cohort, 32, "squash", directory), sound)
    for other in (sound[:5], sound.astype(np.int16), sound.view(np.int8)):
        np.save(file, other)
        np.testing.assert_array_equal(pixel_cache(cohort, 32, "squash", directory), sound)


def test_a_killed_build_leaves_nothing_that_is_used(tmp_path: Path, directory: Path, write_radiograph: RadiographWriter) -> None:
    radiographs = tmp_path / "many"
    for split in ("train", "val", "test"):
        for number in range(20):
            write_radiograph(radiographs / split / "NORMAL" / f"{number}.png", size=(700, 700))
            write_radiograph(radiographs / split / "PNEUMONIA" / f"{number}.png", size=(700, 700))
    process = builder(radiographs, directory)
    deadline = time.monotonic() + 20
    while not (partial := list(directory.glob("cache/*/*.partial"))) and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert partial
    assert caches(directory) == []
    cohort = index(Config(data=radiographs, cohort=Settings(cache_dir=directory)))
    pixels = pixel_cache(cohort, 64, "squash", directory)
    np.testing.assert_array_equal(pixels, [decode(radiographs / path, 64, "squash") for path in cohort.table["path"]])
    assert list(directory.glob("cache/*/*.partial")) == []


def test_two_processes_at_once_share_one_sound_cache(kermany_folder: Path, cohort: Cohort, directory: Path) -> None:
    processes = [builder(kermany_folder, directory) for _ in range(2)]
    sums = {process.communicate()[0] for process in processes}
    assert sums == {f"indexed\n{int(pixel_cache(cohort, 64, 'squash', directory).sum())}\n"}
    assert len(caches(directory)) == 1


def test_a_full_disk_is_told_and_leaves_no_cache(kermany_folder: Path, cohort: Cohort, directory: Path) -> None:
    # A limit on the size of a file stands in for the disk: the system refuses to write on, in the same way.
    output = builder(kermany_folder, directory, largest_file=20_000).communicate()[0]
    assert "give it room and permission, or set another cohort.cache_dir" in output
    assert caches(directory) == []
    assert pixel_cache(cohort, 64, "squash", directory).shape == (27, 64, 64)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_missing_permission_is_told(cohort: Cohort, directory: Path) -> None:
    (folder,) = (directory / "cache").iterdir()
    folder.chmod(0o500)
    with pytest.raises(UserError, match="Permission denied; give it room and permission"):
        pixel_cache(cohort, 32, "squash", directory)


def test_a_radiograph_lost_since_it_was_indexed_is_told(cohort: Cohort, directory: Path) -> None:
    (cohort.root / "val/NORMAL/IM-0006-0001.jpeg").unlink()
    with pytest.raises(UserError, match=r"val/NORMAL/IM-0006-0001.jpeg: No such file or directory; it could be read when"):
        pixel_cache(cohort, 32, "squash", directory)
    assert caches(directory) == []


def test_large_jpegs_cost_less_than_reading_them_in_full(tmp_path: Path) -> None:
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
