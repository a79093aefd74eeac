"""From evidence to the next action: go on, advance, promote, or roll back.

A breach of any guardrail rolls back at once. A stage passes when it has its minimum of requests
and every required guardrail is shown to be worse by less than the margin; each at level α, as all
of them must be shown (intersection-union test; Berger, Technometrics 24, 1982). Without that
by the deadline, for lack of evidence or of labels, the release is rolled back.
"""

from __future__ import annotations

from collections.abc import Sequence

from fullturn.core.entities import Outcome
from fullturn.release.evidence import Evidence
from fullturn.release.guardrails import WORDS
from fullturn.release.records import Action, Decision, Limits, Reading, Stage


def decide(evidence: Evidence, stage: Stage, elapsed: float) -> Decision:
    """What the evidence says `elapsed` seconds after the stage began. Changes nothing."""
    settings, readings = evidence.settings, evidence.readings(stage)
    requests = evidence.requests(stage)
    minimum = settings.shadow_requests if stage == "shadow" else settings.canary_requests
    late = elapsed >= 60 * settings.deadline_minutes
    missing = missing_evidence(readings, requests, minimum, settings)
    missing += _unscored(evidence, stage, readings)
    action, outcome, reason = verdict(stage, readings, missing, settings, late)
    return Decision(
        stage=stage,
        action=action,
        outcome=outcome,
        reason=reason,
        requests=requests,
        minimum=minimum,
        elapsed=elapsed,
        margin=settings.margin,
        agreement=evidence.agreement,
        readings=readings,
    )


def verdict(
    stage: Stage,
    readings: Sequence[Reading],
    missing: Sequence[str],
    limits: Limits,
    late: bool,
) -> tuple[Action, Outcome, str]:
    """The action, its outcome, and why; `missing` is what the stage still lacks, in words."""
    breached = [reading for reading in readings if reading.breached]
    if breached:
        worst = max(breached, key=lambda reading: reading.worse_peak / reading.worse_at)
        return "roll back", "FAILED", _breach(worst, limits)
    if not missing:
        action: Action = "advance" if stage == "shadow" else "promote"
        return action, "PASSED", _passed(readings, limits)
    todo = "; ".join(missing)
    if late:
        limit = f"{limits.deadline_minutes:g} minutes"
        return "roll back", "INCONCLUSIVE", f"no decision after {limit} of {stage}: {todo}"
    return "go on", "INCONCLUSIVE", todo


def missing_evidence(
    readings: Sequence[Reading], requests: int, minimum: int, limits: Limits
) -> list[str]:
    """What a stage still lacks, in words; empty if it passes."""
    few = [f"{requests:,} of {minimum:,} requests"] if requests < minimum else []
    unclear = (reading for reading in readings if reading.asked and not reading.cleared)
    return few + [_unclear(reading, limits) for reading in unclear]


def _unscored(evidence: Evidence, stage: Stage, readings: Sequence[Reading]) -> list[str]:
    """The quality of a version is unknown if its answers cannot be scored."""
    failed, labelled = evidence.unscored(stage)
    asked = any(reading.guardrail == "loss" and reading.asked for reading in readings)
    if not asked or failed <= evidence.settings.margin * labelled:
        return []
    return [
        f"loss not shown: {failed:,} of {labelled:,} labelled answers could not be scored, the "
        f"first: {evidence.first_unscored}"
    ]


def _unclear(reading: Reading, limits: Limits) -> str:
    name, margin = reading.guardrail, _points(limits.margin)
    if not reading.pairs:
        none = "no labels yet" if name == "loss" else "nothing to compare yet"
        return f"{name} not shown: {none}"
    bound = f"up to {_points(reading.high, '+')} worse after {_pairs(reading)}"
    return (
        f"{name}: non-inferiority not shown yet (margin {margin}): {bound} (evidence "
        f"{reading.not_worse_text})"
    )


def _breach(reading: Reading, limits: Limits) -> str:
    what = WORDS.get(reading.guardrail, reading.guardrail)
    ours, theirs = reading.candidate, reading.champion
    shares = f"{what} {100 * ours:.3g} % against the champion's {100 * theirs:.3g} %"
    seen = f"{shares} in {_pairs(reading)}" if reading.pairs else f"{what} in shadow"
    return (
        f"worse on {reading.guardrail}: {seen}; {reading.discordant:,} of {reading.staked:,} "
        f"comparisons differ; false-rollback rate at most {100 * limits.alpha:g} %"
    )


def _passed(readings: Sequence[Reading], limits: Limits) -> str:
    asked = [reading for reading in readings if reading.asked]
    bounds = ", ".join(
        f"{reading.guardrail} {_points(reading.difference, '+')} "
        f"(at most {_points(reading.high, '+')}, {_pairs(reading)})"
        for reading in asked
    )
    left = [reading.guardrail for reading in readings if not reading.asked]
    rest = f"; {', '.join(left)} has too few labels here and is left to the canary" if left else ""
    shown = f"not worse by {_points(limits.margin)} or more: {bounds}" if asked else "no breach"
    return shown + rest


def _pairs(reading: Reading) -> str:
    return f"{reading.pairs:,} pair{'' if reading.pairs == 1 else 's'}"


def _points(value: float, sign: str = "") -> str:
    return f"{100 * value:{sign}.2f} points"
