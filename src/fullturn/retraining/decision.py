"""From an alarm to a costed decision: is training worth it, and is it allowed?

Drift alone is a poor trigger. Training pays when the loss that it is expected to avoid until the
next decision exceeds what training, review and rollout cost (Žliobaitė, Budka and Stahl,
"Towards cost-sensitive adaptation", Neurocomputing 150, 2015). A broken pipeline is repaired, not
learned. Maximum age, cooldown and budget limit what the costs suggest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar

from fullturn.core.entities import Outcome
from fullturn.core.settings import RetrainingSettings
from fullturn.statistics.intervals import Interval, cluster_mean

T = TypeVar("T")
DAY, MINUTE = 86_400.0, 60.0
NOTHING, AGE = "none", "maximum age"
Verdict = Literal["broken pipeline", "harmless shift", "harmful shift", "unclear"]


@dataclass(frozen=True, slots=True)
class Situation:
    """What the decision is based on. Times in seconds since 1970."""

    now: float
    trained: float
    """When the champion was trained."""
    alarm: str | None
    """The detector that alarmed, if any."""
    verdict: Verdict | None
    """The verdict of the alarm's diagnosis."""
    losses: tuple[float, ...]
    """Of labelled answers since the change, each in [0, 1]."""
    keys: tuple[str, ...]
    """The entity of each of them, as an entity's answers are not independent."""
    reference_loss: float
    """Mean loss on the rows that the champion was approved on."""
    new_rows: int
    """Rows that can be trained on and have not been."""
    retrainings: tuple[float, ...] = ()
    """Times of earlier decisions to retrain."""


@dataclass(frozen=True, slots=True)
class RetrainingDecision:
    """Whether to train, why, and the costs behind it."""

    retrain: bool
    outcome: Outcome
    """PASSED: train. FAILED: the costs or a limit say no. INCONCLUSIVE: too few labels to tell."""
    trigger: str
    reason: str
    excess: Interval | None
    """Loss per request above the reference."""
    avoided: Interval | None
    """Expected cost avoided until the next decision."""
    cost: float
    figures: Mapping[str, Any]


def decide(situation: Situation, settings: RetrainingSettings) -> RetrainingDecision:
    """Train or not. Changes nothing."""
    reason_to_ask = trigger(situation, settings)
    excess = _excess(situation)
    avoided = _avoided(excess, settings) if excess else None
    outcome, reason = _verdict(situation, settings, reason_to_ask, avoided)
    figures = {
        "labels": len(situation.losses),
        "new_rows": situation.new_rows,
        "age_days": round((situation.now - situation.trained) / DAY, 2),
        "retrainings_in_30_days": _recent(situation, 30 * DAY),
        "excess": asdict(excess) if excess else None,
        "avoided": asdict(avoided) if avoided else None,
        "cost": settings.cost,
    }
    return RetrainingDecision(
        outcome == "PASSED", outcome, reason_to_ask, reason, excess, avoided, settings.cost, figures
    )


def trigger(situation: Situation, settings: RetrainingSettings) -> str:
    """The reason to retrain: an alarm, or the champion's age; NOTHING without one."""
    if situation.alarm:
        return f"alarm of {situation.alarm}"
    too_old = situation.now - situation.trained > settings.maximum_age_days * DAY
    return AGE if too_old else NOTHING


def _excess(situation: Situation) -> Interval | None:
    """Loss above the reference, at 90 % by entity: each bound is wrong with 5 %."""
    if len(set(situation.keys)) < 2:
        return None
    level = cluster_mean(situation.losses, situation.keys, 0.9)
    base = situation.reference_loss
    return Interval(level.estimate - base, level.low - base, level.high - base, 0.9)


def _avoided(excess: Interval, settings: RetrainingSettings) -> Interval:
    each = settings.recovery * settings.horizon_requests * settings.wrong_answer
    low, estimate, high = (
        max(0.0, value * each) for value in (excess.low, excess.estimate, excess.high)
    )
    return Interval(estimate, low, high, excess.confidence)


def _verdict(
    situation: Situation, settings: RetrainingSettings, reason_to_ask: str, avoided: Interval | None
) -> tuple[Outcome, str]:
    if reason_to_ask == NOTHING:
        return "FAILED", "nothing alarmed, and the champion is not too old"
    if situation.verdict == "broken pipeline":
        return "FAILED", "the pipeline is broken: fix it before retraining"
    limit = _limit(situation, settings)
    if limit:
        return "FAILED", limit
    if reason_to_ask == AGE:
        return "PASSED", f"the champion is older than {settings.maximum_age_days:g} days"
    return _by_cost(situation, settings, avoided)


def _limit(situation: Situation, settings: RetrainingSettings) -> str | None:
    """Why it is not allowed, whatever the costs; None if it is."""
    if not situation.new_rows:
        return "there are no new rows to learn from"
    since = situation.now - max(situation.retrainings, default=0.0)
    if since < settings.cooldown_minutes * MINUTE:
        left = settings.cooldown_minutes - since / MINUTE
        return f"the last retraining was {since / MINUTE:.0f} minutes ago; wait {left:.0f} more"
    if _recent(situation, 30 * DAY) >= settings.budget_per_month:
        return f"the budget of {settings.budget_per_month} retrainings in 30 days is spent"
    return None


def _by_cost(
    situation: Situation, settings: RetrainingSettings, avoided: Interval | None
) -> tuple[Outcome, str]:
    if avoided is None:
        return "INCONCLUSIVE", "no labels since the change: the cost to users is unknown"
    costs = (
        f"expected to save {avoided.estimate:,.0f} [{avoided.low:,.0f}, {avoided.high:,.0f}] in "
        f"{settings.horizon_requests:,} requests, at {settings.wrong_answer:g} a wrong answer, "
        f"against a cost of {settings.cost:,g}"
    )
    labels = f"{len(situation.losses)} labels"
    if avoided.low > settings.cost:
        return "PASSED", f"{costs} ({labels})"
    if avoided.high < settings.cost:
        return "FAILED", f"not worth it: {costs} ({labels})"
    return "INCONCLUSIVE", f"{costs}: too few labels to tell ({labels})"


def _recent(situation: Situation, seconds: float) -> int:
    return sum(situation.now - when < seconds for when in situation.retrainings)


def capped(
    rows: Sequence[T], sources: Sequence[str], share: float, existing: int
) -> tuple[list[T], int]:
    """Rows in order, but no more from one source than a share of all rows trained on.

    `existing` rows are trained on anyway. Rows with an empty source are not capped.
    Returns the remaining rows, and how many were left out.
    """
    counts = Counter(source for source in sources if source)
    limit = _largest(counts, sum(1 for s in sources if not s) + existing, share)
    taken: Counter[str] = Counter()
    remaining = []
    for row, source in zip(rows, sources, strict=True):
        taken[source] += 1
        if not source or taken[source] <= limit:
            remaining.append(row)
    return remaining, len(rows) - len(remaining)


def _largest(counts: Mapping[str, int], others: int, share: float) -> int:
    """The most rows of each source, so that none has more than its share of all."""
    limit = max(counts.values(), default=0)
    while limit and limit > share * (others + sum(min(n, limit) for n in counts.values())):
        limit -= 1
    return limit
