"""What the models of a report were made with, said once for those that have it in common."""

from collections.abc import Sequence

from pneumo.results.model import ModelRecord
from pneumo.results.registered import RegisteredModel


def provenance(models: Sequence[RegisteredModel]) -> dict[str, dict[str, list[str]]]:
    """Gather, by what is told, each different answer and the names of the models it is true of."""
    told: dict[str, dict[str, list[str]]] = {}
    for model in models:
        for title, answer in made_with(model.facts).items():
            told.setdefault(title, {}).setdefault(answer, []).append(model.name)
    return told


def made_with(facts: ModelRecord) -> dict[str, str]:
    """Say what one model was made with."""
    return {
        "Precision": f"{facts.precision}: {facts.precision_reason}",
        "Hardware": facts.hardware,
        "Software": ", ".join(f"{name} {version}" for name, version in facts.software.items()),
        "Git commit": facts.git_commit or "not under git",
        "Data fingerprint": facts.data_fingerprint,
    }
