"""What the record of the selected model says of the topics of reporting guidelines: how it was built, trained and fixed."""

from collections.abc import Callable, Mapping
from typing import Any

from pneumo.evaluation.comparison import RULE
from pneumo.report.content import Content
from pneumo.report.guidelines.forms import Missing
from pneumo.results.formatting import RULE_LABELS, duration, interval, listed, rounded, times

Topic = Callable[[Content], str | Missing]
RESIZE = {"squash": "whatever their aspect ratio", "pad": "with their aspect ratio kept and the rest black"}


def technology(content: Content) -> str:
    """Kind of artificial intelligence."""
    record = content.selected.model.record
    normal, positive = record.class_names
    several = f"an ensemble of {len(record.members)} neural networks" if record.members else "a neural network"
    return (
        f"Deep learning: {content.selected.model.name}, {several} with {record.parameters:,} trainable weights, classifies chest"
        f" radiographs as {positive} or {normal}."
    )


def goal(content: Content) -> str:
    """Development, and on what it was evaluated."""
    model = content.selected.model
    normal, positive = model.record.class_names
    others = [scored.evaluation.data_name for scored in model.external]
    elsewhere = f", and on other cohorts: {listed(others)}" if others else "; on no other cohort"
    return (
        f"Development of a model of {positive} against {normal} on chest radiographs ({model.name}), and its evaluation on the test"
        f" split of the cohort {model.record.data_name}{elsewhere}."
    )


def data_identity(content: Content) -> str:
    """Name and fingerprint of the cohort."""
    record = content.selected.model.record
    return f"Cohort {record.data_name}, SHA-256 of its paths, labels, patients and pixels {record.data_fingerprint}."


def preprocessing(content: Content) -> str:
    """What happens to a radiograph before the network's first layer."""
    record = content.selected.model.record
    return (
        f"Radiographs become 8-bit grey and are resized to {record.image_size_px} × {record.image_size_px} px,"
        f" {RESIZE[record.resize]}; {record.preprocessing}."
    )


def predictors(content: Content) -> str:
    """The input of the model."""
    record = content.selected.model.record
    return (
        f"The only input is the radiograph, {record.image_size_px} × {record.image_size_px} grey values; no predictor is"
        " selected or assessed by a person."
    )


def architecture(content: Content) -> str | Missing:
    """Network, and its output."""
    record = content.selected.model.record
    network = record.settings.get("network")
    if not network:
        return Missing("The record of the model has no settings of its network.")
    return (
        f"Recipe {record.recipe}: {_settings(network)}. {record.parameters:,} trainable weights; one logit, and the probability of"
        f" {record.class_names[1]} from it. The model card has all settings."
    )


def software(content: Content) -> str | Missing:
    """Versions and hardware."""
    record = content.selected.model.record
    if not record.software:
        return Missing("The record of the model has no versions of software.")
    versions = ", ".join(f"{name} {version}" for name, version in record.software.items())
    return f"{versions}; {record.hardware}."


def initialization(content: Content) -> str | Missing:
    """First weights and their seed."""
    record = content.selected.model.record
    seeds = record.settings.get("seeds", ()) if record.seed is None else (record.seed,)
    if not seeds:
        return Missing("The record of the model has no seed.")
    backbone = record.settings.get("network", {}).get("weights")
    weights = f"Backbone: {backbone}; other weights" if backbone else "Weights"
    return f"{weights} at random from seed {listed([str(seed) for seed in seeds])}."


def training(content: Content) -> str | Missing:
    """Fit, augmentation, time and precision."""
    record = content.selected.model.record
    fit, augmentation = record.settings.get("fit"), record.settings.get("augmentation", {})
    if not fit:
        return Missing("The record of the model has no settings of its training.")
    changes = _settings({name: value for name, value in augmentation.items() if value})
    epochs = f"; {len(record.history['loss'])} epochs were trained" if "loss" in record.history else ""
    return (
        f"{_settings(fit)}{epochs}; augmentation: {changes or 'none recorded'}; {duration(record.training_seconds)};"
        f" {record.precision} ({record.precision_reason})."
    )


def selection(content: Content) -> str:
    """Rule that selected the model."""
    selected = content.selected
    runner_up = selected.runner_up
    next_best = (
        f"; the next, {runner_up.name}, has {interval(selected.runner_up_auroc)}" if runner_up and selected.runner_up_auroc else ""
    )
    return f"By a rule that does not use test: {RULE}. {selected.model.name} has {interval(selected.auroc)} there{next_best}."


def ensemble(content: Content) -> str:
    """Members of an ensemble."""
    record = content.selected.model.record
    if not record.members:
        return "None: the model is one network."
    members = listed([f"v{version}" for version in record.members])
    averaged = "models" if "members" in record.settings else "networks that differ in their seed"
    return f"The model's logit is the mean of the logits of {len(record.members)} {averaged}: {members}."


def building(content: Content) -> str:
    """Type of model, tuning and internal validation."""
    record, search = content.selected.model.record, content.selected.model.record.search
    tuning = "hyper-parameters were given, not searched"
    if search is not None:
        space = listed(list(search.space))
        tuning = (
            f"{space} were searched by BayesSearchCV, {len(search.points)} points with {search.folds} folds each ({search.scoring})"
        )
    folds = [f"{len(result.folds)} folds" for result in content.experiments.cross_validations if result.name == record.recipe]
    crossed = f"; cross-validation of the recipe within train: {folds[0]}" if folds else ""
    images = record.validation.images
    return (
        f"Neural network of the recipe {record.recipe}; {tuning}. Internal validation on {images} radiographs that were not trained"
        f" on, and on {record.validation_shifted.images} views of them with other acquisition settings{crossed}."
    )


def threshold(content: Content) -> str:
    """Output, threshold and how it was chosen."""
    record = content.selected.model.record
    temperature = f", after division of the logit by {record.temperature:.2f}" if record.temperature is not None else ""
    return (
        f"A probability of {record.class_names[1]}{temperature}. The network's own output is compared with the threshold"
        f" {rounded(record.threshold)}, chosen by {RULE_LABELS[record.threshold_rule]} before test was accessed."
    )


def class_imbalance(content: Content) -> str | Missing:
    """Class weights, and recalibration."""
    record = content.selected.model.record
    weights = record.settings.get("fit", {}).get("class_weights")
    if weights is None:
        return Missing("The record of the model does not say whether classes were weighted.")
    temperature = (
        "no temperature could be fitted"
        if record.temperature is None
        else f"temperature {record.temperature:.2f}, fitted on validation"
    )
    return f"Class weights: {weights}. Recalibration: {temperature}."


def updating(content: Content) -> str:
    """That the evaluation changed nothing."""
    record = content.selected.model.record
    return (
        "None: threshold and temperature were fixed before test was accessed on"
        f" {record.test_accessed:%Y-%m-%d %H:%M %Z}, and the model is the one that was scored. Models of the recipe were scored on"
        f" this test split {times(record.test_accesses_of_recipe)}, all models {times(record.test_accesses)}."
    )


def prediction(content: Content) -> str:
    """How test was scored."""
    model = content.selected.model
    return (
        f"By the registered Keras model, whose file has SHA-256 {model.sha256}, once for each test radiograph;"
        " `pneumo predict` calculates the same for others."
    )


def protocol(content: Content) -> str:
    """Fingerprint of the protocol."""
    record = content.selected.model.record
    return (
        "Settings that were the same for all compared models, and fixed before training (validation, threshold rule, acquisition"
        f" shift): SHA-256 {record.protocol_fingerprint}. A study protocol beyond them is not recorded."
    )


def code(content: Content) -> str | Missing:
    """Software of the project and its commit."""
    record = content.selected.model.record
    if record.git_commit is None:
        return Missing("The record of the model has no commit: it was trained outside a git checkout.")
    version = record.software.get("pneumo", "version not recorded")
    return f"pneumo {version}, commit {record.git_commit}, Apache-2.0."


def availability(content: Content) -> str:
    """The model file, and how others can use it."""
    model = content.selected.model
    commit = model.record.git_commit or "not recorded"
    return (
        f"Model: {model.name}, SHA-256 {model.sha256}; `pneumo export {model.version}` writes it with all that predicting needs."
        f" Software: pneumo, commit {commit}, Apache-2.0. Whether and where the model is published, its authors state."
    )


def _settings(settings: Mapping[str, Any]) -> str:
    """Settings in one line, without those that are off."""
    shown = {name: value for name, value in settings.items() if value is not None}
    return "; ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in shown.items())


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


MODEL_TOPICS: dict[str, Topic] = {
    topic.__name__: topic
    for topic in (
        technology, goal, data_identity, preprocessing, predictors, architecture, software, initialization, training, selection,
        ensemble, building, threshold, class_imbalance, updating, prediction, protocol, code, availability,
    )
}  # fmt: skip
