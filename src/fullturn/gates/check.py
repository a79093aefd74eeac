"""A check: a small class with a code, a family, what it needs, and one question.

The first line of its docstring is what it demands; the report prints it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from fullturn.core.entities import Outcome
from fullturn.core.settings import GateSettings
from fullturn.gates.evidence import Evidence
from fullturn.subjects.protocols import Capability


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found, why, and the figures it is based on."""

    outcome: Outcome | Literal["NOT_APPLICABLE"]
    reason: str
    figures: Mapping[str, Any] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    """The evidence that was missing, if that is why nothing was decided."""


def passed(reason: str, **figures: Any) -> Verdict:
    """The evidence says yes."""
    return Verdict("PASSED", reason, figures)


def failed(reason: str, **figures: Any) -> Verdict:
    """The evidence says no."""
    return Verdict("FAILED", reason, figures)


def inconclusive(reason: str, **figures: Any) -> Verdict:
    """The evidence does not decide."""
    return Verdict("INCONCLUSIVE", reason, figures)


def no_evidence(why: str, *missing: str) -> Verdict:
    """What would be needed to decide is missing; `missing` names it."""
    return Verdict("INCONCLUSIVE", f"no evidence: {why}", missing=missing)


def unknown(what: str, why: str) -> Verdict:
    """What would be needed to decide, `what`, cannot be known: asking again changes nothing."""
    return Verdict("INCONCLUSIVE", f"unknown: {why}", {"unknown": what})


class Check(ABC):
    """Base of all checks."""

    code: ClassVar[str]
    family: ClassVar[str]
    needs: ClassVar[tuple[str, ...]]
    """Fields of Evidence without which the check blocks."""
    about: ClassVar[tuple[Capability, ...]] = ()
    """Capabilities of the subject without which the check has no question to ask."""

    @classmethod
    def title(cls) -> str:
        """What the check demands, in one sentence."""
        return (cls.__doc__ or cls.__name__).strip().splitlines()[0]

    def applies(self, evidence: Evidence) -> str | None:
        """Why the check has no question to ask here; None if it has."""
        return None

    @abstractmethod
    def judge(self, evidence: Evidence, limits: GateSettings) -> Verdict:
        """Decide; every field in `needs` is there."""
