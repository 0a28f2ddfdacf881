"""Review by readers: a package of test radiographs without label and decision, and the agreement of completed forms."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pneumo.cohort.index import Cohort, index
from pneumo.config import Config
from pneumo.errors import UserError
from pneumo.files import printable, write_atomically, writing
from pneumo.registry import Entry, Registry
from pneumo.results.files import parse_result, save_result
from pneumo.results.formatting import interval, percent_interval
from pneumo.results.model import RegisteredModel
from pneumo.results.provenance import provenance
from pneumo.results.review import ReviewKey, agreement_file, key_file
from pneumo.review.answers import findings, package_of, read_rows
from pneumo.review.package import SETTING, describe, describe_models, encode, refuse_answers, write_package
from pneumo.review.scoring import NOTES, PairAgreement, pair_agreements, to_csv
from pneumo.review.selection import margins, select

TITLES = {"contradiction": "Contradictions", "control": "Controls"}


def run(config: Config, console: Console, references: Sequence[str], score: Sequence[Path] | None) -> None:
    """Write the package, or print and save the agreement where completed forms are given.

    Raises:
        UserError: no such model, a model of another cohort, an older package with answers, or an answer that cannot be read.
    """
    if score is None:
        _write(config, console, references or ["champion"])
    elif references:
        raise UserError("--score takes the models from the key of the package: leave MODEL out")
    else:
        _score(config, console, score)


def _write(config: Config, console: Console, references: Sequence[str]) -> None:
    """Write the package from the stored test predictions: no model is run, and no access to the test split is added."""
    directory = config.review.directory
    refuse_answers(directory)
    registry, cohort = Registry(config.registry), index(config.data, config.cohort)
    models = [_load(registry, entry, cohort) for entry in dict.fromkeys(map(registry.get, references))]
    _refuse_several_protocols(models)
    selected = select(margins(models), config.review.contradictions, config.review.seed)
    with console.status("Copying the radiographs"):
        images = [encode(cohort.file(path), config.review.side_px) for path in selected["path"]]

    described = describe_models(models)

    def write_key(package: str) -> None:
        key = ReviewKey(
            **provenance(cohort, models[0].record.protocol_fingerprint),
            package=package,
            models=described,
            seed=config.review.seed,
            radiographs=describe(selected),
        )
        save_result(key_file(directory, package), key, SETTING)

    package = write_package(directory, images, described, synthetic=cohort.synthetic, write_key=write_key)
    _announce(directory, package, models, len(images) // 2, console)


def _announce(directory: Path, package: str, models: Sequence[RegisteredModel], contradictions: int, console: Console) -> None:
    names = ", ".join(model.name for model in models)
    lines = (
        f"Package {package} of {names}: {contradictions} contradictions and as many controls, in random order",
        f"For readers: {directory} (send the whole folder; they start with README.txt)",
        f"Key: {key_file(directory, package)} (do not send it)",
        "Text that is burnt into a radiograph is still in its image: look at the images before you send them.",
        "Next: pneumo review --score FILE …, with the completed forms",
    )
    console.print("\n".join(lines), markup=False)


def _load(registry: Registry, entry: Entry, cohort: Cohort) -> RegisteredModel:
    model = RegisteredModel(
        version=entry.version,
        champion="champion" in entry.aliases,
        sha256=entry.model_sha256,
        record=registry.record(entry),
        predictions={"test": registry.predictions(entry, "test")},
    )
    if entry.data_fingerprint != cohort.fingerprint:
        raise UserError(
            f"{model.name} was not trained and tested on {printable(cohort.root.name)}, but on {printable(entry.data_name)}: give"
            " that with --data, and its settings"
        )
    return model


def _refuse_several_protocols(models: Sequence[RegisteredModel]) -> None:
    if len({model.record.protocol_fingerprint for model in models}) > 1:
        names = ", ".join(model.name for model in models)
        raise UserError(f"{names} were validated under different protocols, so their decisions are not combined: name one of them")


def _score(config: Config, console: Console, files: Sequence[Path]) -> None:
    """Print the agreement of the answers, and write it as CSV beside the key."""
    directory = config.review.directory
    rows = [row for file in files for row in read_rows(file)]
    package = package_of(rows)
    file = key_file(directory, package)
    remedy = f"set {SETTING} to the folder of the package, beside which the key is"
    try:
        content = file.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"{printable(file)}: no such file, which is the key of package {printable(package)}; {remedy}") from error
    key = parse_result(content, ReviewKey, str(file), "write the package again with this version")
    pairs = pair_agreements(key, findings(rows, key))
    names = ", ".join(f"{model.recipe} v{model.version}" for model in key.models)
    source = "SYNTHETIC phantoms" if key.synthetic else "radiographs"
    console.print(
        f"Package {key.package} of {names}: {len(key.radiographs)} {source} of the test split of {printable(key.data_name)}"
    )
    for group, title in TITLES.items():
        console.print(_table(title, [pair for pair in pairs if pair.group == group]))
    for note in NOTES:
        console.print(note)
    saved = agreement_file(directory, key.package)
    with writing(saved, SETTING):
        write_atomically(saved, to_csv(pairs))
    console.print(f"Table in {saved}")


def _table(title: str, pairs: Sequence[PairAgreement]) -> Table:
    headers = ("raters", "compared,\ncannot tell,\nunanswered", "agreement\n(95 % interval)", "κ\n(95 % interval)")
    table = Table(*headers, title=f"{title}: {pairs[0].given} radiographs", title_justify="left")
    for pair in pairs:
        result = pair.agreement
        counts = f"{result.radiographs}, {pair.cannot_tell}, {pair.unanswered}"
        raters = f"{printable(pair.first)},\n{printable(pair.second)}"
        table.add_row(raters, counts, percent_interval(result.raw), interval(result.kappa))
    return table
