"""What a look at a release finds, in records that can be stored as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from fullturn.core.entities import Outcome
from fullturn.core.showing import Grid, Result, grid

Stage = Literal["shadow", "canary"]
Action = Literal["go on", "advance", "promote", "roll back"]


class Limits(Protocol):
    """What a decision keeps to: error rates, the margin and the deadline."""

    @property
    def alpha(self) -> float: ...
    @property
    def margin(self) -> float: ...
    @property
    def deadline_minutes(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """One guardrail in one stage: the version under test against the champion, pair by pair."""

    guardrail: str
    pairs: int
    """Pairs that means, bounds and `not_worse` rest on; in canary, of first answers only."""
    staked: int
    """Pairs that `worse` rests on in this stage; in canary, also of later answers."""
    discordant: int
    """Those of `staked` whose two values differ: the others do not show which is worse."""
    champion: float
    candidate: float
    """Means over the pairs: share of errors, share of slow answers, mean loss."""
    low: float
    high: float
    """Bounds on the difference that hold at all looks together."""
    confidence: float
    worse: float
    """Evidence now that the version is worse, of the whole release; an e-value."""
    worse_peak: float
    """Its maximum so far: a release is rolled back on this one."""
    worse_at: float
    """Evidence that rolls back."""
    not_worse: float
    """Evidence now, in this stage, that it is worse by less than the margin; an e-value."""
    not_worse_at: float
    asked: bool
    """Whether this stage requires it to be shown not worse."""
    clipped: float = 0.0
    """Share of the losses of both that the app declares above 1, and that count as 1."""

    @property
    def title(self) -> str:
        """The guardrail, and the share of clipped losses, if there are any."""
        share = f"{100 * self.clipped:.3g} % clipped"
        return f"{self.guardrail} ({share})" if self.clipped else self.guardrail

    @property
    def difference(self) -> float:
        """Candidate minus champion; positive is worse."""
        return self.candidate - self.champion

    @property
    def breached(self) -> bool:
        """Whether the version was shown to be worse, now or at any earlier pair."""
        return self.worse_peak >= self.worse_at

    @property
    def cleared(self) -> bool:
        """Whether the version is shown to be worse by less than the margin."""
        return self.not_worse >= self.not_worse_at

    @property
    def worse_text(self) -> str:
        """Whether it is shown to be worse, in words: "no", "8 of 60" or "shown"."""
        if self.breached:
            return "shown"
        return "no" if self.worse_peak < 2 else _so_far(self.worse_peak, self.worse_at)

    @property
    def not_worse_text(self) -> str:
        """Whether it is shown to be not worse: "8 of 20", "shown" or "left to the canary"."""
        if self.cleared:
            return "shown"
        if not self.asked:
            return "left to the canary"
        return _so_far(self.not_worse, self.not_worse_at)


@dataclass(frozen=True, slots=True)
class Decision(Result):
    """A look at a release: the evidence, the action that follows, and why."""

    stage: Stage
    action: Action
    outcome: Outcome
    """PASSED: advance or promote. FAILED: a guardrail is breached. INCONCLUSIVE: neither, be it
    that the release goes on or that it ends at the deadline."""
    reason: str
    requests: int
    """Pairs answered in shadow; in canary, requests answered by the smaller arm."""
    minimum: int
    """Requests without which a stage does not pass."""
    elapsed: float
    """Seconds since the stage began."""
    margin: float
    agreement: float | None
    """Share of equal outputs in shadow, floats rounded to 6 digits; None if there are none."""
    readings: tuple[Reading, ...]
    _rows = "readings"


@dataclass(frozen=True, slots=True)
class StageForecast:
    """What one stage can detect, computed before it starts."""

    stage: Stage
    pairs: int
    """Pairs of answers that are expected: all requests in shadow, one arm's in canary."""
    smallest: float | None
    """The smallest regression of a guardrail that these pairs detect; None if none is."""
    needed: int
    """Pairs after which a version that is as good as the champion is shown to be not worse."""
    requests: int
    """Requests of all users that give so many pairs; at least the stage's minimum."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a release can guarantee and detect at the expected traffic."""

    false_rollback: float
    """Highest probability that a version which is not worse is rolled back by a breach."""
    rate: float
    """Assumed of the champion: its share of errors, slow answers or loss."""
    shared: float
    """Assumed in shadow: the share of it that affects both versions."""
    power: float
    """The chance to which `smallest` and `needed` refer."""
    margin: float
    stages: tuple[StageForecast, ...]


def _so_far(evidence: float, limit: float) -> str:
    """Rounded down, so that evidence never looks sufficient before it is."""
    return f"{int(evidence):,} of {limit:,.0f}"


def comparison_grid(readings: Iterable[Reading], tested: str = "version") -> Grid:
    """The guardrails as people see them, a line each; `tested` heads the new version's column."""
    names = (
        "guardrail", ">pairs", ">champion", f">{tested}", ">difference", ">bounds", ">worse",
        ">non-inferior",
    )  # fmt: skip
    return grid(names, map(_row, readings))


def _row(one: Reading) -> tuple[str, ...]:
    figures = (
        f"{one.champion:.3f}",
        f"{one.candidate:.3f}",
        f"{one.difference:+.3f}",
        f"{one.low:+.3f} to {one.high:+.3f}",
    )
    shown = figures if one.pairs else ("-",) * len(figures)
    return (one.title, f"{one.pairs:,}", *shown, one.worse_text, one.not_worse_text)
