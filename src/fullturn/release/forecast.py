"""Before a release starts: its error rate, and what it can detect at the expected traffic.

Answers are drawn as yes or no, which varies most: graded losses need fewer. Each request is an
entity of its own here; if entities send several requests, read requests as entities.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np

from fullturn.core.errors import StatisticsInputError
from fullturn.core.settings import ReleaseSettings
from fullturn.release.evidence import reserved_share
from fullturn.release.records import Forecast, Stage, StageForecast
from fullturn.statistics.inputs import Floats, as_share
from fullturn.statistics.sequential import log_wealth

POWER = 0.8
_DRAWS = 400
_MOST = 2**30
"""Pairs at which the search stops."""
_WORDS = {
    "shadow": ("requests that both versions answer", "requests", ""),
    "canary": (
        "requests to the version, and as many to the champion,",
        "requests of all users",
        ": it needs {needed:,} first answers to canary users, as later ones to the same user "
        "do not count for it",
    ),
}
"""By stage: the requests that it uses, whose they are, and which answers count."""
Rates = tuple[float, float]
"""How often only the version under test fails, and how often only the champion does."""


def forecast(settings: ReleaseSettings, rate: float = 0.03, shared: float = 0.8) -> Forecast:
    """What a release with these settings can detect.

    `rate` is the champion's share of what a guardrail counts, and `shared` how much of that the
    version under test gets wrong as well when it answers the same request. Simulated with a
    fixed seed, in well under a second. Raises StatisticsInputError unless both lie in (0, 1).
    """
    as_share(shared, "shared")
    if as_share(rate, "rate") > 1 - settings.margin:
        raise StatisticsInputError(f"rate is {rate}: nothing can be worse by {settings.margin}")
    stages = [_canary(settings, rate)]
    if settings.shadow_requests:
        stages.insert(0, _shadow(settings, rate, shared))
    return Forecast(
        false_rollback=settings.alpha,
        rate=rate,
        shared=shared,
        power=POWER,
        margin=settings.margin,
        stages=tuple(stages),
    )


def sentences(found: Forecast) -> list[str]:
    """A forecast in sentences: its guarantee and assumptions, then a line for each stage."""
    strikes_both = f", and in shadow {_percent(found.shared)} of these fail in both versions"
    shadowed = any(one.stage == "shadow" for one in found.stages)
    return [
        "A version that is not worse is rolled back by mistake in at most "
        f"{100 * found.false_rollback:g} % of releases.",
        f"Assumed: the champion fails {_percent(found.rate)} of requests on a guardrail (an error, "
        f"a slow or a wrong answer){strikes_both if shadowed else ''}.",
        *(_about(one, found) for one in found.stages),
    ]


def _about(one: StageForecast, found: Forecast) -> str:
    asked, alike, counted = _WORDS[one.stage]
    finds = (
        f"find a version that fails {_percent(found.rate + one.smallest)} or more, in "
        f"{_share_of(found.power)} releases"
        if one.smallest is not None
        else "find no version that is worse, however bad"
    )
    return (
        f"{one.stage.capitalize()}: {one.pairs:,} {asked} {finds}. One that is as good passes "
        f"after about {one.requests:,} {alike}{counted.format(needed=one.needed)}."
    )


def _shadow(settings: ReleaseSettings, rate: float, shared: float) -> StageForecast:
    own = rate * (1 - shared)
    # What is reserved for the canary counts as evidence too.
    reserved = reserved_share(settings)
    breach = (len(settings.guardrails) / settings.alpha - reserved) / (1 - reserved)

    def rates(worse: float) -> Rates:
        return min(own + worse, 1 - rate), own

    return _stage("shadow", settings, settings.expected_requests, math.log(breach), rates)


def _canary(settings: ReleaseSettings, rate: float) -> StageForecast:
    # At worst, what shadow staked is lost.
    breach = len(settings.guardrails) / settings.alpha / reserved_share(settings)
    pairs = round(settings.expected_requests * settings.canary_share)

    def rates(worse: float) -> Rates:
        worse = min(worse, 1 - rate)
        return (rate + worse) * (1 - rate), rate * (1 - rate - worse)

    return _stage("canary", settings, pairs, math.log(breach), rates)


def _stage(
    stage: Stage,
    settings: ReleaseSettings,
    pairs: int,
    breach: float,
    rates: Callable[[float], Rates],
) -> StageForecast:
    minimum = settings.shadow_requests if stage == "shadow" else settings.canary_requests
    share = 1.0 if stage == "shadow" else settings.canary_share
    needed = _needed(rates(0.0), settings)
    return StageForecast(
        stage=stage,
        pairs=pairs,
        smallest=_smallest(pairs, breach, rates),
        needed=needed,
        requests=math.ceil(max(needed, minimum) / share),
    )


def _smallest(pairs: int, breach: float, rates: Callable[[float], Rates]) -> float | None:
    """By bisection: the regression whose evidence reaches `breach` with chance POWER."""

    def found(worse: float) -> bool:
        counts = _drawn(pairs, rates(worse))
        evidence = log_wealth([1.0, 0.0, -1.0], counts)
        return float((evidence >= breach).mean()) >= POWER

    low, high = 0.0, 1.0 - sum(rates(0.0))
    if not found(high):
        return None
    while high - low > 1e-4:
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) else (middle, high)
    return high


def _needed(rates: Rates, settings: ReleaseSettings) -> int:
    """By bisection: pairs that show an equally good version to be not worse with chance POWER."""

    def shown(pairs: int) -> bool:
        evidence = log_wealth([-1.0, 0.0, 1.0], _drawn(pairs, rates), -settings.margin)
        return float((evidence >= -math.log(settings.alpha)).mean()) >= POWER

    high = 1
    while not shown(high) and high < _MOST:
        high *= 2
    low = high // 2
    while high - low > max(1, high // 200):
        middle = (low + high) // 2
        low, high = (low, middle) if shown(middle) else (middle, high)
    return high


def _drawn(pairs: int, rates: Rates) -> Floats:
    """Counts of pairs lost, tied and won, shape (_DRAWS, 3); with a fixed seed."""
    lost, won = rates
    chances = [lost, max(0.0, 1 - lost - won), won]
    return np.random.default_rng(0).multinomial(pairs, chances, _DRAWS).astype(np.float64)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _share_of(chance: float) -> str:
    share = Fraction(chance).limit_denominator(20)
    return f"{share.numerator} of {share.denominator}"
