"""Guardrails: what must not get worse in a release.

A guardrail of answers is one entry of `ANSWERS`: what it counts, and which answers are bad. Its
name, and its limit if it has one, are settings. The loss is another kind, as it comes with labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from fullturn.core.entities import Prediction
from fullturn.core.settings import Guardrail, ReleaseSettings


class OfAnswers(NamedTuple):
    """A guardrail that needs no label."""

    words: str
    """What it counts."""
    symptom: Callable[[Prediction, ReleaseSettings], str | None]
    """How an answer is bad; None if it is not. In one batch the same symptom is one event."""


def _slow(one: Prediction, settings: ReleaseSettings) -> str | None:
    return "slow" if one.latency * 1000 > settings.slow_ms else None


ANSWERS: Mapping[Guardrail, OfAnswers] = {
    "errors": OfAnswers("failed answers", lambda one, _: one.error),
    "slow": OfAnswers("slow answers", _slow),
}
WORDS: Mapping[str, str] = {str(name): one.words for name, one in ANSWERS.items()} | {
    "loss": "loss"
}
"""What a guardrail counts."""
