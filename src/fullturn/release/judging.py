"""The verdict of a release on outcomes that others collected: shadow or canary traffic of any kind.

The same evidence as in a release of ours, in one stage. In shadow a pair is one request that both
versions answered; in canary an answer is paired with one of the other arm whose entity has the same
record (`fullturn.release.pairing`). A breach of a guardrail rolls back; a promotion needs every
guardrail shown to be worse by less than the margin. Both error rates are valid at every look
(Ville's inequality), so the first decision is final, however the traffic goes on.
`bench/release.py` measures them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from fullturn.core.entities import Outcome
from fullturn.core.errors import UsageError
from fullturn.release.decision import missing_evidence, verdict
from fullturn.release.evidence import Watched
from fullturn.release.pairing import CanaryPairs, Pair, Value
from fullturn.release.records import Action, Reading, Stage

Outcomes = Mapping[str, float | None]
"""How bad an answer was on each guardrail, from 0 to 1; None where that is not known."""


@dataclass(frozen=True, slots=True)
class JudgeTerms:
    """What a verdict keeps to.

    Raises:
        UsageError: a value is out of range.
    """

    margin: float = 0.05
    """How much worse than the champion a candidate may be, on every guardrail; in (0, 1)."""
    alpha: float = 0.05
    """Highest rate of false rollbacks over all guardrails and looks, and of false promotions."""
    minimum: int = 200
    """Requests without which nothing is promoted: pairs, or answers of the smaller arm."""
    guardrails: tuple[str, ...] = ("outcome",)
    """Names of what must not get worse."""
    deadline_minutes: float = math.inf
    """After this many minutes without a decision the verdict is inconclusive."""

    def __post_init__(self) -> None:
        if not 0 < self.margin < 1:
            raise UsageError(f"margin = {self.margin}; give a share between 0 and 1, such as 0.05")
        if not 0 < self.alpha < 0.5:
            raise UsageError(f"alpha = {self.alpha}; give a rate between 0 and 0.5, such as 0.05")
        if self.minimum < 1:
            raise UsageError(f"minimum = {self.minimum}; give a number of requests, 1 or more")
        if not self.deadline_minutes > 0:
            raise UsageError(f"deadline = {self.deadline_minutes}; give minutes, more than 0")


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the evidence says."""

    action: Action
    outcome: Outcome
    reason: str
    requests: int
    readings: tuple[Reading, ...]


class Judge:
    """Folds outcomes; `decided` becomes true at the first decision.

    `stage` is "shadow" for pairs, "canary" for arms.
    """

    def __init__(self, terms: JudgeTerms, stage: Stage) -> None:
        self.terms, self.stage = terms, stage
        self._watched = {name: Watched(terms.margin) for name in terms.guardrails}
        self._pairings = {name: CanaryPairs() for name in terms.guardrails}
        self._requests = Counter[bool]()
        self._known, self._unknown = Counter[tuple[str, bool]](), Counter[tuple[str, bool]]()
        self.waiting = 0
        """Requests that one side has answered so far."""
        self.left_out = 0
        """Rows that could not be used, because they name no request."""

    def pair(self, candidate: Outcomes, champion: Outcomes) -> None:
        """Take a request that both answered; a guardrail with only one side known is left out."""
        for tested in (True, False):
            self._requests[tested] += 1
        for name, watched in self._watched.items():
            ours, theirs = candidate.get(name), champion.get(name)
            if ours is not None and theirs is not None:
                watched.add("canary", Pair(Value(ours), Value(theirs)))
            self._count(name, ours, theirs)

    def _count(self, name: str, ours: float | None, theirs: float | None) -> None:
        if ours is None and theirs is None:  # no label yet, for instance
            return
        for tested, value in ((True, ours), (False, theirs)):
            counter = self._unknown if value is None else self._known
            counter[name, tested] += 1

    def answer(self, tested: bool, key: str | None, outcomes: Outcomes) -> None:
        """Take an answer of one arm; `key` names its entity, such as a user."""
        self._requests[tested] += 1
        for name, watched in self._watched.items():
            bad = outcomes.get(name)
            if bad is None:
                self._unknown[name, tested] += 1
                continue
            self._known[name, tested] += 1
            for pair in self._pairings[name].match(key, tested, Value(bad)):
                watched.add("canary", pair)

    @property
    def requests(self) -> int:
        """Pairs, or answers of the smaller arm."""
        return min(self._requests[True], self._requests[False])

    @property
    def pairs(self) -> int:
        """Comparisons of all guardrails so far."""
        return sum(one.stages["canary"].worse.count for one in self._watched.values())

    @property
    def decided(self) -> bool:
        """Whether the evidence decides. Cheap: to be called after each row."""
        breach = math.log(len(self._watched) / self.terms.alpha)
        if any(one.log_peak >= breach for one in self._watched.values()):
            return True
        enough = -math.log(self.terms.alpha)
        compared = (one.stages["canary"] for one in self._watched.values())
        return (
            self.requests >= self.terms.minimum
            and all(one.not_worse.log_e >= enough for one in compared)
            and not self._unbalanced()
        )

    def ruling(self, late: bool = False) -> Ruling:
        """What the evidence says now."""
        number, terms = len(self._watched), self.terms
        readings = tuple(
            one.reading(name, "canary", terms, number) for name, one in self._watched.items()
        )
        missing = missing_evidence(readings, self.requests, terms.minimum, terms)
        missing += self._unbalanced()
        # In the canary's words: what passes is promoted.
        action, outcome, reason = verdict("canary", readings, missing, terms, late=False)
        if late and action == "go on":
            reason = f"no decision after {terms.deadline_minutes:g} minutes: {reason}"
        return Ruling(action, outcome, reason, self.requests, readings)

    def _unbalanced(self) -> list[str]:
        """Outcomes that one side lacks: what is missing may be bad, so it does not pass."""
        found = [found for name in self._watched if (found := self._lacking(name))]
        for number, what in (
            (self.waiting, "requests were answered by one side only"),
            (self.left_out, "rows have no id"),
        ):
            total = self.requests + number
            if number > self.terms.margin * total:
                found.append(f"{number:,} of {total:,} {what}")
        return found

    def _lacking(self, name: str) -> str | None:
        shares = {tested: self._share_unknown(name, tested) for tested in (True, False)}
        gap = shares[True] - shares[False] if self.stage == "canary" else max(shares.values())
        if gap <= self.terms.margin:
            return None
        tested = self.stage == "canary" or shares[True] >= shares[False]
        side, lacking = "candidate" if tested else "champion", self._unknown[name, tested]
        known = self._known[name, tested]
        return f"{name}: {lacking:,} of {lacking + known:,} requests lack the {side}'s outcome"

    def _share_unknown(self, name: str, tested: bool) -> float:
        lacking = self._unknown[name, tested]
        return lacking / max(1, lacking + self._known[name, tested])
