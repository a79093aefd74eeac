"""Gather the evidence on a candidate, compute the gate, register what passes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from fullturn.core.entities import (
    CheckResult,
    Dataset,
    Evaluation,
    Example,
    GateReport,
    ModelVersion,
    RunRecord,
    ScoredRow,
)
from fullturn.core.errors import (
    CouldNotEvaluate,
    IntegrityError,
    NotFound,
)
from fullturn.core.records import TRAINED, VALIDATION
from fullturn.core.settings import GateSettings
from fullturn.core.showing import Block, Cell, Result, grid, line, mark, styled, then, view
from fullturn.core.tags import NOTE, PARENT, GateTags, TrainingTags, VersionTags
from fullturn.evaluation import behaviour, records, scoring
from fullturn.evaluation.records import fingerprint
from fullturn.gates import (
    ALL,
    BundleState,
    DataState,
    Evidence,
    LeakageState,
    RefusalState,
    compute,
    with_plugins,
)
from fullturn.gates import report as writer
from fullturn.gates.provenance import BundleSafe
from fullturn.registry import promotion, versions
from fullturn.subjects.protocols import Capability, Predictor
from fullturn.subjects.renamed import renamed_metrics
from fullturn.tracking.cache_keys import gate_key
from fullturn.tracking.runs import RunPlan, TrackedRun, journal_path
from fullturn.tracking.traces import TRACES, TraceSpool
from fullturn.verbs import references
from fullturn.verbs.register import register as register_version
from fullturn.verbs.train import examples_of, load_of, training_view
from fullturn.verbs.workspace import Progress, Workspace, load, newest, silent, stored_evaluation

if TYPE_CHECKING:
    import pandas as pd

TRACED = 100
"""Answers of a gate with a trace: one costs MLflow some 10 ms. The report counts them all."""
Repeated = tuple[Evaluation, Evaluation]
REPORTS = ("gate/report.json", "gate/report.md", "gate/report.html")
CODES = {"PASSED": 0, "FAILED": 1, "INCONCLUSIVE": 3}
ROWS = {"candidate": "gate/candidate.jsonl", "champion": "gate/champion.jsonl"}
"""Artifacts of a gate's run: every test row, answered and scored."""


@dataclass(frozen=True, slots=True)
class GateResult(Result):
    """A gate's report, the run that stores it, and the version that came of it."""

    report: GateReport
    run: str
    version: ModelVersion | None
    reused: bool = False
    """Whether the report was on record: nothing that it depends on has changed."""

    def to_pandas(self) -> pd.DataFrame:
        """A row for each check."""
        return self.report.to_pandas()

    def to_html(self) -> str:
        """The report's page."""
        return writer.to_html(self.report)

    @property
    def exit_code(self) -> int:
        """0 passed, 1 failed, 3 inconclusive."""
        return CODES[self.report.outcome]


def gate(
    project: Workspace,
    reference: str | int,
    *,
    waive: Mapping[str, str] = MappingProxyType({}),
    cached: bool = False,
    register: bool = True,
    progress: Progress = silent,
) -> GateResult:
    """Decide whether a run or a version may become champion; register what passes.

    Candidate, champion and a trivial baseline answer the same test rows. Missing evidence
    blocks. `waive` gives a reason for each check that may fail, by its code. With `cached`, a
    report on record is taken if candidate, champion, data, code, environment and limits are the
    same. Without `register`, it decides and registers nothing.

    Raises:
        NotFound: no such run or version.
        UsageError: a waiver names no check, or has no reason.
        SettingsError: `[gates] metrics` names no metric, or the evidence could not be signed;
            nothing was registered.
    """
    limits, candidate = _limits(project), references.run(project, reference)
    if cached and not waive:
        found = reusable_gate(project, candidate, register=register)
        if found is not None:
            return replace(found, reused=True)
    gated = _gated(project, candidate, limits, waive, progress)
    return _registered(project, candidate, gated, register)


def _gated(
    project: Workspace,
    candidate: RunRecord,
    limits: GateSettings,
    waive: Mapping[str, str],
    progress: Progress,
) -> GateResult:
    checks = with_plugins(ALL, project.settings.plugins.checks, project.root)
    champion, tested = promotion.champion(project.store), load(project).version.digest
    plan = RunPlan(
        kind="gate",
        name=f"gate of {candidate.name}",
        tags={
            PARENT: candidate.id,
            **GateTags(
                candidate=candidate.id,
                champion=champion,
                data_digest=tested,
                gate_key=gate_key(project.settings, project.root, candidate, champion, tested),
            ).write(),
        },
        owner=project.settings.experiment.owner,
    )
    with TrackedRun(project.store, project.root, project.state, plan) as run:
        path = journal_path(project.state, run.id, TRACES)
        with TraceSpool(project.store, path, candidate.id) as spool:
            collector = EvidenceCollector(project, candidate, progress, spool)
            evidence = collector.evidence()
        reasons = {**collector.waivers, **waive}
        report = compute(checks, evidence, limits, actor=project.owner, waivers=reasons)
        _store(project, run, report)
        _store_rows(project, run, evidence)
    return GateResult(report, run.id, None)


def reusable_gate(
    project: Workspace, candidate: RunRecord, *, register: bool = False
) -> GateResult | None:
    """The gate of a candidate on record, if another one would find the same; else None.

    With `register`, what passed is registered.
    """
    found = find_gate(project, candidate)
    if found is None or not (found.version or _is_reusable(found.report)):
        return None
    return found if found.version else _registered(project, candidate, found, register)


def find_gate(project: Workspace, candidate: RunRecord) -> GateResult | None:
    """The newest gate of a candidate with the same champion, test rows, code, environment and
    limits as now; of the champion itself, the gate that it came by, if all the rest is the same."""
    data = newest(project)
    if data is None:
        return None
    champion = promotion.champion(project.store)
    known = [v for v in project.store.versions(project.store.name) if v.run_id == candidate.id]
    if known and known[-1].version == champion:
        run = project.store.run(VersionTags.read(known[-1].tags).gate or "")
        tags = GateTags.read(run.tags)
        key = gate_key(project.settings, project.root, candidate, tags.champion, data.digest)
        if tags.gate_key == key:
            return GateResult(_report(project, run.id), run.id, known[-1])
    key = gate_key(project.settings, project.root, candidate, champion, data.digest)
    for run in project.store.runs("gate", tags=GateTags(gate_key=key).write()):
        if GateTags.read(run.tags).outcome:
            return GateResult(_report(project, run.id), run.id, None)
    return None


def _report(project: Workspace, run: str) -> GateReport:
    return writer.from_json(project.store.get(run, REPORTS[0]).read_text(encoding="utf-8"))


def _is_reusable(report: GateReport) -> bool:
    """Whether another gate would find the same: not if evidence was missing, nor by the clock."""
    return not any(
        r.missing
        or (r.outcome in ("FAILED", "INCONCLUSIVE") and r.family == "service")
        for r in report.results
        if r.waived is None
    )  # fmt: skip


def _registered(
    project: Workspace, candidate: RunRecord, gated: GateResult, register: bool
) -> GateResult:
    if not register or gated.report.outcome != "PASSED":
        return gated
    version = register_version(project, candidate, gated.report, gated.run)
    return replace(gated, version=version)


def renamed_floors(project: Workspace) -> tuple[str, ...]:
    """One sentence for each metric that `[gates.floors]` still has by its old name."""
    return tuple(
        f"metric '{old}' is now '{new}'; rename it in [gates.floors] of fullturn.toml: "
        "the next version will not accept the old name"
        for old, new in renamed_metrics(project.subject.app).items()
        if old in project.settings.gates.floors
    )


def _limits(project: Workspace) -> GateSettings:
    limits, renamed = project.settings.gates, renamed_metrics(project.subject.app)
    project.metrics  # noqa: B018  a wrong name is refused before anything is evaluated
    floors, margins = (
        {renamed.get(name, name): value for name, value in table.items()}
        for table in (limits.floors, limits.margins)
    )
    return limits.model_copy(update={"floors": floors, "margins": margins})


def _store(project: Workspace, run: TrackedRun, report: GateReport) -> None:
    texts = (writer.to_json(report), writer.to_markdown(report), writer.to_html(report))
    for name, text in zip(REPORTS, texts, strict=True):
        project.store.put_text(run.id, text, name)
    project.store.tag_run(run.id, {NOTE: texts[1], **GateTags(outcome=report.outcome).write()})
    project.store.tag_run(report.subject, TrainingTags(gate=run.id, outcome=report.outcome).write())
    counts = {result.outcome: 0.0 for result in report.results}
    for result in report.results:
        counts[result.outcome] += 1
    run.log(0, {f"checks.{outcome.lower()}": count for outcome, count in counts.items()})


def _store_rows(project: Workspace, run: TrackedRun, evidence: Evidence) -> None:
    for name, artifact in ROWS.items():
        evaluation: Evaluation | None = getattr(evidence, name)
        if evaluation is not None:
            project.store.put_text(run.id, records.to_jsonl(evaluation), artifact)


def worst_rows(evaluation: Evaluation) -> list[ScoredRow]:
    """The answers that a gate traces: those that went wrong first."""
    primary = evaluation.metrics[0] if evaluation.rows else ""
    return sorted(evaluation.rows, key=lambda row: row.scores[primary])[:TRACED]


@dataclass
class EvidenceCollector:
    """Collects evidence; what cannot be had is left out, with the reason."""

    project: Workspace
    run: RunRecord
    progress: Progress
    spool: TraceSpool
    absent: dict[str, str] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    waivers: dict[str, str] = field(default_factory=dict)
    """What the settings waive, by the check's code: files that can run code, where allowed."""

    def evidence(self) -> Evidence:
        """All evidence on the candidate that can be had."""
        project, subject = self.project, self.project.subject
        data = load(project)
        test = data.split("test")
        champion = promotion.champion(project.store)
        candidate = self._try("candidate", self._candidate)
        evaluated = self._evaluated("candidate", candidate, test, data)
        if evaluated is not None and subject.can("generated text"):
            self.spool.append(worst_rows(evaluated))
        some = examples_of(test, project.settings.gates.timed_rows)
        timed = self._evaluate_one_by_one("latencies", candidate, some, data)
        return Evidence(
            subject=self.run.id,
            champion_name=f"version {champion}" if champion else None,
            dataset=data.version,
            lacks=subject.lacks,
            data=self._try("data", self._data),
            leakage=self._able("training rows", "leakage", lambda: self._leakage(test)),
            bundle=self._try("bundle", self._bundle),
            candidate=evaluated,
            validation=self._try("validation", self._validation),
            champion=self._champion(champion, test, data),
            baseline=self._evaluated("baseline", self._baseline(data), test, data),
            behaviours=self._behaviours(candidate, evaluated, test, data),
            repeated=self._repeated(timed, some, data),
            latencies=tuple(row.latency for row in timed.rows) if timed else None,
            refusal=self._refusal(test, data),
            metrics=project.metrics,
            unknown=self.unknown,
            absent=self.absent,
        )

    def _try(self, name: str, get: Callable[[], Any]) -> Any:
        self.progress(name, 0, 1)
        try:
            return get()
        except (CouldNotEvaluate, IntegrityError, NotFound) as error:
            self.absent[name] = str(error)
            return None

    def _able(self, capability: Capability, name: str, get: Callable[[], Any]) -> Any:
        """The same, where the subject has a capability; else its reason is on record."""
        why = self.project.subject.lacks.get(capability)
        if why is None:
            return self._try(name, get)
        self.unknown[name] = why
        return None

    def _source(self) -> tuple[str, str]:
        return versions.located(self.run)

    def _candidate(self) -> Predictor:
        source, digest = self._source()
        return self.project.subject.load(self.project.store.fetch_model(source), digest)

    def _baseline(self, data: Dataset) -> Predictor | None:
        subject = self.project.subject
        return self._able(  # type: ignore[no-any-return]
            "baseline", "baseline", lambda: subject.baseline(training_view(data))
        )

    def _data(self) -> DataState:
        recorded = TrainingTags.read(self.run.tags).data_digest or "nothing"
        return DataState(recorded, load_of(self.project, self.run).version.digest)

    def _leakage(self, test: tuple[Example, ...]) -> LeakageState:
        stored = json.loads(self.project.store.get(self.run.id, TRAINED).read_text())
        trained = set(stored["fingerprints"])
        shared = tuple(example.id for example in test if fingerprint(example) in trained)
        return LeakageState(stored["rows"], len(test), shared)

    def _bundle(self) -> BundleState:
        source, digest = self._source()
        found = self.project.subject.inspect(self.project.store.fetch_model(source), digest)
        if found.unsafe and found.allowed:
            self.waivers[BundleSafe.code] = found.allowed
        return BundleState(found.files, found.problems, found.unsafe)

    def _validation(self) -> Evaluation:
        return stored_evaluation(self.project, self.run.id, VALIDATION)

    def _evaluated(
        self, name: str, predictor: Predictor | None, rows: tuple[Example, ...], data: Dataset
    ) -> Evaluation | None:
        if predictor is None:
            return None
        subject = self.project.subject
        return self._try(  # type: ignore[no-any-return]
            name, lambda: scoring.evaluate(subject, predictor, rows, name, data.version)
        )

    def _champion(
        self, number: int | None, test: tuple[Example, ...], data: Dataset
    ) -> Evaluation | None:
        if number is None:
            return None
        store, subject = self.project.store, self.project.subject

        def champion() -> Predictor:
            folder, _ = versions.files(store, versions.version(store, str(number)))
            return subject.load(folder)

        return self._evaluated("champion", self._try("champion", champion), test, data)

    def _behaviours(
        self,
        predictor: Predictor | None,
        clean: Evaluation | None,
        test: tuple[Example, ...],
        data: Dataset,
    ) -> Mapping[str, tuple[Evaluation, Evaluation]] | None:
        subject = self.project.subject
        column = subject.text_column
        if predictor is None or clean is None or column is None:
            return None
        some = examples_of(test, self.project.settings.gates.behaviour_rows)
        ids = {example.id for example in some}
        rows = tuple(row for row in clean.rows if row.id in ids)
        same = Evaluation(clean.subject, clean.dataset, clean.split, rows, len(some), 0.0)
        pairs = {}
        for kind in subject.perturbations:
            changed = tuple(behaviour.perturbed(some, column, kind, seed=0))
            evaluated = self._evaluated(kind, predictor, changed, data)
            if evaluated is not None:
                pairs[kind] = (same, evaluated)
        return pairs

    def _evaluate_one_by_one(
        self, name: str, predictor: Predictor | None, rows: Sequence[Example], data: Dataset
    ) -> Evaluation | None:
        """Rows asked one at a time, past any cache."""
        from fullturn.llm import uncached

        if predictor is None:
            return None
        subject, version = self.project.subject, data.version
        with uncached():
            return self._try(  # type: ignore[no-any-return]
                name, lambda: scoring.evaluate_one_by_one(subject, predictor, rows, name, version)
            )

    def _repeated(
        self, first: Evaluation | None, rows: Sequence[Example], data: Dataset
    ) -> Repeated | None:
        """The same rows once more, asked another predictor that is loaded apart."""
        if first is None:
            return None
        again = self._try("repeated", self._candidate)
        second = self._evaluate_one_by_one("repeated", again, rows, data)
        return (first, second) if second else None

    def _refusal(self, test: tuple[Example, ...], data: Dataset) -> RefusalState | None:
        column = self.project.subject.text_column
        if column is None or not self.project.subject.can("generated text"):
            return None
        return self._try("refusal", lambda: self._injections(column, test, data))  # type: ignore[no-any-return]

    def _injections(self, column: str, test: tuple[Example, ...], data: Dataset) -> RefusalState:
        subject, folder = self.project.subject, self.project.store.fetch_model(self._source()[0])
        token = behaviour.canary()
        predictor = subject.load_with_canary(folder, token, behaviour.poisoned(data.reference))
        rate = self.project.settings.gates.refusal_rate
        texts = behaviour.attempts([str(example.input[column]) for example in test[:32]], rate)
        rows = [{column: text} for text in texts]
        found = behaviour.leaks(subject.text_of, predictor, rows, token)
        return RefusalState(len(texts), tuple(texts[number] for number in found))


@view.register
def _(result: GateReport) -> Iterator[Block]:
    against = f"champion: {result.champion or 'none yet'}"
    yield line("gate: ", mark(result.outcome), f"   data: {result.dataset}; {against}")
    yield grid(("check", "outcome", "reason"), map(_row, result.results))


def _row(found: CheckResult) -> tuple[Cell, ...]:
    outcome = mark(found.outcome)
    if not found.waived:
        return found.code, outcome, found.reason
    return found.code, (outcome, " (waived)"), f"{found.reason} [waived: {found.waived}]"


@view.register
def _(result: GateResult) -> Iterator[Block]:
    yield from view(result.report)
    note = " (reused: its inputs are unchanged)" if result.reused else ""
    yield line(f"report: run {result.run[:8]}, artifact {REPORTS[2]}{note}")
    if result.version:
        number = result.version.version
        yield line("registered as ", styled(f"version {number}", "bold"))
        yield then(f"fullturn promote {number} --reason '…'")
    elif result.report.outcome == "PASSED":
        registers = f"fullturn gate {result.report.subject[:8]} --cached   (registers it)"
        yield then(registers, "fullturn cd")
    else:
        again = "fullturn gate … --waive CODE='reason'"
        yield then("fullturn runs", "fullturn compare A B", again)
