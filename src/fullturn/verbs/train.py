"""Train one candidate, or search among many that race on the validation split."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import MappingProxyType
from typing import Any

from fullturn.core.entities import Params, RunRecord
from fullturn.core.errors import UsageError
from fullturn.core.settings import MAX_SEED
from fullturn.core.showing import Block, Part, Table, grid, line, plain, styled, then, view
from fullturn.core.tags import TrainingTags
from fullturn.core.wording import clipped_share, listed, shown
from fullturn.metrics import find
from fullturn.metrics.by_task import USAGE
from fullturn.registry.references import check_name
from fullturn.tracking.runs import VALIDATED
from fullturn.tracking.search import candidates, complete
from fullturn.verbs.parts.candidate import goodness, of_sources, trained, trained_on
from fullturn.verbs.parts.training import Trial, recall, train_one
from fullturn.verbs.workspace import (
    Progress,
    Workspace,
    silent,
)

SearchPlace = tuple[int, int]
"""Number of a candidate in its search, from 1, and the size of the search."""


class Trials(Table[Trial]):
    """Trained candidates, best first."""

    known: bool | None = None
    """With `cached`: whether the candidate was trained before; otherwise None."""

    @property
    def run(self) -> RunRecord:
        """The run of the best candidate."""
        return self[0].run

    def to_dict(self) -> Any:
        """The runs; with `cached` the run, and whether it was trained before."""
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

    With `search`, compare that many parameter sets, which vary the parameters that `params` does
    not set: each candidate races the best one so far, row by row on the validation split, and stops
    early if it is shown to be worse. `name` is the name of the first one. With `cached`, train the
    candidate of this checkout: the parameters of fullturn.toml, else those that a search found for
    the champion, on the newest dataset version. An existing run with the same code, data,
    environment and parameters is reused. `data` is a dataset version, by default the newest.

    Raises:
        UsageError: a parameter is unknown, the seed is out of range, the name means something else
            (`best`, a number), or `cached` is combined with another option.
        NotFound: there is no such dataset version.
        IntegrityError: the digest of the dataset version is not the recorded one.
        AppError: the app raised.
    """
    if seed is not None and not 0 <= seed <= MAX_SEED:
        raise UsageError(f"seed = {shown(seed)}: allowed is 0 to {MAX_SEED}")
    if name is not None:
        check_name(project.store, name)
    if cached:
        if params or search or name or data or seed is not None:
            raise UsageError("--cached takes no other option: set parameters in fullturn.toml")
        return _cached(project)
    if search is None:
        return Trials([train_one(project, params, name=name, version=data, seed=seed)])
    return Trials(
        search_parameters(
            project, search, fixed=params, name=name, version=data, seed=seed, progress=progress
        )
    )


def _cached(project: Workspace) -> Trials:
    trial, known = trained(project)
    trials = Trials([trial])
    trials.known = known
    return trials


def search_parameters(  # noqa: PLR0913  the options of each training
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
    """Train up to `count` candidates, best first; each races the best one so far.

    `first` overrides parameters of the first candidate, whose name is `name`; `fixed` those of all.
    With `resume`, candidates that an interrupted search on this dataset version has finished are
    not trained again.
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
        racing = [trial for trial in trials if not trial.race.stopped]
        leader = max(racing, key=lambda trial: trial.score, default=None)
        place = (done + 1, len(points))
        if place in finished:
            trials.append(recall(project, finished[place]))
            continue
        tags = TrainingTags(search_place=place[0], search_size=place[1]).write()
        named = name if done == 0 else None
        trials.append(
            train_one(
                project, params, name=named, version=version, seed=seed, best=leader, tags=tags
            )
        )
    progress("candidates", len(points), len(points))
    return sorted(trials, key=lambda t: (t.race.stopped, -goodness(project, t.run)))


def _finished(project: Workspace, version: int | None) -> dict[SearchPlace, RunRecord]:
    """Finished candidates of searches with this code on a dataset version, by their place."""
    return {
        place: run
        for run in of_sources(project, trained_on(project, version))
        if run.status == "FINISHED" and (place := search_place(run))
    }


def search_place(run: RunRecord) -> SearchPlace | None:
    """Its number in its search, and the size of the search; None outside a search."""
    tags = TrainingTags.read(run.tags)
    if tags.search_place is None or tags.search_size is None:
        return None
    return tags.search_place, tags.search_size


@view.register
def _(result: Trials) -> Iterator[Block]:
    if result.known:
        when = result.run.started[:16].replace("T", " ")
        same = "code, data, environment and parameters are unchanged: nothing to train"
        yield line(f"run {result.run.id[:8]} of {when}: {same}")
    metric = result[0].race.evaluation.metrics[0]
    more = [*_more_metrics(result[0]), *_usage(result)]
    named = (f">{name}" for name in more)
    columns = ("run", "candidate", f">{metric}", ">95 % interval", *named, ">rows", ">ms/row")
    yield grid((*columns, "race"), (_row(trial, more, alone=len(result) == 1) for trial in result))
    if len(cheapest := undominated(result)) > 1:
        names = listed([f"'{trial.run.name}'" for trial in cheapest])
        yield line(f"nothing is both better and cheaper than: {names}")
    if share := result[0].race.evaluation.clipped:
        yield line(f"'{result[0].run.name}': {clipped_share(share)}")
    if result.known is None:
        yield then(f"fullturn gate {result.run.id[:8]}", "fullturn compare A B")
    else:
        compared = f"fullturn compare champion {result.run.id[:8]}"
        yield then("fullturn gate candidate", compared)


def _more_metrics(trial: Trial) -> list[str]:
    """The key of the metric that candidates are chosen by, if it is no score of the app."""
    chosen = TrainingTags.read(trial.run.tags).chosen_by
    if not chosen or chosen in trial.race.evaluation.metrics:
        return []
    return [chosen] if f"{VALIDATED}{chosen}" in trial.run.metrics else []


def undominated(trials: Sequence[Trial]) -> list[Trial]:
    """Those that no other one equals at less cost, or beats at the same: by prices where they are
    known, else by tokens, on the rows that each answered. None where answers cost nothing."""
    of = next((name for name in reversed(USAGE) if all(_cost(t, name) for t in trials)), None)
    if of is None:
        return []
    costs = [(trial.score, _cost(trial, of), trial) for trial in trials]
    return [
        trial
        for score, cost, trial in costs
        if not any(s >= score and c <= cost and (s, c) != (score, cost) for s, c, _ in costs)
    ]


def _cost(trial: Trial, name: str) -> float:
    """The mean over the rows that a candidate answered, also of a stopped one; 0 if unknown."""
    rows, metric = trial.race.evaluation.rows, find(name)
    return metric.estimate(rows) if metric.applies(rows) is None else 0.0


def _usage(trials: Sequence[Trial]) -> list[str]:
    return [name for name in USAGE if all(_cost(trial, name) for trial in trials)]


def _row(trial: Trial, more: Sequence[str], *, alone: bool) -> tuple[Part, ...]:
    evaluation, level = trial.race.evaluation, trial.race.interval
    latency = 1000 * sum(row.latency for row in evaluation.rows) / len(evaluation.rows)
    return (
        trial.run.id[:8],
        trial.run.name,
        f"{level.estimate:.3f}",
        f"{level.low:.3f} to {level.high:.3f}",
        *(_figure(trial, name) for name in more),
        str(len(evaluation.rows)),
        f"{latency:.1f}",
        _raced(trial, alone=alone),
    )


def _figure(trial: Trial, name: str) -> str:
    value = trial.run.metrics.get(f"{VALIDATED}{name}")
    value = _cost(trial, name) if name in USAGE else value
    return "-" if value is None else f"{value:.4g}"


def _raced(trial: Trial, *, alone: bool) -> Part:
    """How the race ended; the first candidate of a search has no opponent either."""
    if trial.race.stopped:
        return styled(f"stopped: worse, e = {trial.race.e_value:.0f}", "open")
    first = TrainingTags.read(trial.run.tags).search_place == 1
    return "alone" if alone or first else "finished"
