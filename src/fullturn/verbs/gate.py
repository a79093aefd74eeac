"""Decide whether a run or a version may become champion; register it if it passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from fullturn.core.entities import (
    CheckResult,
    Evaluation,
    GateReport,
    ModelVersion,
    RunRecord,
)
from fullturn.core.records import REPORTS
from fullturn.core.settings import GateSettings
from fullturn.core.showing import Block, Cell, Result, grid, line, mark, styled, then, view
from fullturn.core.tags import NOTE, PARENT, GateTags, TrainingTags, VersionTags
from fullturn.evaluation import records
from fullturn.evidence.signing import UNSIGNED, is_unsigned_by_default, require_library
from fullturn.gates import (
    ALL,
    Evidence,
    compute,
    with_plugins,
)
from fullturn.gates import report as writer
from fullturn.metrics.metric import key
from fullturn.registry import promotion
from fullturn.subjects.scores import renamed_metrics
from fullturn.tracking.cache_keys import gate_key
from fullturn.tracking.runs import RunPlan, TrackedRun, journal_path
from fullturn.tracking.traces import TRACES, TraceSpool
from fullturn.verbs.parts import references
from fullturn.verbs.parts.admission import require_own_model
from fullturn.verbs.parts.gate_evidence import EvidenceCollector
from fullturn.verbs.parts.register import register as register_version
from fullturn.verbs.workspace import (
    Progress,
    Workspace,
    load,
    newest,
    recorded_version,
    silent,
    stored_report,
)

if TYPE_CHECKING:
    import pandas as pd

CODES = {"PASSED": 0, "FAILED": 1, "INCONCLUSIVE": 3}
ROWS = {"candidate": "gate/candidate.jsonl", "champion": "gate/champion.jsonl"}
"""Artifacts of a gate's run: every test row, answered and scored."""


@dataclass(frozen=True, slots=True)
class GateResult(Result):
    """A gate report, the run that stores it, and the registered version if there is one."""

    report: GateReport
    run: str
    version: ModelVersion | None
    reused: bool = False
    """Whether a stored report was reused, as its inputs are unchanged."""
    unsigned: str = ""
    """Why the version's evidence has no signature, if nobody decided so."""

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
    """Decide whether a run or a version may become champion; register it if it passes.

    Candidate, champion and a trivial baseline are scored on the same test rows. Missing evidence
    blocks. `waive` maps the codes of waived checks to reasons. With `cached`, the stored report is
    reused if candidate, champion, data, code, environment and limits are unchanged. With
    `register=False`, nothing is registered.

    Raises:
        NotFound: there is no such run or version.
        UsageError: a waiver names no check, or has no reason.
        Conflict: it would register, and the registered model is not fullturn's.
        RowsMissing: the rows that it was trained on are not in this table; nothing was recorded.
        SettingsError: `[gates] metrics` names an unknown metric, or the evidence could not be
            signed; nothing was registered.
    """
    limits, candidate = _limits(project), references.run(project, reference)
    if register:
        require_own_model(project)
        signed = project.settings.serving.signed
        require_library(project.settings.signing, needed=signed)
    if cached and not waive:
        found = reusable_gate(project, candidate, register=register)
        if found is not None:
            return replace(found, reused=True)
    gated = _evaluate(project, candidate, limits, waive, progress)
    return _register(project, candidate, gated, register)


def _evaluate(
    project: Workspace,
    candidate: RunRecord,
    limits: GateSettings,
    waive: Mapping[str, str],
    progress: Progress,
) -> GateResult:
    """Collect the evidence and compute the gate, in a run of its own."""
    checks = with_plugins(ALL, project.settings.plugins.checks, project.root)
    trained = TrainingTags.read(candidate.tags)
    if trained.refers_to is None:
        recorded_version(project, trained.data, trained.data_digest)  # no verdict without its rows
    data = load(project)
    plan = _plan(project, candidate, data.version.digest)
    with TrackedRun(project.store, project.root, project.state, plan) as run:
        path = journal_path(project.state, run.id, TRACES)
        with TraceSpool(project.store, path, candidate.id) as spool:
            collector = EvidenceCollector(project, candidate, data, progress, spool)
            evidence = collector.evidence()
        reasons = {**collector.waivers, **waive}
        report = compute(checks, evidence, limits, actor=project.owner, waivers=reasons)
        _store_report(project, run, report)
        _store_rows(project, run, evidence)
    return GateResult(report, run.id, None)


def _plan(project: Workspace, candidate: RunRecord, digest: str) -> RunPlan:
    champion = promotion.champion(project.store)
    tags = GateTags(
        candidate=candidate.id,
        champion=champion,
        data_digest=digest,
        gate_key=gate_key(project.settings, project.root, candidate, champion, digest),
    )
    return RunPlan(
        kind="gate",
        name=f"gate of {candidate.name}",
        tags={PARENT: candidate.id, **tags.write()},
        owner=project.owner,
    )


def reusable_gate(
    project: Workspace, candidate: RunRecord, *, register: bool = False
) -> GateResult | None:
    """The stored gate of a candidate, if a new one would have the same outcome; else None.

    With `register`, a candidate that passed is registered.
    """
    found = find_gate(project, candidate)
    if found is None or not (found.version or _is_reusable(found.report)):
        return None
    return found if found.version else _register(project, candidate, found, register)


def find_gate(project: Workspace, candidate: RunRecord) -> GateResult | None:
    """The newest gate of a candidate with the present champion, test rows, code, environment and
    limits; of the champion itself, the gate that it passed, if all else is unchanged."""
    data = newest(project)
    if data is None:
        return None
    champion = promotion.champion(project.store)
    known = [v for v in project.store.versions(project.store.name) if v.run_id == candidate.id]
    if known and known[-1].version == champion:
        found = _gate_of_champion(project, candidate, known[-1], data.digest)
        if found is not None:
            return found
    key = gate_key(project.settings, project.root, candidate, champion, data.digest)
    for run in project.store.runs("gate", tags=GateTags(gate_key=key).write()):
        if GateTags.read(run.tags).outcome:
            return GateResult(stored_report(project, run.id), run.id, None)
    return None


def _gate_of_champion(
    project: Workspace, candidate: RunRecord, version: ModelVersion, digest: str
) -> GateResult | None:
    """The gate that the champion passed, if its inputs are unchanged."""
    passed = VersionTags.read(version.tags).gate
    if passed is None:  # it was adopted without one
        return None
    run = project.store.run(passed)
    tags = GateTags.read(run.tags)
    key = gate_key(project.settings, project.root, candidate, tags.champion, digest)
    if tags.gate_key != key:
        return None
    return GateResult(stored_report(project, run.id), run.id, version)


def _is_reusable(report: GateReport) -> bool:
    """Whether a new gate would decide the same: not if evidence was missing, or latency decided."""
    return not any(
        r.missing
        or (r.outcome in ("FAILED", "INCONCLUSIVE") and r.family == "service")
        for r in report.results
        if r.waived is None
    )  # fmt: skip


def _register(
    project: Workspace, candidate: RunRecord, gated: GateResult, register: bool
) -> GateResult:
    if not register or gated.report.outcome != "PASSED":
        return gated
    version = register_version(project, candidate, gated.report, gated.run)
    unsigned = UNSIGNED if is_unsigned_by_default(project.settings.signing) else ""
    return replace(gated, version=version, unsigned=unsigned)


def renamed_floors(project: Workspace) -> tuple[str, ...]:
    """A hint for each metric in `[gates.floors]` that was renamed."""
    return tuple(
        f"metric '{old}' is now '{new}'; rename it in [gates.floors] of fullturn.toml: "
        "the next version will not accept the old name"
        for old, new in renamed_metrics(project.subject.app).items()
        if old in project.settings.gates.floors
    )


def _limits(project: Workspace) -> GateSettings:
    limits, renamed = project.settings.gates, renamed_metrics(project.subject.app)
    project.metrics  # noqa: B018  refuse a wrong name before evaluating
    floors, margins = (
        {renamed.get(name, name): value for name, value in table.items()}
        for table in (limits.floors, limits.margins)
    )
    return limits.model_copy(update={"floors": floors, "margins": margins})


def _store_report(project: Workspace, run: TrackedRun, report: GateReport) -> None:
    texts = (writer.to_json(report), writer.to_markdown(report), writer.to_html(report))
    for name, text in zip(REPORTS, texts, strict=True):
        project.store.put_text(run.id, text, name)
    project.store.tag_run(run.id, {NOTE: texts[1], **GateTags(outcome=report.outcome).write()})
    project.store.tag_run(report.subject, TrainingTags(gate=run.id, outcome=report.outcome).write())
    counts = {result.outcome: 0.0 for result in report.results}
    for result in report.results:
        counts[result.outcome] += 1
    figures = {f"checks.{outcome.lower()}": count for outcome, count in counts.items()}
    for one in report.summary.get("metrics", ()):
        figures[f"test.{key(one['name'])}"] = one["candidate"][0]
    run.log(0, figures)


def _store_rows(project: Workspace, run: TrackedRun, evidence: Evidence) -> None:
    for name, artifact in ROWS.items():
        evaluation: Evaluation | None = getattr(evidence, name)
        if evaluation is not None:
            project.store.put_text(run.id, records.to_jsonl(evaluation), artifact)


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
        if result.unsigned:
            yield line(styled(f"its evidence is not signed: {result.unsigned}", "open"))
        yield then(f"fullturn promote {number} --reason '…'")
    elif result.report.outcome == "PASSED":
        registers = f"fullturn gate {result.report.subject[:8]} --cached   (registers it)"
        yield then(registers, "fullturn cd")
    else:
        again = "fullturn gate … --waive CODE='reason'"
        yield then("fullturn runs", "fullturn compare A B", again)
