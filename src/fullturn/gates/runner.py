"""Choose checks and compute them on evidence. Missing evidence blocks; a waiver needs a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

from fullturn.core import plugins
from fullturn.core.entities import CheckResult, DatasetVersion, GateReport, Outcome
from fullturn.core.errors import SettingsError, StatisticsInputError, UsageError
from fullturn.core.settings import GateSettings
from fullturn.core.wording import listed, nearest
from fullturn.gates.check import Check, Evidence, Verdict, no_evidence, unknown
from fullturn.gates.summary import summary

EVIDENCE = tuple(field.name for field in fields(Evidence))
_BLOCKING = ("FAILED", "INCONCLUSIVE")


def compute(
    checks: Sequence[type[Check]],
    evidence: Evidence,
    limits: GateSettings,
    *,
    actor: str,
    waivers: Mapping[str, str] | None = None,
) -> GateReport:
    """The report of these checks: FAILED if one failed, else INCONCLUSIVE if one is open.

    Raises:
        UsageError: a waiver names no check, or has no reason.
    """
    waivers = waivers or {}
    _check_waivers(checks, waivers)
    results = tuple(compute_check(check, evidence, limits, waivers) for check in checks)
    return GateReport(
        subject=evidence.subject,
        champion=evidence.champion_name,
        dataset=f"{evidence.dataset.name} version {evidence.dataset.version}"
        f"{_by_time(evidence.dataset, trained_here='leakage' not in evidence.unknown)}",
        data_digest=evidence.dataset.digest,
        outcome=_outcome(results),
        results=results,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        actor=actor,
        limits=limits.model_dump(mode="json"),
        summary=summary(evidence, limits),
    )


def _by_time(dataset: DatasetVersion, *, trained_here: bool) -> str:
    """That the test rows are the latest ones, if they are; until when a model was trained is known
    only of one that was trained on this dataset."""
    if "test" not in dataset.periods or "train" not in dataset.periods:
        return ""
    first, last = dataset.periods["test"]
    trained = f"trained until {dataset.periods['train'][1]}, " if trained_here else ""
    return f", split by time: {trained}tested {first} to {last}"


def compute_check(
    check: type[Check],
    evidence: Evidence,
    limits: GateSettings,
    waivers: Mapping[str, str] | None = None,
) -> CheckResult:
    """The result of one check."""
    verdict = _verdict(check(), evidence, limits)
    return CheckResult(
        code=check.code,
        family=check.family,
        title=check.title(),
        outcome=verdict.outcome,
        reason=verdict.reason,
        figures=verdict.figures,
        missing=verdict.missing,
        waived=(waivers or {}).get(check.code) if verdict.outcome in _BLOCKING else None,
    )


def _verdict(check: Check, evidence: Evidence, limits: GateSettings) -> Verdict:
    lacking = [evidence.lacks[one] for one in check.about if one in evidence.lacks]
    why = lacking[0] if lacking else check.applies(evidence)
    if why is not None:
        return Verdict("NOT_APPLICABLE", why)
    missing = [name for name in check.needs if not getattr(evidence, name)]
    if missing and missing[0] in evidence.unknown:
        return unknown(missing[0], evidence.unknown[missing[0]])
    if missing:
        why = evidence.absent.get(missing[0], "not available")
        return no_evidence(f"{', '.join(missing)}: {why}", *missing)
    try:
        found: object = check.judge(evidence, limits)
    except StatisticsInputError as error:
        return _not_computed(check, str(error))
    except Exception as error:
        if _is_built_in(check):
            raise
        return _not_computed(check, f"{type(check).__name__} raised {error!r}")
    if isinstance(found, Verdict):
        return found
    return _not_computed(check, f"{type(check).__name__} returned {found!r}, not a Verdict")


def _not_computed(check: Check, why: str) -> Verdict:
    return Verdict("INCONCLUSIVE", f"could not be computed: {why}", missing=check.needs)


def _is_built_in(check: Check) -> bool:
    return type(check).__module__.partition(".")[0] == "fullturn"


def _outcome(results: Sequence[CheckResult]) -> Outcome:
    outcomes = {result.outcome for result in results if result.waived is None}
    if "FAILED" in outcomes:
        return "FAILED"
    return "PASSED" if "INCONCLUSIVE" not in outcomes and "PASSED" in outcomes else "INCONCLUSIVE"


def _check_waivers(checks: Sequence[type[Check]], waivers: Mapping[str, str]) -> None:
    known = [check.code for check in checks]
    for code, reason in waivers.items():
        if code not in known:
            raise UsageError(f"no check has the code '{code}'; known: {', '.join(known)}")
        if not reason.strip():
            raise UsageError(f"a waiver needs a reason: --waive {code}='why this may pass'")


def with_plugins(
    built_in: Sequence[type[Check]], named: Sequence[str], root: Path | None
) -> tuple[type[Check], ...]:
    """The built-in checks, then those that fullturn.toml names or installed packages offer.

    Raises:
        SettingsError: one cannot be imported, is no Check, lacks a code, has the code of another
            check, or needs evidence that does not exist.
    """
    checks = {check.code: check for check in built_in}
    for name, check in plugins.chosen("check", named, root, Check).items():
        kind = type(check)
        _look(name, kind)
        if kind.code in checks:
            other = checks[kind.code]
            raise SettingsError(
                f"check '{name}' has the code {kind.code}, and so has {other.__name__}; give it "
                "another"
            )
        checks[kind.code] = kind
    return tuple(checks.values())


def _look(name: str, kind: type[Check]) -> None:
    for member in ("code", "family", "needs"):
        if not hasattr(kind, member):
            raise SettingsError(f"check '{name}' lacks `{member}`; see fullturn.Check")
    wrong = [need for need in kind.needs if need not in EVIDENCE]
    if wrong:
        raise SettingsError(
            f"check '{name}' needs '{wrong[0]}', which is no evidence"
            f"{nearest(wrong[0], EVIDENCE)}; known: {listed(EVIDENCE)}"
        )
