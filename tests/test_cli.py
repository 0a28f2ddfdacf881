"""Settings from the command line, the environment and a YAML file, and what a mistake is answered with."""

import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from pneumo import cli
from pneumo.cli import BROKEN_PIPE, INTERRUPTED, USER_MISTAKE, command_parser, main
from pneumo.config import WEIGHTED, Config
from pneumo.config.sources import load
from pneumo.stages import STAGES
from tests.conftest import RadiographWriter

OPERANDS = {"ensemble": ["1", "2"], "explain": ["radiograph.jpeg"], "predict": ["radiograph.jpeg"], "registry": ["list"]}


@pytest.fixture(autouse=True)
def no_data(monkeypatch):
    monkeypatch.delenv("PNEUMO_DATA", raising=False)


def load_settings(*arguments, command="baseline"):
    stage = STAGES[command]
    given = [*OPERANDS.get(command, []), *arguments]
    return load(command_parser(command, stage), stage.settings, given, brief=not stage.documents_cohort)[0]


def error_line(capsys, *arguments):
    assert main(arguments) == USER_MISTAKE
    printed = capsys.readouterr().err
    assert printed.startswith("pneumo: ")
    assert printed.count("\n") == 1
    return printed


def printed_help(*command):
    """The help of a command, and the seconds until it was printed."""
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "pneumo", *command, "--help"], capture_output=True, text=True, check=True)
    return done.stdout, time.monotonic() - started


def settings_of(command, model=Config, prefix=""):
    """Dotted names of the settings that a command takes."""
    names = []
    for name, field in model.model_fields.items():
        if model is Config and name not in STAGES[command].settings:
            continue
        if isinstance(field.annotation, type) and hasattr(field.annotation, "model_fields"):
            names += settings_of(command, field.annotation, f"{prefix}{name}.")
        else:
            assert field.description, f"{prefix}{name} is not documented"
            names.append(prefix + name)
    return names


def shown_settings_of(command):
    """Those that its help documents: how a cohort is read is documented by `prepare` alone."""
    elsewhere = () if command == "prepare" else ("cohort.manifest.", "cohort.phantom.")
    return [name for name in settings_of(command) if not name.startswith(elsewhere)]


def test_the_list_of_commands_is_printed_within_one_second():
    text, seconds = printed_help()
    # Twice that, for a machine that is busy with something else; as below.
    assert seconds < 2
    for command, stage in STAGES.items():
        assert re.search(rf"^  {command} +{re.escape(stage.summary)}$", text, re.MULTILINE)


@pytest.mark.parametrize("command", STAGES)
def test_help_is_printed_within_two_seconds_and_documents_the_settings_of_the_command_with_their_defaults(command):
    text, seconds = printed_help(command)
    assert seconds < 4
    options = set(re.findall(r"^ +(?:-h, )?--([\w.-]+)", text, re.MULTILINE))
    flags = {operand.flag.removeprefix("--") for operand in STAGES[command].operands if operand.flag}
    names = shown_settings_of(command)
    assert options == {*names, *flags, "help", "config"}
    text = " ".join(text.split())
    assert text.count("(default:") == len(names)
    if "weighted" in STAGES[command].settings:
        assert "--weighted.fit.epochs int Passes over the training set, at most. (default: 30)" in text


@pytest.mark.parametrize(("command", "group"), [("predict", "referral"), ("serve", "serve"), ("explain", "explain")])
def test_the_help_of_a_use_of_a_model_begins_with_its_own_settings(command, group):
    parser = command_parser(command, STAGES[command])
    load(parser, STAGES[command].settings, OPERANDS.get(command, []), brief=True)
    assert re.findall(r"^ +--(\w+)\.", parser.format_help(), re.MULTILINE)[0] == group


def test_the_help_of_the_median_command_has_at_most_60_settings():
    assert statistics.median(len(shown_settings_of(command)) for command in STAGES) <= 60


def test_every_command_that_reads_a_cohort_takes_the_settings_of_how_it_is_read():
    for command in ("prepare", "baseline", "evaluate"):
        cohort = load_settings("--cohort.manifest.label", "Finding", "--cohort.phantom.patients", "50", command=command).cohort
        assert (cohort.manifest.label, cohort.phantom.patients) == (("Finding",), 50)


def test_command_line_beats_environment_beats_file_beats_default(tmp_path, monkeypatch):
    file = tmp_path / "config.yaml"
    file.write_text("baseline:\n  fit:\n    epochs: 3\n    batch_size: 8\n    seed: 5\n")
    monkeypatch.setenv("PNEUMO_BASELINE__FIT__BATCH_SIZE", "16")
    monkeypatch.setenv("PNEUMO_BASELINE__FIT__SEED", "6")
    fit = load_settings("--config", str(file), "--baseline.fit.seed", "7").baseline.fit
    assert (fit.epochs, fit.batch_size, fit.seed, fit.learning_rate) == (3, 16, 7, 1e-3)


def test_one_override_leaves_the_rest_of_its_recipe_as_it_was():
    recipe = load_settings("--weighted.fit.epochs", "3", "--weighted.network.filters", "8,16", command="weighted").weighted
    assert recipe.network.filters == (8, 16)
    assert recipe.fit == WEIGHTED.fit.model_copy(update={"epochs": 3})


def test_the_folder_of_data_comes_from_pneumo_data_and_an_empty_variable_is_none(monkeypatch):
    monkeypatch.setenv("PNEUMO_DATA", "/radiographs")
    assert str(load_settings().data) == "/radiographs"
    assert str(load_settings("--data", "/others").data) == "/others"
    monkeypatch.setenv("PNEUMO_DATA", "")
    assert load_settings().data is None


@pytest.mark.parametrize("command", STAGES)
def test_one_file_and_one_environment_serve_all_commands(tmp_path, monkeypatch, command):
    settings = Config().model_dump(mode="json")
    settings["hpo"]["points"] = 7
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(settings))
    monkeypatch.setenv("PNEUMO_BENCH__ROUNDS", "5")
    config = load_settings("--config", str(file), command=command)
    assert (config.hpo.points, config.bench.rounds) == (7, 5)
    assert config.weighted == WEIGHTED


@pytest.mark.parametrize(
    ("arguments", "commands"),
    [
        (["baseline", "--hpo.points", "3"], "`pneumo hpo`, `pneumo bench`"),
        (["hpo", "--baseline.fit.epochs=3"], "`pneumo prepare`, `pneumo baseline`, `pneumo crossval`, `pneumo bench`"),
        (["fetch", "--audit.originals", "folder"], "`pneumo audit`"),
        (["registry", "list", "--reproduce.update", "true"], "`pneumo reproduce`"),
    ],
)
def test_a_setting_of_another_command_is_refused_with_the_names_of_the_commands_that_take_it(capsys, arguments, commands):
    name = arguments[-2] if arguments[-1].count("=") == 0 else arguments[-1].split("=")[0]
    line = error_line(capsys, *arguments)
    assert line == f"pneumo: `{name}` is not a setting of `pneumo {arguments[0]}`, but of {commands}\n"


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("PNEUMO_DAT", "environment variable `PNEUMO_DAT` is not a setting; did you mean `PNEUMO_DATA`?"),
        ("PNEUMO_BASELIN__FIT__EPOCHS", "did you mean `PNEUMO_BASELINE__FIT__EPOCHS`?"),
        ("PNEUMO_BASELINE__FIT__EPOHS", "did you mean `PNEUMO_BASELINE__FIT__EPOCHS`?"),
        (
            "PNEUMO_COHORT__LEAVE_OUT",
            'error parsing value for field "cohort" from source "EnvSettingsSource"; write a list as JSON',
        ),
        ("PNEUMO_QQQQQQQQQQQQQQQQ", "is not a setting; unset it"),
    ],
)
def test_a_wrong_variable_is_answered_in_one_line(capsys, monkeypatch, variable, message):
    monkeypatch.setenv(variable, "unreadable")
    assert message in error_line(capsys, "prepare")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND (`pneumo --help` documents the command)"),
        (["basline"], "no command `basline`; did you mean `baseline`?"),
        (["qqqqqq"], "no command `qqqqqq`; `pneumo --help` lists them"),
        (["predict", "a.png", "--ouput", "a.csv"], "unknown option `--ouput`; did you mean `--output`?"),
        (["predict", "a.png", "--modle=2"], "unknown option `--modle`; did you mean `--model`?"),
        (["predict", "a.png", "-o", "a.csv"], "unknown option `-o`; `pneumo predict --help` lists the options"),
        (["baseline", "/radiographs"], "unexpected argument `/radiographs` (`pneumo baseline --help` documents the command)"),
        (["baseline", "--baseline.fit.epohs", "3"], "did you mean `--baseline.fit.epochs`?"),
        (["baseline", "--baseline.fit.epochs", "0"], "setting `baseline.fit.epochs`: input should be greater than 0, got '0'"),
        (["baseline", "--baseline.fit.epochs", "many"], "setting `baseline.fit.epochs`: input should be a valid integer"),
        (["baseline", "--protocol.validation", "random"], "setting `protocol.validation`"),
        (["baseline", "--protocol.seed", str(2**32)], "setting `protocol.seed`: input should be less than or equal to 4294967295"),
        (["baseline", "--baseline.network.filters", "[32"], "write a list as JSON"),
        (
            ["heads", "--head_search.units", "512", "--head_search.units", "16"],
            "setting `head_search.units`: value error, give the lower bound first",
        ),
        (["prepare", "--data", "x" * 300], f"{'x' * 300}: File name too long"),
        (["baseline", "--config", "absent.yaml"], "--config absent.yaml: No such file or directory"),
        (["registry", "show"], "show needs a version, a recipe or `champion`"),
        (["evaluate", "1", "2"], "unexpected argument `2` (`pneumo evaluate --help` documents the command)"),
        (
            ["predict", "-", "--model", "exports/absent"],
            "exports/absent: no such folder; give the folder of an exported bundle",
        ),
        (["explain"], "the following arguments are required: IMAGE (`pneumo explain --help` documents the command)"),
    ],
)
def test_a_mistake_is_answered_in_one_line(capsys, arguments, message):
    assert message in error_line(capsys, *arguments)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("baseline:\n  fit:\n    epoch: 3\n", "unknown setting `baseline.fit.epoch`; did you mean `baseline.fit.epochs`?"),
        ("- 1\n- 2\n", "holds no settings"),
        ("1: 2\n", "1 is not a setting"),
        ("a: [1\n", "is not YAML (line 2: expected"),
    ],
)
def test_a_mistake_in_a_file_is_answered_in_one_line(capsys, tmp_path, content, message):
    (tmp_path / "config.yaml").write_text(content)
    assert message in error_line(capsys, "baseline", "--config", str(tmp_path / "config.yaml"))


def test_one_wrong_value_of_a_list_gives_one_message(capsys):
    line = error_line(capsys, "heatmaps", "--heatmaps.methods", "gradcam")
    assert line.count("setting `") == 1
    assert "'grad-cam'" in line


def test_an_absent_radiograph_is_an_error_before_any_model_is_loaded(capsys, tmp_path):
    line = error_line(capsys, "explain", str(tmp_path / "absent.jpeg"), "--registry.directory", str(tmp_path / "models"))
    assert "absent.jpeg: no such file" in line
    assert not (tmp_path / "models").exists()


def test_an_absent_cohort_is_never_replaced_by_the_phantom(capsys, tmp_path):
    line = error_line(capsys, "prepare", "--data", str(tmp_path / "absent"), "--cohort.cache_dir", str(tmp_path / "data"))
    assert "absent" in line
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "arguments", [["2", "--data", "other"], ["--data", "other", "2"], ["--data=other", "2", "--registry.directory", "models"]]
)
def test_an_operand_may_stand_before_or_after_the_options(arguments):
    stage = STAGES["evaluate"]
    config, parsed = load(command_parser("evaluate", stage), stage.settings, arguments)
    assert (parsed.reference, str(config.data)) == ("2", "other")
    assert load(command_parser("evaluate", stage), stage.settings, [])[1].reference == "champion"


@pytest.mark.parametrize(
    ("command", "usage"),
    [
        ("evaluate", "pneumo evaluate [MODEL] [--config FILE]"),
        ("explain", "pneumo explain IMAGE … [--model MODEL] [--config FILE]"),
        ("registry", "pneumo registry list|show|promote|ui [MODEL] [--json] [--config FILE]"),
        ("baseline", "pneumo baseline [--config FILE]"),
    ],
)
def test_the_usage_names_the_operands(command, usage):
    assert command_parser(command, STAGES[command]).usage.startswith(usage)


def test_names_in_square_brackets_are_printed_as_they_are(
    tmp_path: Path, write_radiograph: RadiographWriter, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "x[/q] [red]y"
    for split in ("train", "test"):
        for label in ("NORMAL", "PNEUMONIA"):
            for number in range(8):
                write_radiograph(folder / split / label / f"{split}{label}{chr(97 + number)}.png")
    assert main(["prepare", "--data", str(folder), "--cohort.cache_dir", str(tmp_path / "[/b]")]) == 0
    printed = capsys.readouterr().out
    assert "x[/q] [red]y" in printed
    assert str(tmp_path / "[/b]") in printed


@pytest.mark.parametrize(
    ("command", "advice"), [("baseline", "; run the same command again to resume"), ("audit", ""), ("explain", "")]
)
def test_an_interrupted_command_says_how_to_resume_where_it_can(command, advice, capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_run_stage", interrupt)
    assert main([command, *OPERANDS.get(command, [])]) == INTERRUPTED
    assert capsys.readouterr().err == f"pneumo: interrupted{advice}\n"


def test_a_closed_pipe_ends_the_command_without_a_message(tmp_path):
    command = [sys.executable, "-m", "pneumo", "registry", "list", "--json", "--registry.directory", str(tmp_path / "models")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == (b"", BROKEN_PIPE)
