"""What readers receive: images and forms from which neither label, decision, score nor origin can be told."""

import csv
import io
import re
import zipfile

import numpy as np
import pytest
from PIL import Image

from pneumo.errors import UserError
from pneumo.review.form import FORM, form_files
from pneumo.review.package import encode, refuse_answers
from tests.review.review_inputs import ORIGIN, chunks, fill_in, write, write_original


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "review"


def test_no_file_of_the_package_has_a_path_a_patient_a_label_of_a_radiograph_or_a_score(folder):
    key = write(folder)
    contents = {file.name: file.read_bytes() for file in folder.iterdir()}
    for name, content in contents.items():
        assert ORIGIN.encode() not in content, name
        for radiograph in key.radiographs:
            for text in (radiograph.path, radiograph.patient, f"{radiograph.margin:.4f}", "contradiction", "control"):
                assert text.encode() not in content, (name, text)
        for model in key.models:
            assert model.recipe.encode() not in content, name
            assert model.model_sha256.encode() not in content, name


def test_every_radiograph_has_the_same_form(folder):
    key = write(folder)
    page = (folder / "form.html").read_text()
    sections = re.findall(r'<section class="radiograph".*?</section>', page, re.DOTALL)
    assert len(sections) == len(key.radiographs)
    assert len({re.sub(r"\b0\d\d\b", "N", section) for section in sections}) == 1
    rows = list(csv.DictReader(io.StringIO((folder / FORM).read_text())))
    assert [row.pop("number") for row in rows] == [f"{radiograph.number:03}" for radiograph in key.radiographs]
    assert len({tuple(row.items()) for row in rows}) == 1


def test_images_are_png_of_eight_bits_without_metadata_of_bounded_size_and_with_neutral_names_and_times(folder):
    key = write(folder)
    images = sorted(folder.glob("*.png"))
    assert [file.name for file in images] == [f"{radiograph.number:03}.png" for radiograph in key.radiographs]
    for file, radiograph in zip(images, key.radiographs, strict=True):
        assert set(chunks(file.read_bytes())) == {"IHDR", "IDAT", "IEND"}
        with Image.open(file) as image:
            assert image.mode == "L"
            assert max(image.size) <= 128
            original = Image.open(folder.parent / "originals" / radiograph.path)
            assert image.size[0] / image.size[1] == pytest.approx(original.size[0] / original.size[1], rel=0.02)
            if max(original.size) <= 128:
                np.testing.assert_array_equal(np.asarray(image), np.asarray(original))
    assert len({file.stat().st_mtime_ns for file in folder.iterdir()}) == 1


def test_a_zip_of_the_folder_can_be_made_and_has_no_key(folder):
    write(folder)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        for file in folder.iterdir():
            packed.write(file, file.name)
    assert not [name for name in zipfile.ZipFile(archive).namelist() if "key" in name]


def test_values_of_sixteen_bits_become_eight(tmp_path):
    file = tmp_path / "wide.png"
    Image.fromarray((np.arange(10_000, dtype=np.uint16) * 6).reshape(100, 100)).save(file)
    image = Image.open(io.BytesIO(encode(file, 1024)))
    assert (image.mode, image.size) == ("L", (100, 100))
    assert np.asarray(image).max() > 200


def test_the_same_selection_gives_the_same_package_and_another_one_another(folder, tmp_path):
    first, again, other = write(folder), write(tmp_path / "b" / "review"), write(tmp_path / "c" / "review", seed=1)
    assert first.package == again.package != other.package
    assert [file.read_bytes() for file in sorted(folder.iterdir())] == [
        file.read_bytes() for file in sorted((tmp_path / "b" / "review").iterdir())
    ]


def test_a_package_without_answers_is_replaced_completely(folder):
    write(folder, contradictions=8)
    refuse_answers(folder)
    write(folder, contradictions=3)
    assert len(list(folder.glob("*.png"))) == 6
    assert not list(folder.parent.glob(".review.*"))


def test_answers_and_other_files_are_never_deleted(folder, tmp_path):
    refuse_answers(folder)
    write(folder)
    (folder / ".DS_Store").write_text("of the system")
    refuse_answers(folder)
    foreign = folder / "answers-ab.csv"
    foreign.write_text("answers")
    with pytest.raises(UserError, match=r"answers-ab\.csv is not a file of a review package.*set another review\.directory"):
        refuse_answers(folder)
    foreign.unlink()
    fill_in(folder, "ab", {2: "NORMAL"}, folder / FORM)
    with pytest.raises(UserError, match=r"form\.csv has answers.*move it away"):
        refuse_answers(folder)
    (folder / FORM).write_bytes(b"\xff\xfe no text")
    with pytest.raises(UserError, match="has answers"):
        refuse_answers(folder)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"set another review\.directory"):
        refuse_answers(tmp_path / "file")


def test_a_failed_key_leaves_the_older_package(folder, monkeypatch):
    write(folder)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pneumo.review.package.os.utime", fail)
    with pytest.raises(UserError, match="No space left"):
        write(folder, seed=1)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def test_an_unreadable_radiograph_is_one_line(tmp_path):
    file = write_original(tmp_path / "a_1.png")
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(UserError, match=r"a_1\.png"):
        encode(file, 128)


def test_pages_of_phantoms_say_so_and_load_nothing_from_elsewhere():
    synthetic, real = form_files("abc", 3, synthetic=True), form_files("abc", 3, synthetic=False)
    assert all("synthetic" in synthetic[name].lower() for name in ("form.html", "README.txt"))
    assert not any("synthetic" in text.lower() for text in real.values())
    page = real["form.html"]
    assert re.findall(r'(?:src|href)="([^"#]+)"', page) == [
        "data:,", "form.css", "form.js", *(f"{number:03}.png" for number in (1, 2, 3) for _ in range(2)),
    ]  # fmt: skip
    assert not re.search(r"https?:|\son\w+=|<script>|@import|url\(", "".join(real.values()))
    assert page.count("<legend>") == 9
    assert page.count('alt="Radiograph') == 3
