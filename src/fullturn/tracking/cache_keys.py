"""What a training and a gate depend on, as digests: equal ones need not be done again."""

from __future__ import annotations

import hashlib
import json
from glob import escape
from pathlib import Path
from typing import Any

from fullturn.core.addresses import beside
from fullturn.core.entities import Params, RunRecord
from fullturn.core.settings import Settings
from fullturn.tracking import provenance

_READ = {"columns", "label", "time", "time_is_input", "optional"}
"""Settings of [data] that say what a tabular model reads: the same rows, with other columns as its
input, make another model."""


def training_key(settings: Settings, root: Path, params: Params, seed: int, data: str) -> str:
    """Of everything that a training depends on; `params` are complete, `data` is a digest."""
    ingredients = {**_app(settings), "params": dict(params), "seed": seed}
    if settings.train.command:
        ingredients["train_packages"] = provenance.sha256(train_packages(settings, root))
    return _digest({**ingredients, **_surroundings(settings, root), "data": data})


def source_key(settings: Settings, root: Path) -> str:
    """Of what a person edits to get another model: the project's code and prompts, the parameters
    that fullturn.toml names, and which model is asked. Neither data, environment nor fullturn's own
    code are part of it: they are no new idea of a person's."""
    _, _, own = listing(settings, root).partition("\n")
    return _digest({**_app(settings), "params": dict(settings.experiment.params), "files": own})


def _app(settings: Settings) -> dict[str, Any]:
    """The settings of the app that a model depends on, besides its parameters."""
    found: dict[str, Any] = {
        "app": settings.app,
        "llm": (settings.llm.base_url, settings.llm.model),
    }
    if settings.model.uri:
        found["model"] = _asking(settings)
    if settings.train.command:
        found["train"] = settings.train.model_dump(mode="json")
    if settings.app == "tabular":
        read = settings.data.model_dump(mode="json", include=_READ)
        found["table"] = {"data": read, "task": settings.model.task}
    if settings.service.url:
        asked = {"timeout", "concurrency", "batch_rows", "retries"}
        found["service"] = settings.service.model_dump(mode="json", exclude=asked)
    if settings.prompt.file:
        ignored = {"space", "concurrency", "prices", "perturbations", "may_vary"}
        found["prompt"] = settings.prompt.model_dump(mode="json", exclude=ignored)
    return found


def asked_key(settings: Settings, params: Params) -> str:
    """Of a model that others registered: which version, and how it is asked. Neither data nor
    environment are part of it: the same version is not another one where they change."""
    columns = settings.data.model_dump(mode="json", include={"columns", "label"})
    return _digest({"params": dict(params), "model": _asking(settings), "data": columns})


def _asking(settings: Settings) -> dict[str, Any]:
    """The settings of a model that its answers, and their scores, depend on."""
    return settings.model.model_dump(
        mode="json", include={"task", "classes", "scale", "allow_pickle", "env"}
    )


def train_packages(settings: Settings, root: Path) -> str:
    """What is installed where `[train] command` runs; nothing if that is fullturn's environment."""
    named = settings.train.python
    return provenance.packages_of(beside(root, named)) if named else ""


def gate_key(
    settings: Settings, root: Path, candidate: RunRecord, champion: int | None, data: str
) -> str:
    """Of everything that a gate depends on: also the scorer's code and the environment, so that
    a champion is scored again as soon as one of them has changed."""
    limits = settings.gates.model_dump(mode="json", exclude=_unset(settings))
    subjects = {"candidate": candidate.id, "champion": champion, "limits": limits}
    if settings.model.unseen:
        subjects["unseen"] = settings.model.unseen
    return _digest({**subjects, **_surroundings(settings, root), "data": data})


def _unset(settings: Settings) -> set[str]:
    """Settings that earlier versions do not have, where they are not set: older keys stay valid."""
    return set() if settings.gates.primary else {"primary"}


def code_of(settings: Settings, root: Path) -> str:
    """The digest of the code that the project's models depend on."""
    return provenance.sha256(listing(settings, root))


def listing(settings: Settings, root: Path) -> str:
    """The files that the project's models depend on, each with its sha256."""
    return provenance.listing(root, (*settings.ci.code, *map(escape, settings.prompt.files())))


def _surroundings(settings: Settings, root: Path) -> dict[str, str]:
    return {
        "code": code_of(settings, root),
        "environment": provenance.environment()[0],
        **_named(settings),
    }


def _named(settings: Settings) -> dict[str, str]:
    """The plug-ins that score and decide; nothing without any: older keys stay valid."""
    plugins = settings.plugins
    named = plugins.checks + plugins.scorers
    return {"plugins": json.dumps([plugins.checks, plugins.scorers])} if named else {}


def _digest(ingredients: dict[str, Any]) -> str:
    text = json.dumps(ingredients, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
