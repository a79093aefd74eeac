"""Collect the evidence that a pipeline's report shows: runs, gate, scored rows, data, cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TypeVar

from fullturn.core.entities import Evaluation, GateReport, ModelVersion, RunRecord
from fullturn.core.errors import FullturnError, NotFound, SettingsError, StoreUnavailable
from fullturn.core.settings import GateSettings, stored_limits
from fullturn.core.tags import GateTags, OriginTags, VersionTags
from fullturn.metrics import Metric, find
from fullturn.metrics.metric import in_unit
from fullturn.pipeline.records import Cost, Delivery, Flip, Pair, Subject
from fullturn.registry import promotion, versions
from fullturn.verbs.ci import changes, paired
from fullturn.verbs.ci.changes import ComparedRuns, DataFound, data_digest
from fullturn.verbs.ci.paired import Compared
from fullturn.verbs.gate import ROWS
from fullturn.verbs.workspace import (
    Workspace,
    load,
    stored_evaluation,
    stored_report,
    with_digest,
)

Found = TypeVar("Found")
Sides = tuple[Evaluation | None, Evaluation | None]
"""Scored test rows of the candidate and of the champion."""
Gates = tuple[GateReport | None, GateReport | None]
"""The candidate's gate, and the one that the champion passed."""


@dataclass
class ReportCollector:
    """Reads the stored evidence on a candidate; damaged evidence becomes a warning."""

    project: Workspace
    candidate: RunRecord | None
    gate_run: str | None
    damaged: list[str] = field(default_factory=list)

    def complete(self, bare: Delivery) -> Delivery:
        """The report `bare` with all evidence that is stored.

        Raises:
            StoreUnavailable: the tracking server does not answer.
        """
        gate, runs = self._report(self.gate_run), self._compared_runs()
        data = self._read("the data change", lambda: runs.data(self.project))
        delivery = replace(
            bare,
            candidate=_subject(runs.candidate, None),
            champion=_subject(runs.champion, runs.version),
            params=runs.params(),
            files=self._read("the code change", lambda: runs.files(self.project)),
            packages=self._read("the environment change", lambda: runs.packages(self.project)),
            data=data.change if data else None,
            gate=gate,
        )
        return self._with_rows(delivery, runs, data)

    def _read(self, what: str, get: Callable[[], Found]) -> Found | None:
        """The result of `get`; None if it is not stored, or, with a warning, if it is damaged."""
        try:
            return get()
        except (NotFound, StoreUnavailable) as error:
            if isinstance(error, StoreUnavailable):
                raise
        except FullturnError as error:
            self.damaged.append(f"{what} cannot be read: {error}")
        return None

    def _report(self, run: str | None) -> GateReport | None:
        if not run:
            return None
        return self._read("the gate report", lambda: stored_report(self.project, run))

    def _compared_runs(self) -> ComparedRuns:
        number, store = self._compared_with(), self.project.store
        if number is None:
            return ComparedRuns(self.candidate, None, None)
        version = self._read("the champion", lambda: versions.version(store, str(number)))
        run = self._read("its run", lambda: store.run(version.run_id)) if version else None
        return ComparedRuns(self.candidate, version, run)

    def _compared_with(self) -> int | None:
        """The gate's champion; without a gate, that of the registry."""
        if self.gate_run is None:
            return promotion.champion(self.project.store)
        return GateTags.read(self.project.store.run(self.gate_run).tags).champion

    def _rows(self, name: str) -> Evaluation | None:
        run = self.gate_run
        if run is None:
            return None
        what = f"the scored rows of the {name}"
        found = self._read(what, lambda: stored_evaluation(self.project, run, ROWS[name]))
        return found if found and found.rows else None

    def _with_rows(
        self, delivery: Delivery, runs: ComparedRuns, data: DataFound | None
    ) -> Delivery:
        """The report with the row-by-row comparison, the warnings and the cost."""
        ours, theirs = self._rows("candidate"), self._rows("champion")
        before = self._report(VersionTags.read(runs.version.tags).gate if runs.version else None)
        if ours and theirs:
            limits = self._limits(delivery.gate)
            compared = Compared(ours, theirs, limits, self._named_metrics(limits))
            delivery = self._with_differences(delivery, compared, data)
        warnings = (
            *changes.test_set_warnings(runs, data, delivery.shared),
            *changes.gate_warnings(delivery.gate, before),
            *changes.row_warnings(delivery.gate, ours, theirs),
            *self._champion_warnings(runs),
            *changes.code_warnings(delivery.checkout, runs),
            *self.damaged,
        )
        cost = _cost(runs, (ours, theirs), (delivery.gate, before))
        return replace(delivery, warnings=warnings, cost=cost)

    def _named_metrics(self, limits: GateSettings) -> tuple[Metric, ...]:
        """The metrics in the gate's settings; none if one of them no longer exists."""
        root, unit = self.project.root, self.project.settings.data.unit
        try:
            return tuple(in_unit(find(name, root), unit) for name in limits.named_metrics)
        except SettingsError as error:
            self.damaged.append(str(error))
            return ()

    def _limits(self, gate: GateReport | None) -> GateSettings:
        return stored_limits(gate.limits) if gate and gate.limits else self.project.settings.gates

    def _with_differences(
        self, delivery: Delivery, compared: Compared, data: DataFound | None
    ) -> Delivery:
        lost, gained = compared.flipped()
        changed = data is not None and data.change.test_changed
        return replace(
            delivery,
            margin=compared.limits.margin,
            scores=compared.scores(),
            shared=compared.among(data.shared) if data and changed else None,
            slices=compared.slices(),
            lost=len(lost),
            gained=len(gained),
            flips_of=compared.flips_of,
            flips=self._read("the rows that flipped", lambda: self._flips(compared)) or (),
        )

    def _flips(self, compared: Compared) -> tuple[Flip, ...]:
        gate = self.project.store.run(self.gate_run or "")
        version = with_digest(self.project, GateTags.read(gate.tags).data_digest or "")
        examples = load(self.project, version.version).examples if version else ()
        return paired.flips(compared, self.project.subject, examples)

    def _champion_warnings(self, runs: ComparedRuns) -> Iterator[str]:
        if self.gate_run is not None:
            number = runs.version.version if runs.version else self._compared_with()
            current = promotion.champion(self.project.store)
            yield from changes.champion_warnings(number, current)


def _subject(run: RunRecord | None, version: ModelVersion | None) -> Subject | None:
    if run is None:
        return None
    name = f"version {version.version}" if version else f"run '{run.name}'"
    commit = OriginTags.read(run.tags).commit
    return Subject(name, run.id, commit, data_digest(run))


def _cost(runs: ComparedRuns, rows: Sides, gates: Gates) -> Cost | None:
    if runs.candidate is None:
        return None
    ours, theirs = (paired.tokens(one) if one else None for one in rows)
    trained = runs.champion.duration if runs.champion else None
    return Cost(
        train_seconds=(runs.candidate.duration, trained),
        milliseconds=_uncached_latencies(gates) if ours or theirs else _batch_latencies(rows),
        tokens=(ours, theirs),
    )


def _batch_latencies(rows: Sides) -> Pair:
    """Mean milliseconds per answer, answered in batches."""
    ours, theirs = (paired.milliseconds(one) if one else None for one in rows)
    return ours, theirs


def _uncached_latencies(gates: Gates) -> Pair:
    """Median milliseconds of single answers, as the gates measured them without the LLM's cache."""
    ours, theirs = map(_p50, gates)
    return ours, theirs


def _p50(gate: GateReport | None) -> float | None:
    found = [r.figures.get("p50_ms") for r in gate.results if r.code == "SERV01"] if gate else []
    return float(found[0]) if found and isinstance(found[0], int | float) else None
