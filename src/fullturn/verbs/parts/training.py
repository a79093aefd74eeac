"""Train one candidate: seal its bundle, race it on the validation rows, record all of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import compress
from pathlib import Path
from typing import Any

from fullturn.core.entities import Dataset, EqualRows, Evaluation, Params, RunRecord
from fullturn.core.errors import AppError
from fullturn.core.records import ENVIRONMENT, SOURCES, TRAIN_PACKAGES, TRAINED, VALIDATION
from fullturn.core.showing import Result
from fullturn.core.tags import NOTE, TrainingTags
from fullturn.core.wording import clipped_share
from fullturn.evaluation import records
from fullturn.evaluation.race import Race, race, recalled
from fullturn.evaluation.records import are_copies, fingerprints
from fullturn.metrics.answers import CachedRows
from fullturn.metrics.by_task import usual_metrics
from fullturn.metrics.metric import key
from fullturn.subjects import bundle
from fullturn.subjects.protocols import Predictor
from fullturn.subjects.subject import Subject
from fullturn.tracking import provenance
from fullturn.tracking.cache_keys import (
    asked_key,
    code_of,
    listing,
    source_key,
    train_packages,
    training_key,
)
from fullturn.tracking.runs import VALIDATED, RunPlan, TrackedRun, headline
from fullturn.tracking.search import complete
from fullturn.verbs.parts.packaging import package
from fullturn.verbs.workspace import (
    Workspace,
    load,
    recorded_version,
    stored_evaluation,
)

PROBES = 5
"""Rows with which a bundle is tested whenever it is loaded."""


@dataclass(frozen=True, slots=True)
class Trial(Result):
    """A trained candidate and its race."""

    run: RunRecord
    race: Race

    @property
    def score(self) -> float:
        """Mean of the first score on the validation rows, which races compare."""
        return self.race.mean(self.race.evaluation.metrics[0])

    @property
    def headline(self) -> str:
        """The metric by which candidates are chosen, with its value."""
        return headline(self.run) or f"{self.race.evaluation.metrics[0]} {self.score:.3f}"

    def to_dict(self) -> Any:
        """The run, as `--json` prints it."""
        return self.run.to_dict()


def train_one(
    project: Workspace,
    params: Params,
    *,
    name: str | None = None,
    version: int | None = None,
    seed: int | None = None,
    best: Trial | None = None,
    tags: Mapping[str, str] | None = None,
) -> Trial:
    """Train, seal and evaluate one candidate; it stops early if it is worse than `best`.

    `tags` are added to the run; its own tags take precedence.

    Raises:
        UsageError: a parameter is unknown, or its value is not allowed.
        SettingsError: `[gates] metrics` names no metric.
        IntegrityError: the digest of the dataset version is not the recorded one.
        AppError: the app raised.
    """
    project.metrics  # noqa: B018  refuse a wrong name before training
    chosen = complete(project.subject.defaults, {**project.settings.experiment.params, **params})
    project.subject.check_parameters(chosen)
    data = load(project, version)
    seed = project.settings.experiment.seed if seed is None else seed
    tags = {**(tags or {}), **_input_tags(project, data, chosen, seed)}
    plan = RunPlan(
        kind="train",
        name=name or _default_name(project.subject, chosen),
        params=chosen,
        tags=tags,
        seed=seed,
        owner=project.owner,
    )
    try:
        with TrackedRun(project.store, project.root, project.state, plan) as run:
            raced = _train(project, run, data, chosen, best)
    except BaseException:
        project.subject.forget()  # what failed is not asked again as it is
        raise
    return Trial(project.store.run(run.id), raced)


def _input_tags(project: Workspace, data: Dataset, params: Params, seed: int) -> dict[str, str]:
    """What a training depends on, as tags: data, parameters, code, and the key of them all."""
    settings, root = project.settings, project.root
    elsewhere = not project.subject.lacks.get("registered models")
    return TrainingTags(
        asked=asked_key(settings, params) if elsewhere else None,
        data=data.version.version,
        data_digest=data.version.digest,
        declared=tuple(sorted(settings.experiment.params)),
        key_=training_key(settings, root, params, seed, data.version.digest),
        code=code_of(settings, root),
        source=source_key(settings, root),
    ).write()


def recall(project: Workspace, run: RunRecord) -> Trial:
    """A candidate that was trained before, with its stored race.

    Raises:
        NotFound: it stored no evaluation.
    """
    evaluation = stored_evaluation(project, run.id, VALIDATION)
    tags, data = TrainingTags.read(run.tags), training_data(project, run)
    groups = (tags.race_groups or 0, tags.race_of_groups or 0)
    return Trial(
        run, recalled(evaluation, data, bool(tags.race_stopped), groups, tags.race_e_value or 0.0)
    )


def training_data(project: Workspace, run: RunRecord) -> Dataset:
    """The dataset version that a run was trained on, found by digest.

    Raises:
        RowsMissing: this table does not have it.
        NotFound: the run recorded no digest, and there is no version with its number.
        IntegrityError: its rows were changed.
    """
    tags = TrainingTags.read(run.tags)
    return load(project, recorded_version(project, tags.data, tags.data_digest))


def training_view(data: Dataset, equal_rows: EqualRows) -> Dataset:
    """The rows that an app may train on: no test row, and no copy of one, unless equal rows are
    separate ones."""
    examples = data.split("train", "validation")
    copies = are_copies(examples, data.split("test"), equal_rows)
    unseen = (not one for one in copies)
    return replace(data, examples=tuple(compress(examples, unseen)))


def _with_fingerprints(data: Dataset, equal_rows: EqualRows) -> tuple[Dataset, frozenset[str]]:
    """The training view, and the fingerprints of its rows: of many rows they take seconds."""
    test = set(fingerprints(data.split("test"), equal_rows))
    examples = data.split("train", "validation")
    digests = fingerprints(examples, equal_rows)
    unseen = [digest not in test for digest in digests]
    view = replace(data, examples=tuple(compress(examples, unseen)))
    return view, frozenset(compress(digests, unseen))


def _train(
    project: Workspace, run: TrackedRun, data: Dataset, params: Params, best: Trial | None
) -> Race:
    store, subject = project.store, project.subject
    store.log_dataset(run.id, data.version, "training" if subject.can("training") else "evaluation")
    view, digests = _with_fingerprints(data, subject.contract.equal_rows)
    if subject.can("training rows"):
        store.put_text(run.id, _training_rows(view, digests), TRAINED)
    files = subject.train(view, params, run)
    if origin := subject.origin(files):
        tags = TrainingTags(refers_to=origin.address, refers_to_run=origin.run)
        store.tag_run(run.id, tags.write())
    folder, digest = _seal(project, run, files, view, params)
    raced = _race(project, run, subject.load(folder, digest), view, best)
    if not raced.evaluation.rows:
        raise AppError("predict() never returned one output per row")
    _record(project, run, view, raced)
    means = {f"{VALIDATED}{name}": raced.mean(name) for name in raced.evaluation.metrics}
    means |= _estimates(project, raced)
    sealed = TrainingTags(bundle=digest).write()
    source = store.log_model(run.id, run.plan.name, folder, sealed, means)
    store.tag_run(run.id, TrainingTags(model=source, bundle=digest).write())
    return raced


def _seal(
    project: Workspace, run: TrackedRun, files: Path, view: Dataset, params: Params
) -> tuple[Path, str]:
    """Make a bundle of an app's files; its folder and digest."""
    folder = files.parent / "model"
    folder.mkdir(exist_ok=True)
    files.rename(folder / bundle.FILES)
    record = _bundle_record(project, run, view, params)
    bundle.write_record(folder, record)
    probes = _probes(project.subject, folder / bundle.FILES, view)
    bundle.write_record(folder, {**record, "probe": probes})
    package(project, folder, run.id, probes)
    return folder, bundle.seal(folder)


def _bundle_record(
    project: Workspace, run: TrackedRun, view: Dataset, params: Params
) -> dict[str, Any]:
    return {
        "app": project.settings.app,
        "params": dict(params),
        "dataset": view.version.name,
        "data": view.version.version,
        "data_digest": view.version.digest,
        "seed": run.seed,
        "run": run.id,
    }


def _probes(subject: Subject, files: Path, view: Dataset) -> list[dict[str, Any]]:
    """A few rows with their outputs, which the loaded bundle must reproduce, if it can."""
    if not subject.can("reproducible answers"):
        return []
    rows = [example.input for example in (view.split("validation") or view.examples)[:PROBES]]
    outputs = subject.load_files(files).predict(rows)
    return [
        {"input": dict(row), "output": subject.comparable(output)}
        for row, output in zip(rows, outputs, strict=False)
    ]


def _race(
    project: Workspace, run: TrackedRun, predictor: Predictor, view: Dataset, best: Trial | None
) -> Race:
    leader, settings = _losses(best) if best else None, project.settings.experiment
    return race(project.subject, predictor, view, leader, run.id, settings, run.log)


def _record(project: Workspace, run: TrackedRun, view: Dataset, raced: Race) -> None:
    """Store the scored validation rows, the environment and the race."""
    store, evaluation = project.store, raced.evaluation
    store.put_text(run.id, records.to_jsonl(evaluation), VALIDATION)
    store.put_text(run.id, provenance.environment()[1], ENVIRONMENT)
    store.put_text(run.id, listing(project.settings, project.root), SOURCES)
    if packages := train_packages(project.settings, project.root):
        store.put_text(run.id, packages, TRAIN_PACKAGES)
    tags = {
        NOTE: _note(view, raced) + _why_untrained(project.subject),
        **TrainingTags(
            primary=evaluation.metrics[0],
            chosen_by=key(project.primary.name) if project.primary else None,
            unit=project.settings.data.unit,
            race_stopped=raced.stopped,
            race_groups=raced.groups,
            race_of_groups=raced.of_groups,
            race_e_value=raced.e_value,
        ).write(),
    }
    store.tag_run(run.id, tags)


def _training_rows(view: Dataset, digests: frozenset[str]) -> str:
    return json.dumps({"rows": len(view.examples), "fingerprints": sorted(digests)})


def _estimates(project: Workspace, raced: Race) -> dict[str, float]:
    """The metrics of the settings and the usual ones, on all validation rows; none if the race
    was stopped."""
    rows = CachedRows.of(() if raced.stopped else raced.evaluation.rows)
    return {
        f"{VALIDATED}{key(metric.name)}": metric.estimate(rows)
        for metric in (*usual_metrics(rows, project.settings.data.unit), *project.metrics)
        if rows and metric.name not in raced.evaluation.metrics and metric.applies(rows) is None
    }


def _note(view: Dataset, raced: Race) -> str:
    """The description on the run's page in MLflow, in Markdown."""
    evaluation, found = raced.evaluation, raced.interval
    ended = "stopped early: worse than the best so far" if raced.stopped else "ran to the end"
    return (
        f"**{evaluation.metrics[0]} {found.estimate:.3f}** [{found.low:.3f}, {found.high:.3f}] "
        f"at 95 % on {len(evaluation.rows)} validation rows of {view.version.name} version "
        f"{view.version.version}. The race {ended}.{_clipped(evaluation)}"
    )


def _clipped(evaluation: Evaluation) -> str:
    share = evaluation.clipped
    return "" if share is None else f" {clipped_share(share)}."


def _why_untrained(subject: Subject) -> str:
    why = subject.lacks.get("training")
    return f" Nothing was trained: {why}." if why else ""


def _losses(trial: Trial) -> Mapping[str, float]:
    return {row.id: row.bounded_loss for row in trial.race.evaluation.rows}


def _default_name(subject: Subject, chosen: Params) -> str:
    if not subject.can("training"):
        return ",".join(map(str, chosen.values()))
    defaults = subject.defaults
    changed = [f"{key}={value}" for key, value in chosen.items() if defaults[key] != value]
    return ",".join(changed)[:200] or "defaults"
