"""Train one candidate, or search among many that race on the validation split."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from fullturn.core.entities import Dataset, Example, Params, RunRecord
from fullturn.core.errors import AppError, UsageError
from fullturn.core.records import ENVIRONMENT, SOURCES, TRAINED, VALIDATION
from fullturn.core.settings import MAX_SEED
from fullturn.core.showing import Block, Part, Result, Table, grid, line, plain, styled, then, view
from fullturn.core.tags import NOTE, TrainingTags
from fullturn.core.wording import shown
from fullturn.evaluation import records
from fullturn.evaluation.race import Race, race, recalled
from fullturn.evaluation.records import fingerprint
from fullturn.metrics.metric import key
from fullturn.store import save_pyfunc
from fullturn.subjects import bundle
from fullturn.subjects.protocols import Predictor
from fullturn.subjects.subject import Subject
from fullturn.tracking import provenance
from fullturn.tracking.cache_keys import code_of, listing, training_key
from fullturn.tracking.runs import RunPlan, TrackedRun
from fullturn.tracking.search import candidates, complete
from fullturn.verbs.workspace import (
    Progress,
    Workspace,
    load,
    silent,
    stored_evaluation,
    with_digest,
)

PROBES = 5
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Trial(Result):
    """A trained candidate and how it raced."""

    run: RunRecord
    race: Race

    @property
    def score(self) -> float:
        """Mean of the primary score on the validation rows."""
        return self.race.mean(self.race.evaluation.metrics[0])

    def to_dict(self) -> Any:
        """Its run, as `--json` prints it."""
        return self.run.to_dict()


class Trials(Table[Trial]):
    """Trained candidates, best first. `known` says whether the only one was trained before; it
    is None where that was not asked."""

    known: bool | None = None

    @property
    def run(self) -> RunRecord:
        """The run of the best."""
        return self[0].run

    def to_dict(self) -> Any:
        """Their runs; of the checkout's candidate its run, and whether it was trained before."""
        if self.known is None:
            return super().to_dict()
        return {"run": plain(self.run), "trained_before": self.known}


def train(  # noqa: PLR0913  the options of the command
    project: Workspace,
    params: Params = MappingProxyType({}),
    *,
    search: int | None = None,
    name: str | None = None,
    data: int | None = None,
    seed: int | None = None,
    cached: bool = False,
    progress: Progress = silent,
) -> Trials:
    """Train one set of parameters, or search many.

    A search of N sets varies the parameters that `params` does not set. Each candidate races the
    best before it, row by row on the validation split, and stops when it is shown to be worse;
    `name` names the first one. With `cached`, it is the candidate of this checkout: fullturn.toml's
    parameters over what a search found for the champion, on the newest
    dataset version; where the same code, data, environment and parameters were trained, that run
    is it. `data` is a dataset version, the newest if not named.

    Raises:
        UsageError: a parameter is unknown, the seed is out of range, or `cached` comes with
            another option.
        NotFound: there is no such dataset version.
        IntegrityError: the dataset version has another digest than recorded.
        AppError: the app raised.
    """
    if seed is not None and not 0 <= seed <= MAX_SEED:
        raise UsageError(f"seed = {shown(seed)}: allowed is 0 to {MAX_SEED}")
    if cached:
        if params or search or name or data or seed is not None:
            raise UsageError("--cached stands alone: set parameters in fullturn.toml")
        return _cached(project)
    if search is None:
        return Trials([train_one(project, params, name=name, version=data, seed=seed)])
    return Trials(
        search_parameters(
            project, search, fixed=params, name=name, version=data, seed=seed, progress=progress
        )
    )


def _cached(project: Workspace) -> Trials:
    from fullturn.verbs import candidate

    trial, known = candidate.trained(project)
    trials = Trials([trial])
    trials.known = known
    return trials


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
    """Train, seal and evaluate one candidate; against `best`, it stops early if it is worse.

    `tags` are the run's too, and come before its own.

    Raises:
        UsageError: a parameter is unknown.
        SettingsError: `[gates] metrics` names no metric.
        IntegrityError: the dataset version has another digest than recorded.
        AppError: the app raised.
    """
    project.metrics  # noqa: B018  a wrong name is refused before anything is trained
    chosen = complete(project.subject.defaults, {**project.settings.experiment.params, **params})
    data = load(project, version)
    seed = project.settings.experiment.seed if seed is None else seed
    tags = {
        **(tags or {}),
        **TrainingTags(
            data=data.version.version,
            data_digest=data.version.digest,
            declared=tuple(sorted(project.settings.experiment.params)),
            key_=training_key(project.settings, project.root, chosen, seed, data.version.digest),
            code=code_of(project.settings, project.root),
        ).write(),
    }
    plan = RunPlan(
        kind="train",
        name=name or _name(project.subject, chosen),
        params=chosen,
        tags=tags,
        seed=seed,
        owner=project.settings.experiment.owner,
    )
    with TrackedRun(project.store, project.root, project.state, plan) as run:
        raced = _train(project, run, data, chosen, best)
    return Trial(project.store.run(run.id), raced)


def search_parameters(  # noqa: PLR0913  what each of its trainings may be given
    project: Workspace,
    count: int,
    *,
    first: Params | None = None,
    fixed: Params = MappingProxyType({}),
    name: str | None = None,
    seed: int | None = None,
    version: int | None = None,
    resume: bool = False,
    progress: Progress = silent,
) -> list[Trial]:
    """Train up to `count` candidates, best first; each races the best before it.

    `first` overrides parameters of the first one, which `name` names; `fixed` those of all. With
    `resume`, what a search like this one has finished on the dataset version is not trained again.
    """
    settings = project.settings.experiment
    chosen = {**settings.params, **(first or {}), **fixed}
    defaults = complete(project.subject.defaults, chosen)
    space = {key: values for key, values in project.subject.space.items() if key not in fixed}
    points = candidates(defaults, space, count, settings.seed if seed is None else seed)
    finished = _finished(project, version) if resume else {}
    trials: list[Trial] = []
    for done, params in enumerate(points):
        progress("candidates", done, len(points))
        leader = max((t for t in trials if not t.race.stopped), key=_score, default=None)
        place = (done + 1, len(points))
        if place in finished:
            trials.append(recall(project, finished[place]))
            continue
        tags = TrainingTags(search_place=place[0], search_size=place[1]).write()
        called = name if done == 0 else None
        trials.append(
            train_one(
                project, params, name=called, version=version, seed=seed, best=leader, tags=tags
            )
        )
    progress("candidates", len(points), len(points))
    return sorted(trials, key=lambda t: (t.race.stopped, -t.score))


def recall(project: Workspace, run: RunRecord) -> Trial:
    """A candidate that was trained before, as far as another one can race it.

    Raises:
        NotFound: it stored no evaluation.
    """
    evaluation = stored_evaluation(project, run.id, VALIDATION)
    tags, data = TrainingTags.read(run.tags), load_of(project, run)
    groups = (tags.race_groups or 0, tags.race_of_groups or 0)
    return Trial(
        run, recalled(evaluation, data, bool(tags.race_stopped), groups, tags.race_e_value or 0.0)
    )


def load_of(project: Workspace, run: RunRecord) -> Dataset:
    """The dataset version of the content that a run was trained on; without one in this table,
    that of the number which the run recorded, whatever its content.

    Raises:
        NotFound: there is neither.
    """
    tags = TrainingTags.read(run.tags)
    found = with_digest(project, tags.data_digest or "")
    return load(project, found.version if found else tags.data)


def usable(run: RunRecord) -> bool:
    """Whether a training finished, stored a bundle and raced to the end."""
    tags = TrainingTags.read(run.tags)
    return run.status == "FINISHED" and tags.model is not None and tags.race_stopped is False


def trained_on(project: Workspace, version: int | None) -> list[RunRecord]:
    """Training runs on the content of a dataset version, newest first."""
    from fullturn.data import versions

    digest = versions.show(project.table, version).digest
    return project.store.runs("train", tags=TrainingTags(data_digest=digest).write())


def _finished(project: Workspace, version: int | None) -> dict[Place, RunRecord]:
    """Candidates of an earlier search on a dataset version, by their place in it."""
    return {
        place: run
        for run in trained_on(project, version)
        if run.status == "FINISHED" and (place := place_of(run))
    }


def place_of(run: RunRecord) -> Place | None:
    """Its place among the candidates of a search, and their number; None outside a search."""
    tags = TrainingTags.read(run.tags)
    if tags.search_place is None or tags.search_size is None:
        return None
    return tags.search_place, tags.search_size


def training_view(data: Dataset) -> Dataset:
    """The rows that an app may see: no test row, and no row equal to one."""
    test = {fingerprint(example) for example in data.split("test")}
    seen = tuple(e for e in data.split("train", "validation") if fingerprint(e) not in test)
    return replace(data, examples=seen)


def _train(
    project: Workspace, run: TrackedRun, data: Dataset, params: Params, best: Trial | None
) -> Race:
    store, subject = project.store, project.subject
    store.log_dataset(run.id, data.version, "training" if subject.can("training") else "evaluation")
    view = training_view(data)
    files = subject.train(view, params, run)
    origin = subject.origin(files)
    if origin is not None:
        store.tag_run(
            run.id, TrainingTags(refers_to=origin.address, refers_to_run=origin.run).write()
        )
    folder, digest = _seal(project, run, files, view, params)
    predictor = subject.load(folder, digest)
    raced = _race(project, run, predictor, view, best)
    if not raced.evaluation.rows:
        raise AppError("predict() gave another number of outputs than rows, in every batch")
    _record(project, run, view, raced)
    tags = TrainingTags(bundle=digest).write()
    means = {f"validation.{name}": raced.mean(name) for name in raced.evaluation.metrics}
    means |= _estimates(project, raced)
    source = store.log_model(run.id, run.plan.name, folder, tags, means)
    store.tag_run(run.id, TrainingTags(model=source, bundle=digest).write())
    return raced


def _seal(
    project: Workspace, run: TrackedRun, files: Path, view: Dataset, params: Params
) -> tuple[Path, str]:
    folder = files.parent / "model"
    folder.mkdir(exist_ok=True)
    files.rename(folder / bundle.FILES)
    rows = [example.input for example in (view.split("validation") or view.examples)[:PROBES]]
    record = {
        "app": project.settings.app,
        "params": dict(params),
        "dataset": view.version.name,
        "data": view.version.version,
        "data_digest": view.version.digest,
        "seed": run.seed,
        "run": run.id,
    }
    bundle.write_record(folder, record)
    outputs = project.subject.load_files(folder / bundle.FILES).predict(rows)
    probes = [
        {"input": dict(row), "output": project.subject.comparable(output)}
        for row, output in zip(rows, outputs, strict=False)
    ]
    bundle.write_record(folder, {**record, "probe": probes})
    inputs = [(c.name, c.kind) for c in project.subject.contract.columns if c.role == "input"]
    metadata = {"fullturn.app": project.settings.app, "fullturn.run": run.id}
    save_pyfunc(folder, bundle.FILES, "fullturn.subjects.bundle", inputs, metadata)
    return folder, bundle.seal(folder)


def _race(
    project: Workspace, run: TrackedRun, predictor: Predictor, view: Dataset, best: Trial | None
) -> Race:
    known, settings = _primary(best) if best else None, project.settings.experiment
    return race(project.subject, predictor, view, known, run.id, settings, run.log)


def _record(project: Workspace, run: TrackedRun, view: Dataset, raced: Race) -> None:
    store, evaluation = project.store, raced.evaluation
    if project.subject.can("training rows"):
        seen = sorted({fingerprint(example) for example in view.examples})
        trained = {"rows": len(view.examples), "fingerprints": seen}
        store.put_text(run.id, json.dumps(trained), TRAINED)
    store.put_text(run.id, records.to_jsonl(evaluation), VALIDATION)
    store.put_text(run.id, provenance.environment()[1], ENVIRONMENT)
    store.put_text(run.id, listing(project.settings, project.root), SOURCES)
    tags = {
        NOTE: _note(view, raced) + _elsewhere(project.subject),
        **TrainingTags(
            primary=evaluation.metrics[0],
            race_stopped=raced.stopped,
            race_groups=raced.groups,
            race_of_groups=raced.of_groups,
            race_e_value=raced.e_value,
        ).write(),
    }
    store.tag_run(run.id, tags)


def _estimates(project: Workspace, raced: Race) -> dict[str, float]:
    """The metrics that the settings name, on all validation rows; none if the race was stopped."""
    rows = () if raced.stopped else raced.evaluation.rows
    return {
        f"validation.{key(metric.name)}": metric.estimate(rows)
        for metric in project.metrics
        if rows and metric.name not in raced.evaluation.metrics and metric.applies(rows) is None
    }


def _note(view: Dataset, raced: Race) -> str:
    """What a person should see first on the run's page, in Markdown."""
    evaluation, found = raced.evaluation, raced.interval
    ended = "stopped early: worse than the best so far" if raced.stopped else "ran to the end"
    return (
        f"**{evaluation.metrics[0]} {found.estimate:.3f}** [{found.low:.3f}, {found.high:.3f}] "
        f"at 95 % on {len(evaluation.rows)} validation rows of {view.version.name} version "
        f"{view.version.version}. The race {ended}."
    )


def _elsewhere(subject: Subject) -> str:
    why = subject.lacks.get("training")
    return f" Nothing was trained: {why}." if why else ""


def _primary(trial: Trial) -> Mapping[str, float]:
    evaluation = trial.race.evaluation
    return {row.id: row.scores[evaluation.metrics[0]] for row in evaluation.rows}


def _score(trial: Trial) -> float:
    return trial.score


def _name(subject: Subject, chosen: Params) -> str:
    if not subject.can("training"):
        return ",".join(map(str, chosen.values()))
    defaults = subject.defaults
    changed = [f"{key}={value}" for key, value in chosen.items() if defaults[key] != value]
    return ",".join(changed)[:200] or "defaults"


def examples_of(rows: tuple[Example, ...], count: int) -> tuple[Example, ...]:
    """Up to `count` examples, spread evenly over the rows."""
    step = max(1, len(rows) // max(1, count))
    return rows[::step][:count]


@view.register
def _(result: Trials) -> Iterator[Block]:
    if result.known:
        when = result.run.started[:16].replace("T", " ")
        same = "code, data, environment and parameters are as then: nothing to train"
        yield line(f"run {result.run.id[:8]} of {when}: {same}")
    metric = result[0].race.evaluation.metrics[0]
    columns = ("run", "candidate", f">{metric}", ">95 % interval", ">rows", ">ms/row", "race")
    yield grid(columns, (_row(trial, alone=len(result) == 1) for trial in result))
    if result.known is None:
        yield then(f"fullturn gate {result.run.id[:8]}", "fullturn compare A B")
    else:
        compared = f"fullturn compare champion {result.run.id[:8]}"
        yield then("fullturn gate candidate", compared)


def _row(trial: Trial, *, alone: bool) -> tuple[Part, ...]:
    evaluation, level = trial.race.evaluation, trial.race.interval
    latency = 1000 * sum(row.latency for row in evaluation.rows) / len(evaluation.rows)
    return (
        trial.run.id[:8],
        trial.run.name,
        f"{level.estimate:.3f}",
        f"{level.low:.3f} to {level.high:.3f}",
        str(len(evaluation.rows)),
        f"{latency:.1f}",
        _raced(trial, alone=alone),
    )


def _raced(trial: Trial, *, alone: bool) -> Part:
    """How the race ended; the first candidate of a search had nobody to race either."""
    if trial.race.stopped:
        return styled(f"stopped: worse, e = {trial.race.e_value:.0f}", "open")
    first = TrainingTags.read(trial.run.tags).search_place == 1
    return "alone" if alone or first else "finished"
