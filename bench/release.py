"""How often a release errs, and how soon it finds a regression, beside three common rules.

    python bench/release.py [-n 1000] [--quick] [--json] [--keep]

Simulated releases: the champion fails on 3 % of its requests, and the version under test is as
good, or fails on 10, 20 or 50 % more. In shadow four fifths of the champion's failures strike both
versions; in canary each arm has requests of its own. Nothing is ever promoted here: a release is
watched until it is rolled back, or for 24,000 requests of each arm. The others look at the canary
60 times, at equal distances:

    threshold     five windows of 400 with more than 5 % failed (Flagger's way)
    z-test        one-sided at 5 %, at every look, on all requests so far
    Mann-Whitney  at 98 %, at every look, on the windows so far (Kayenta's way)

Whole releases with the default settings follow: shadow, canary, and what each decides.

Ours is the e-process of `fullturn.release`, computed for all releases at once; some of them are
also folded request by request by the real `Evidence`, and must end at the same request.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median

import numpy as np
import numpy.typing as npt
from scipy.stats import mannwhitneyu, norm

from fullturn.core.entities import Arm, Observation, Prediction
from fullturn.core.settings import ReleaseSettings
from fullturn.release.decision import decide
from fullturn.release.evidence import Evidence, reserved_share
from fullturn.release.records import Decision, Stage
from fullturn.statistics.intervals import wilson
from fullturn.statistics.sequential import log_wealth
from results import save, typed

RATE = 0.03
SHARED = 0.8
RISES = (0.0, 0.1, 0.2, 0.5)
LOOKS = 60
WINDOW = 400
HORIZON = LOOKS * WINDOW
PART = 100
"""Releases drawn at once, for the sake of memory."""
NEVER = math.inf
ONE = ReleaseSettings(guardrails=("errors",))
ALL = ReleaseSettings()

ARMS: Mapping[Stage, tuple[Arm, Arm]] = {
    "shadow": ("champion", "shadow"),
    "canary": ("baseline", "canary"),
}
RATES = (0.03, 0.045, 0.08, 0.13, 0.33)
LONGEST = 4_000
"""Requests of each arm after which a stage of a whole release is over."""
EVERY = 20

Failed = npt.NDArray[np.bool_]
"""Which requests failed, shape (releases, HORIZON)."""
Stops = npt.NDArray[np.float64]
"""The request, counted in each arm, at which each release was rolled back; NEVER if not."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Failures of the version under test and of the champion."""

    candidate: Failed
    champion: Failed


@dataclass(frozen=True, slots=True)
class Found:
    """What one rule did at one rise."""

    rule: str
    rise: float
    rolled_back: float
    low: float
    high: float
    """95 % interval of `rolled_back` (Wilson)."""
    requests: float | None
    """Median over all releases, per arm; None if fewer than half were rolled back."""


def in_shadow(rng: np.random.Generator, releases: int, rise: float) -> Drawn:
    """Both answer the same requests."""
    luck = rng.random((releases, HORIZON), np.float32)
    own = RATE * (1 - SHARED) + RATE * rise
    return Drawn((luck < RATE * SHARED) | (luck > 1 - own), luck < RATE)


def in_canary(rng: np.random.Generator, releases: int, rise: float) -> Drawn:
    """Each answers requests of its own."""
    ours, theirs = rng.random((2, releases, HORIZON), np.float32)
    return Drawn(ours < RATE * (1 + rise), theirs < RATE)


def e_process(drawn: Drawn, settings: ReleaseSettings, stage: Stage) -> Stops:
    """Where the fortune of one guardrail reaches what rolls back."""
    spared = reserved_share(settings) if stage == "shadow" else 0.0
    breach = (len(settings.guardrails) / settings.alpha - spared) / (1 - spared)
    differences = drawn.candidate.astype(np.int8) - drawn.champion.astype(np.int8)
    return np.array([_reached(row, math.log(breach)) for row in differences])


def _reached(differences: npt.NDArray[np.int8], breach: float) -> float:
    places = np.flatnonzero(differences)
    lost = np.cumsum(differences[places] > 0)
    won = np.arange(1, places.size + 1) - lost
    if not places.size:
        return NEVER
    evidence = log_wealth([1.0, -1.0], np.column_stack([lost, won]))
    hits = np.flatnonzero(evidence >= breach)
    return float(places[hits[0]] + 1) if hits.size else NEVER


def threshold(drawn: Drawn) -> Stops:
    """More than 5 % failed, in five windows."""
    bad = _windows(drawn.candidate) > 0.05 * WINDOW
    return _first(np.cumsum(bad, axis=1) >= 5)


def z_test(drawn: Drawn) -> Stops:
    """A one-sided test at 5 %, whenever one looks."""
    requests = WINDOW * np.arange(1, LOOKS + 1)
    ours, theirs = (np.cumsum(_windows(arm), axis=1) / requests for arm in _both(drawn))
    pooled = np.maximum((ours + theirs) / 2, 1e-9)
    error = np.sqrt(2 * pooled * (1 - pooled) / requests)
    return _first((ours - theirs) / error > norm.ppf(0.95))


def mann_whitney(drawn: Drawn) -> Stops:
    """The windows so far, at 98 %; at least five of them."""
    ours, theirs = map(_windows, _both(drawn))
    worse = np.zeros((len(ours), LOOKS), np.bool_)
    for look in range(5, LOOKS + 1):
        found = mannwhitneyu(ours[:, :look], theirs[:, :look], axis=1, method="asymptotic")
        more = ours[:, :look].sum(axis=1) > theirs[:, :look].sum(axis=1)
        worse[:, look - 1] = (found.pvalue < 0.02) & more
    return _first(worse)


def _both(drawn: Drawn) -> tuple[Failed, Failed]:
    return drawn.candidate, drawn.champion


def _windows(failed: Failed) -> npt.NDArray[np.int64]:
    return failed.reshape(len(failed), LOOKS, WINDOW).sum(axis=2)


def _first(hit: Failed) -> Stops:
    """The requests at the first look that says so."""
    return np.where(hit.any(axis=1), WINDOW * (1 + hit.argmax(axis=1)), NEVER)


def ours(settings: ReleaseSettings, stage: Stage) -> Callable[[list[Drawn]], Stops]:
    """The rule of a release with these settings: a breach of any guardrail."""

    def stops(drawn: list[Drawn]) -> Stops:
        guarded = drawn[: len(settings.guardrails)]
        return np.min([e_process(one, settings, stage) for one in guarded], axis=0)

    return stops


def theirs(rule: Callable[[Drawn], Stops]) -> Callable[[list[Drawn]], Stops]:
    """A rule that looks at the failures only."""
    return lambda drawn: rule(drawn[0])


SHADOW: Mapping[str, Callable[[list[Drawn]], Stops]] = {
    "ours, shadow, one guardrail": ours(ONE, "shadow"),
    "ours, shadow, all three": ours(ALL, "shadow"),
}
CANARY: Mapping[str, Callable[[list[Drawn]], Stops]] = {
    "ours, canary, one guardrail": ours(ONE, "canary"),
    "ours, canary, all three": ours(ALL, "canary"),
    "threshold": theirs(threshold),
    "z-test at every look": theirs(z_test),
    "Mann-Whitney": theirs(mann_whitney),
}


def measure(releases: int, seed: int = 0) -> list[Found]:
    """Every rule at every rise; all rules of a stage judge the same releases."""
    found = list[Found]()
    for rise in RISES:
        rng = np.random.default_rng([seed, round(100 * rise)])
        stops: dict[str, list[Stops]] = {}
        for start in range(0, releases, PART):
            size = min(PART, releases - start)
            for draw, rules in ((in_shadow, SHADOW), (in_canary, CANARY)):
                # The failures that rise, and two more guardrails that do not.
                drawn = [draw(rng, size, rise), *(draw(rng, size, 0.0) for _ in range(2))]
                for name, rule in rules.items():
                    stops.setdefault(name, []).append(rule(drawn))
        found += [summary(name, rise, np.concatenate(parts)) for name, parts in stops.items()]
    return found


def summary(rule: str, rise: float, stops: Stops) -> Found:
    """Share and median of the releases of one rule."""
    back = int(np.isfinite(stops).sum())
    interval = wilson(back, stops.size)
    middle = median(stops.tolist())
    requests = middle if math.isfinite(middle) else None
    return Found(rule, rise, interval.estimate, interval.low, interval.high, requests)


def replayed(releases: int, seed: int = 1) -> int:
    """Fold so many releases request by request; how many ended where `e_process` says.

    Raises AssertionError if one did not.
    """
    rng = np.random.default_rng(seed)
    for number in range(releases):
        stage: Stage = "canary" if number % 2 else "shadow"
        drawn = (in_canary if number % 2 else in_shadow)(rng, 1, 0.5)
        settings = ONE.model_copy(update={"shadow_requests": 0} if number % 2 else {})
        expected = float(e_process(drawn, settings, stage)[0])
        assert folded(drawn, settings, stage) == expected, (stage, expected)
    return releases


def folded(drawn: Drawn, settings: ReleaseSettings, stage: Stage) -> float:
    """The request at which the real evidence rolls back."""
    evidence = Evidence(settings)
    failures = zip(drawn.champion[0].tolist(), drawn.candidate[0].tolist(), strict=True)
    for request, failed in enumerate(failures, 1):
        pair = [answer(arm, request, bad) for arm, bad in zip(ARMS[stage], failed, strict=True)]
        evidence.fold(map(Observation, pair))
        # Nothing but a failure can roll back, and a look takes longer than a fold.
        if failed[1] and decide(evidence, stage, 0.0).action == "roll back":
            return float(request)
    return NEVER


def answer(arm: Arm, request: int, failed: bool) -> Prediction:
    """One logged answer."""
    version = 2 if arm in ("shadow", "canary") else 1
    name, error = f"{arm}-{request}", "failed" if failed else None
    copied = f"champion-{request}" if arm == "shadow" else None
    return Prediction(name, request, request, arm, version, name, {}, None, 0.01, error, copied)


@dataclass(frozen=True, slots=True)
class Whole:
    """How releases ended that go all the way; shares of them, and medians."""

    rate: float
    promoted: float
    rolled_back: float
    undecided: float
    shadow: float
    canary: float
    """Requests answered in shadow, and by each arm of the canary."""


def whole(rate: float, releases: int, seed: int = 2) -> Whole:
    """Releases of a version that fails at `rate`, each decided by the real code, to its end.

    Every failure has a label, so it counts on two guardrails.
    """
    rng = np.random.default_rng([seed, round(1000 * rate)])
    ends = [_whole(rng, rate) for _ in range(releases)]
    outcomes = [end.outcome for end, _ in ends]
    return Whole(
        rate=rate,
        promoted=outcomes.count("PASSED") / releases,
        rolled_back=outcomes.count("FAILED") / releases,
        undecided=outcomes.count("INCONCLUSIVE") / releases,
        shadow=median(shadow for _, shadow in ends),
        canary=median(end.requests if end.stage == "canary" else 0 for end, _ in ends),
    )


def _whole(rng: np.random.Generator, rate: float) -> tuple[Decision, int]:
    """The last look, and the requests in shadow."""
    evidence = Evidence(ALL)
    rise = rate / RATE - 1
    end = _stage(evidence, in_shadow(rng, 1, rise), "shadow")
    if end.action == "advance":
        end = _stage(evidence, in_canary(rng, 1, rise), "canary")
    return end, evidence.requests("shadow")


def _stage(evidence: Evidence, drawn: Drawn, stage: Stage) -> Decision:
    """Look every 20 requests until something is decided, or the requests are over."""
    for start in range(0, LONGEST, EVERY):
        evidence.fold(_observations(drawn, stage, range(start, start + EVERY)))
        over = start + EVERY == LONGEST
        look = decide(evidence, stage, math.inf if over else 0.0)
        if look.action != "go on":
            return look
    raise AssertionError("a look after the deadline decides")


def _observations(drawn: Drawn, stage: Stage, requests: range) -> Iterator[Observation]:
    for request in requests:
        failures = (bool(arm[0, request]) for arm in (drawn.champion, drawn.candidate))
        for arm, failed in zip(ARMS[stage], failures, strict=True):
            one = answer(arm, request, failed)
            yield Observation(one)
            yield Observation(one, float(failed))


def table(found: Sequence[Found], releases: int, checked: int) -> Iterator[str]:
    yield (
        f"{releases:,} releases a cell, {HORIZON:,} requests an arm at most; {100 * RATE:g} % "
        f"failures, {100 * SHARED:g} % of them shared in shadow;"
    )
    yield (
        f"declared false rollbacks: at most {100 * ONE.alpha:g} %. {checked} releases were also "
        "folded by the real Evidence: same ends."
    )
    heads = (f"+{100 * rise:.0f} %, median" for rise in RISES[1:])
    yield f"{'':29}{'false rollbacks':>22}" + "".join(f"{head:>16}" for head in heads)
    for rule in dict.fromkeys(one.rule for one in found):
        equal, *worse = (one for one in found if one.rule == rule)
        interval = f"[{100 * equal.low:.1f}, {100 * equal.high:.1f}]"
        line = f"{rule:29}{100 * equal.rolled_back:8.1f} %{interval:>12}"
        yield line + "".join(f"{_cell(one):>16}" for one in worse)


CITED = {
    "shadow": "ours, shadow, all three",
    "canary": "ours, canary, all three",
    "threshold": "threshold",
    "z_test": "z-test at every look",
    "mann_whitney": "Mann-Whitney",
}


def cited(found: Sequence[Found], releases: int) -> dict[str, float]:
    """What the lesson shows: false rollbacks in per cent, and requests until +20 % is found."""
    figures: dict[str, float] = {"releases": releases, "alpha": 100 * ONE.alpha}
    by = {(one.rule, one.rise): one for one in found}
    for name, rule in CITED.items():
        figures[f"false.{name}"] = round(100 * by[rule, 0.0].rolled_back, 1)
        requests = by[rule, 0.2].requests
        if requests is not None:
            figures[f"requests.{name}"] = round(requests)
    return figures


def whole_table(found: Sequence[Whole], releases: int) -> Iterator[str]:
    yield ""
    yield (
        f"{releases:,} whole releases a line, default settings: margin {100 * ALL.margin:g} "
        f"points, alpha {ALL.alpha:g}, three guardrails,"
    )
    yield f"every label known at once; a stage is over after {LONGEST:,} requests of each arm."
    yield (
        f"{'fails':29}{'promoted':>11}{'rolled back':>15}{'undecided':>13}"
        f"{'shadow':>12}{'canary, per arm':>19}"
    )
    for one in found:
        shares = f"{100 * one.promoted:9.1f} %{100 * one.rolled_back:13.1f} %"
        shares += f"{100 * one.undecided:11.1f} %"
        yield f"{_rate(one.rate):29}{shares}{one.shadow:12,.0f}{one.canary:19,.0f}"


def _rate(rate: float) -> str:
    label = f"{100 * rate:g} %"
    if rate == RATE:
        return f"{label}, as the champion"
    beyond = "beyond" if rate - RATE > ALL.margin + 1e-9 else "at"
    return label if rate - RATE < ALL.margin - 1e-9 else f"{label}, {beyond} the margin"


def _cell(one: Found) -> str:
    requests = f"{one.requests:,.0f}" if one.requests else "-"
    return f"{100 * one.rolled_back:.0f} %{requests:>8}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("-n", type=int, default=1000, help="releases per cell (default: 1000)")
    parser.add_argument("--quick", action="store_true", help="100 releases per cell")
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")
    parser.add_argument("--keep", action="store_true", help="keep the figures for the lesson")
    arguments = parser.parse_args()
    if arguments.n < 1:
        parser.error(f"-n {arguments.n}: give at least 1")
    releases = 100 if arguments.quick else arguments.n
    found, checked = measure(releases), replayed(4 if arguments.quick else 20)
    ends = [whole(rate, releases) for rate in RATES]
    if arguments.keep:
        save("release", typed(), cited(found, releases))
    if arguments.json:
        result = {"releases": releases, "horizon": HORIZON, "found": found, "whole": ends}
        print(json.dumps(result, default=asdict, indent=2))
    else:
        print("\n".join([*table(found, releases, checked), *whole_table(ends, releases)]))


if __name__ == "__main__":
    main()
