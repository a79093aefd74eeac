"""Gather what a pipeline found from what is on record: steps, runs, gate, rows, data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar

from fullturn.core.entities import Evaluation, GateReport, ModelVersion, RunRecord
from fullturn.core.errors import FullturnError, NotFound, SettingsError, StoreUnavailable
from fullturn.core.settings import GateSettings, stored_limits
from fullturn.core.tags import GateTags, OriginTags, VersionTags
from fullturn.gates import advice
from fullturn.gates import report as reports
from fullturn.metrics import Metric, find
from fullturn.pipeline.records import Checkout, Cost, Delivery, Ended, Flip, Subject, Verdict
from fullturn.pipeline.steps import EVALUATE
from fullturn.registry import promotion, versions
from fullturn.verbs.ci import concerns, paired
from fullturn.verbs.ci.paired import Compared
from fullturn.verbs.ci.sides import ComparedRuns, DataFound, data_digest
from fullturn.verbs.gate import REPORTS, ROWS
from fullturn.verbs.workspace import Workspace, load, stored_evaluation, with_digest

Found = TypeVar("Found")
_BY_CODE: dict[int, Verdict] = {1: "FAILED", 3: "INCONCLUSIVE"}
_NEEDED = {step.name for step in EVALUATE if not step.always}
_ALWAYS = {step.name for step in EVALUATE if step.always}
"""The report itself: no step that was not reached."""


def gather(
    project: Workspace,
    ended: Sequence[Ended],
    candidate: RunRecord | None,
    gate_run: str | None,
    checkout: Checkout,
) -> Delivery:
    """All that the report says of a candidate, whose standing gate is the run `gate_run`.

    What is not on record is left out, what is damaged is warned of; where the tracking server or
    the app itself is out of reach, only the steps are told.
    """
    bare = _bare(project, tuple(ended), checkout)
    try:
        return EvidenceCollector(project, candidate, gate_run).delivery(bare)
    except FullturnError as error:
        verdict, reason = _of_steps(bare.steps) or ("COULD_NOT_EVALUATE", str(error))
        return replace(bare, verdict=verdict, reason=reason)


def _bare(project: Workspace, ended: tuple[Ended, ...], checkout: Checkout) -> Delivery:
    return Delivery(
        project=project.settings.name,
        verdict="COULD_NOT_EVALUATE",
        reason="",
        checkout=checkout,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        steps=tuple(one for one in ended if one.exit_code is not None or one.name not in _ALWAYS),
        warnings=tuple(concerns.of_code(checkout, ComparedRuns(None, None, None))),
    )


@dataclass
class EvidenceCollector:
    """Reads what there is about a candidate; what is damaged becomes a warning."""

    project: Workspace
    candidate: RunRecord | None
    gate_run: str | None
    damaged: list[str] = field(default_factory=list)

    def delivery(self, bare: Delivery) -> Delivery:
        """The whole of it.

        Raises:
            StoreUnavailable: the tracking server does not answer.
        """
        gate, sides = self._report(self.gate_run), self._sides()
        data = self._read("the change of the data", lambda: sides.data(self.project))
        told = replace(
            bare,
            candidate=self._subject(sides.candidate, None),
            champion=self._subject(sides.champion, sides.version),
            params=sides.params(),
            files=self._read("the code", lambda: sides.files(self.project)),
            packages=self._read("the environment", lambda: sides.packages(self.project)),
            data=data.change if data else None,
            gate=gate,
        )
        told = self._compared(told, sides, data)
        verdict, reason = _verdict(told)
        return replace(told, verdict=verdict, reason=reason)

    def _read(self, what: str, get: Callable[[], Found]) -> Found | None:
        """What was got; None if it is not on record, or, with a warning, if it is damaged."""
        try:
            return get()
        except (NotFound, StoreUnavailable) as error:
            if isinstance(error, StoreUnavailable):
                raise
        except FullturnError as error:
            self.damaged.append(f"{what} cannot be told: {error}")
        return None

    def _report(self, run: str | None) -> GateReport | None:
        if not run:
            return None
        store = self.project.store
        return self._read(
            "the gate's report",
            lambda: reports.from_json(store.get(run, REPORTS[0]).read_text(encoding="utf-8")),
        )

    def _sides(self) -> ComparedRuns:
        number, store = self._compared_with(), self.project.store
        if number is None:
            return ComparedRuns(self.candidate, None, None)
        version = self._read("the champion", lambda: versions.version(store, str(number)))
        run = self._read("its run", lambda: store.run(version.run_id)) if version else None
        return ComparedRuns(self.candidate, version, run)

    def _compared_with(self) -> int | None:
        """The champion of the gate, or, without one, of the registry."""
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

    def _compared(self, told: Delivery, sides: ComparedRuns, data: DataFound | None) -> Delivery:
        ours, theirs = self._rows("candidate"), self._rows("champion")
        before = self._report(VersionTags.read(sides.version.tags).gate if sides.version else None)
        if ours and theirs:
            limits = self._limits(told.gate)
            compared = Compared(ours, theirs, limits, self._named(limits))
            told = self._differences(told, compared, data)
        warned = (
            *concerns.of_test_set(sides, data, told.shared),
            *concerns.of_gate(told.gate, before),
            *concerns.of_rows(told.gate, ours, theirs),
            *self._of_champion(sides),
            *concerns.of_code(told.checkout, sides),
            *self.damaged,
        )
        return replace(told, warnings=warned, cost=_cost(sides, (ours, theirs), told.gate, before))

    def _named(self, limits: GateSettings) -> tuple[Metric, ...]:
        """The metrics that the gate was asked for; none if one of them is no longer there."""
        root = self.project.root
        try:
            return tuple(find(name, root) for name in limits.metrics)
        except SettingsError as error:
            self.damaged.append(str(error))
            return ()

    def _limits(self, gate: GateReport | None) -> GateSettings:
        return stored_limits(gate.limits) if gate and gate.limits else self.project.settings.gates

    def _differences(self, told: Delivery, compared: Compared, data: DataFound | None) -> Delivery:
        lost, gained = compared.flipped()
        changed = data is not None and data.change.test_changed
        return replace(
            told,
            margin=compared.limits.margin,
            scores=compared.scores(),
            shared=compared.among(data.shared) if data and changed else None,
            slices=compared.slices(),
            lost=len(lost),
            gained=len(gained),
            flips=self._read("rows that flipped", lambda: self._flips(compared)) or (),
        )

    def _flips(self, compared: Compared) -> tuple[Flip, ...]:
        gate = self.project.store.run(self.gate_run or "")
        version = with_digest(self.project, GateTags.read(gate.tags).data_digest or "")
        examples = load(self.project, version.version).examples if version else ()
        return paired.flips(compared, self.project.subject, examples)

    def _of_champion(self, sides: ComparedRuns) -> Iterator[str]:
        if self.gate_run is not None:
            number = sides.version.version if sides.version else self._compared_with()
            yield from concerns.of_champion(number, promotion.champion(self.project.store))

    def _subject(self, run: RunRecord | None, version: ModelVersion | None) -> Subject | None:
        if run is None:
            return None
        name = f"version {version.version}" if version else f"run '{run.name}'"
        commit = OriginTags.read(run.tags).commit
        return Subject(name, run.id, commit, data_digest(run))


def _cost(
    sides: ComparedRuns,
    rows: tuple[Evaluation | None, Evaluation | None],
    gate: GateReport | None,
    before: GateReport | None,
) -> Cost | None:
    if sides.candidate is None:
        return None
    tokens = [paired.tokens(one) if one else None for one in rows]
    # An LLM's cache may have given the rows' answers; the gate timed some without it.
    by_llm = any(tokens)
    timed = [_timed(one) for one in (gate, before)]
    measured = [paired.milliseconds(one) if one else None for one in rows]
    spent = timed if by_llm else measured
    trained = sides.champion.duration if sides.champion else None
    return Cost(
        train_seconds=(sides.candidate.duration, trained),
        milliseconds=(spent[0], spent[1]),
        tokens=(tokens[0], tokens[1]),
    )


def _timed(gate: GateReport | None) -> float | None:
    """Median milliseconds of single answers, as the gate measured them."""
    found = [r.figures.get("p50_ms") for r in gate.results if r.code == "SERV01"] if gate else []
    return float(found[0]) if found and isinstance(found[0], int | float) else None


def _verdict(told: Delivery) -> tuple[Verdict, str]:
    """From the first step that failed, then from the gate."""
    stopped = _of_steps(told.steps)
    if stopped is not None:
        gate = told.gate
        by_gate = _first_failed(told.steps) == "gate" and gate and gate.outcome == stopped[0]
        return (stopped[0], advice.why(gate)) if by_gate and gate else stopped
    if told.gate is not None and not (told.unchanged and told.gate.outcome == "PASSED"):
        return told.gate.outcome, advice.why(told.gate)
    if told.unchanged and told.champion:
        return "PASSED", (
            f"The candidate is the champion's own run ({told.champion.name}): code, data, "
            "environment and parameters are the same, so nothing was trained or compared."
        )
    return "COULD_NOT_EVALUATE", "There is no gate on this candidate: `fullturn ci` computes one."


def _first_failed(steps: Sequence[Ended]) -> str | None:
    return next((step.name for step in steps if step.exit_code), None)


def _of_steps(steps: Sequence[Ended]) -> tuple[Verdict, str] | None:
    for step in steps:
        if step.exit_code:
            verdict = _BY_CODE.get(step.exit_code, "COULD_NOT_EVALUATE")
            why = step.reason or f"it ended with exit code {step.exit_code}"
            return verdict, f"Step '{step.name}' stopped the pipeline: {why}"
        if step.exit_code is None and step.name in _NEEDED:
            return "COULD_NOT_EVALUATE", f"Step '{step.name}' was not reached."
    return None
