"""The command that trains, checks and registers the lung segmentation, on tiny phantoms."""

import io

import pytest
from PIL import Image
from rich.console import Console

from pneumo.cli import USER_MISTAKE, main
from pneumo.config import Config
from pneumo.registry import LungModels, Registry
from pneumo.stages import lungs, registry

FIT = {"epochs": 1, "batch_size": 8, "optimizer": "adam", "precision": "float32"}


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    return Config(
        cohort={"cache_dir": root / "data", "phantom": {"patients": 40, "size_px": 64}},
        registry={"directory": root / "models"},
        report={"directory": root / "reports"},
        lungs={
            "image_size_px": 32, "phantoms": 20, "held_out": 3, "radiographs": 12, "network": {"filters": (4, 8)}, "fit": FIT,
        },
    )  # fmt: skip


@pytest.fixture(scope="module")
def output(config):
    console = Console(file=io.StringIO(), width=400)
    lungs.run(config, console)
    return console.file.getvalue()


@pytest.mark.slow
def test_the_segmentation_is_registered_with_its_dice_and_the_share_of_accepted_masks(config, output):
    models = LungModels(config.registry)
    record = models.record(models.newest())
    assert record.synthetic
    assert record.data_name == "lung phantoms"
    assert (record.training_phantoms, record.validation_phantoms, record.dice.phantoms) == (18, 2, 3)
    assert record.masks.images == 12
    assert record.masks.accepted + sum(record.masks.rejected.values()) == 12
    assert record.settings["fit"]["seed"] == record.seed == 0
    assert record.masks.sentence in output
    assert f"mean {record.dice.mean:.3f}" in output
    assert "Next: pneumo blackout" in output


@pytest.mark.slow
@pytest.mark.usefixtures("output")
def test_no_classifier_is_registered_and_the_state_is_deleted(config):
    assert Registry(config.registry).entries() == []
    assert not list(config.registry.directory.rglob("state"))


@pytest.mark.slow
@pytest.mark.usefixtures("output")
def test_the_contact_sheet_is_in_the_report_and_in_the_registry(config):
    with Image.open(config.report.directory / "lungs.png") as sheet:
        assert sheet.size == (1440, 2 * 158)
    (stored,) = config.registry.directory.rglob("figures/lungs.png")
    assert stored.read_bytes() == (config.report.directory / "lungs.png").read_bytes()


@pytest.mark.slow
@pytest.mark.usefixtures("output")
def test_the_registry_lists_and_shows_it_as_what_it_is(config):
    console = Console(file=io.StringIO(), width=400)
    registry.run(config, console, "list", None, as_json=False)
    registry.run(config, console, "show", "lungs", as_json=False)
    printed = console.file.getvalue()
    assert "lung segmentations, trained on phantoms" in printed
    assert '"training_phantoms": 18' in printed


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ("--lungs.image_size_px=90", "image_size_px must be a multiple of 8 for 4 levels"),
        ("--lungs.fit.class_weights=balanced", "fit.class_weights must be none"),
        ("--lungs.phantoms=3", "lungs.phantoms"),
        ("--blackout.margin=0.1", "is not a setting of `pneumo lungs`, but of `pneumo blackout`"),
    ],
)
def test_a_wrong_setting_is_one_line_with_status_2(capsys, option, problem):
    assert main(["lungs", option]) == USER_MISTAKE
    printed = capsys.readouterr().err
    assert problem in printed
    assert printed.count("\n") == 1
