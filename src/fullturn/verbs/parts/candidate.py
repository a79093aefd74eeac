"""Which run may become champion: the best one, or the candidate of this checkout."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fullturn.core.entities import Params, RunRecord
from fullturn.core.errors import NotFound
from fullturn.core.records import SOURCES
from fullturn.core.tags import TrainingTags
from fullturn.core.wording import listed
from fullturn.metrics.metric import key
from fullturn.registry import promotion, versions
from fullturn.tracking.cache_keys import asked_key, listing, source_key, training_key
from fullturn.tracking.provenance import OWN
from fullturn.tracking.runs import VALIDATED
from fullturn.tracking.search import complete
from fullturn.verbs.parts.training import Trial, recall, train_one
from fullturn.verbs.workspace import Workspace, newest


def parameters(project: Workspace) -> Params:
    """The parameters of a checkout: those of fullturn.toml, else the champion's from a search.

    A parameter that fullturn.toml set when the champion was trained, and no longer sets, has the
    app's default again: so reverting a commit reverts the parameter.
    """
    declared = project.settings.experiment.params
    number = promotion.champion(project.store)
    if number is None or not project.subject.can("training"):
        return declared
    version = versions.or_deleted(project.store, number)
    _, record = versions.files(project.store, version)
    before = TrainingTags.read(project.store.run(version.run_id).tags).declared or ()
    known = project.subject.defaults.keys() - set(before)
    searched = {name: value for name, value in record["params"].items() if name in known}
    return {**searched, **declared}


def find(project: Workspace, params: Params | None = None) -> RunRecord | None:
    """The run with these parameters, by default the checkout's, on the newest dataset version.

    None if there is none; of several, the champion's, then the oldest. A model that others
    registered has one run, whatever the dataset version.
    """
    data = newest(project)
    if data is None:
        return None
    chosen = complete(project.subject.defaults, parameters(project) if params is None else params)
    if project.subject.can("registered models"):
        tags = TrainingTags(asked=asked_key(project.settings, chosen))
    else:
        seed = project.settings.experiment.seed
        tags = TrainingTags(
            key_=training_key(project.settings, project.root, chosen, seed, data.digest)
        )
    known = [run for run in project.store.runs("train", tags=tags.write()) if is_usable(run)]
    champion = promotion.champion(project.store)
    champions = [
        v.run_id for v in project.store.versions(project.store.name) if v.version == champion
    ]
    return min(known, key=lambda run: (run.id not in champions, run.started), default=None)


def of_model(project: Workspace, address: str) -> RunRecord:
    """The run in which a registered model was evaluated here; evaluates it if necessary.

    Raises:
        UsageError: the project's app takes no registered models.
        NotFound: there is no dataset version.
        BundleError, DataError, AppError: its files are missing, or it cannot be loaded or queried.
    """
    params = project.subject.parameters_of(address)
    return find(project, params) or train_one(project, params).run


def get(project: Workspace) -> RunRecord:
    """The run of the checkout's candidate.

    Raises:
        NotFound: it has not been trained.
    """
    found = find(project)
    if found is None:
        raise NotFound(
            "this checkout's code, data, environment and parameters have not been trained "
            "together; `fullturn train --cached` does it"
        )
    return found


def trained(project: Workspace) -> tuple[Trial, bool]:
    """The checkout's candidate, trained if necessary, and whether it was trained before.

    Raises:
        NotFound: there is no dataset version.
        AppError: the app raised.
    """
    params = parameters(project)
    found = find(project, params)
    if found is not None:
        return recall(project, found), True
    return train_one(project, params), False


def newest_model(project: Workspace) -> tuple[RunRecord, bool]:
    """The run of the registered model that fullturn.toml means now, evaluated if necessary, and
    whether it was evaluated before.

    Raises:
        NotFound: there is no such model, or no dataset version.
        CouldNotEvaluate: its files are missing, or it cannot be loaded or queried.
    """
    found = find(project)
    return (found, True) if found else (train_one(project, parameters(project)).run, False)


def is_usable(run: RunRecord) -> bool:
    """Whether a training run finished, stored a bundle and completed its race."""
    tags = TrainingTags.read(run.tags)
    return run.status == "FINISHED" and tags.model is not None and tags.race_stopped is False


def trained_on(project: Workspace, version: int | None) -> list[RunRecord]:
    """Training runs on the data of a dataset version, by digest, newest first."""
    from fullturn.data import versions

    digest = versions.show(project.table, version).digest
    return project.store.runs("train", tags=TrainingTags(data_digest=digest).write())


def usable_runs(project: Workspace, version: int) -> list[RunRecord]:
    """Usable training runs on a dataset version."""
    return [run for run in trained_on(project, version) if is_usable(run)]


def of_sources(project: Workspace, runs: Sequence[RunRecord]) -> list[RunRecord]:
    """Those of the present code, prompts, named parameters and model; a run of version 0.1, which
    recorded no digest of them, counts too."""
    present = source_key(project.settings, project.root)
    return [run for run in runs if TrainingTags.read(run.tags).source in (None, present)]


def edited(project: Workspace, before: RunRecord) -> str:
    """The files that were edited since a run was trained, or that some setting was."""
    now = listing(project.settings, project.root)
    try:
        then = project.store.get(before.id, SOURCES).read_text(encoding="utf-8")
    except NotFound:
        then = now
    lines = {*then.splitlines()} ^ {*now.splitlines()}
    names = {line.partition("==")[0] for line in lines} - {OWN}
    return listed(sorted(names), 3) if names else "fullturn.toml"


def best_of(project: Workspace, runs: Sequence[RunRecord]) -> RunRecord:
    """The run that is best in the primary metric.

    Of equal ones the champion's, then a registered one, then the oldest: a version that is not
    better is not proposed again.
    """
    known = {version.run_id: version for version in project.store.versions(project.store.name)}
    champion = promotion.champion(project.store)

    def rank(run: RunRecord) -> tuple[float, bool, bool, str]:
        version = known.get(run.id)
        is_champion = version is not None and version.version == champion
        return -goodness(project, run), not is_champion, version is None, run.started

    # Newest first, and `started` has whole seconds: of equal ones the last is the oldest.
    return min(reversed(runs), key=rank)


def goodness(project: Workspace, run: RunRecord) -> float:
    """A run's primary metric on the validation split, higher is better: an error is negative.

    A run without it (its race was stopped, or the settings name another one since) comes last.
    """
    metric = project.primary
    if metric is None:
        name = TrainingTags.read(run.tags).primary or ""
        return run.metrics.get(f"{VALIDATED}{name}", 0.0)
    value = run.metrics.get(f"{VALIDATED}{key(metric.name)}")
    if value is None:
        return -math.inf
    return value if metric.direction == "higher" else -value
