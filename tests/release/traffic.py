"""Simulated traffic of a release: observations as the prediction log would give them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator

from fullturn.core.entities import Arm, Observation, Prediction
from fullturn.core.settings import ReleaseSettings
from fullturn.release.decision import decide
from fullturn.release.evidence import Evidence
from fullturn.release.records import Decision, Stage

SETTINGS = ReleaseSettings()
CHAMPION: Arm = "champion"
SHADOW: Arm = "shadow"
Luck = Callable[[random.Random], tuple[bool, bool]]
"""Draws what befalls one request: the champion's misfortune, and that of the version tested."""


def prediction(
    number: int,
    arm: Arm,
    *,
    failed: bool = False,
    slow: bool = False,
    key: str = "",
    copy_of: str | None = None,
    time: int | None = None,
) -> Prediction:
    """One answer; each in a batch of its own unless it is told a time."""
    name = f"{arm}-{number}"
    return Prediction(
        id=name,
        sequence=number,
        time=number if time is None else time,
        arm=arm,
        version=2 if arm in ("canary", "shadow") else 1,
        key=key or name,
        input={"question": str(number)},
        output=None if failed else {"answer": "yes"},
        latency=3.0 if slow else 0.01,
        error="AppError: it broke" if failed else None,
        copy_of=copy_of,
    )


def shared(rate: float, more: float = 0.0, share: float = 0.8) -> Luck:
    """The champion fails at `rate`; the other shares that many of it, and fails so much more."""

    def draw(rng: random.Random) -> tuple[bool, bool]:
        luck = rng.random()
        common, own = luck < rate * share, rate * (1 - share)
        return luck < rate, common or luck > 1 - own - more

    return draw


def in_shadow(luck: Luck, requests: int, seed: int, what: str = "errors") -> Iterator[Observation]:
    """Requests, each with its copy; `what` says which guardrail misfortune strikes.

    With "loss" every label comes at once.
    """
    rng = random.Random(seed)
    for number in range(requests):
        theirs, ours = luck(rng)
        champion, shadow = (
            prediction(
                number,
                arm,
                failed=bad and what == "errors",
                slow=bad and what == "slow",
                copy_of=f"champion-{number}" if arm == "shadow" else None,
            )
            for arm, bad in ((CHAMPION, theirs), (SHADOW, ours))
        )
        yield from (Observation(champion), Observation(shadow))
        if what == "loss":
            yield from (Observation(champion, float(theirs)), Observation(shadow, float(ours)))


def in_canary(
    ours: float,
    theirs: float,
    requests: int,
    seed: int,
    what: str = "errors",
    users: int = 0,
) -> Iterator[Observation]:
    """So many requests of each arm, in random order; the canary's fare ill at rate `ours`.

    With `users`, each arm has so many entities that ask again and again, and they differ: a
    share of them has all of the misfortune, and always.
    """
    rng = random.Random(seed)
    arms: list[Arm] = ["canary"] * requests + ["baseline"] * requests
    rng.shuffle(arms)
    unlucky = {
        f"{arm}-user-{n}": rng.random() < rate
        for arm, rate in (("canary", ours), ("baseline", theirs))
        for n in range(users)
    }
    for number, arm in enumerate(arms):
        key = f"{arm}-user-{rng.randrange(users)}" if users else ""
        bad = unlucky[key] if users else rng.random() < (ours if arm == "canary" else theirs)
        one = prediction(
            number, arm, failed=bad and what == "errors", slow=bad and what == "slow", key=key
        )
        yield Observation(one)
        if what == "loss":
            yield Observation(one, float(bad))


def judged(
    observations: Iterable[Observation],
    stage: Stage = "shadow",
    settings: ReleaseSettings = SETTINGS,
    elapsed: float = 0.0,
) -> Decision:
    """One look after all of them."""
    return decide(folded(observations, settings), stage, elapsed)


def folded(observations: Iterable[Observation], settings: ReleaseSettings = SETTINGS) -> Evidence:
    evidence = Evidence(settings)
    evidence.fold(observations)
    return evidence


def first_rollback(
    observations: Iterable[Observation],
    stage: Stage,
    settings: ReleaseSettings = SETTINGS,
    every: int = 100,
) -> Decision | None:
    """The first of many looks that rolls back, if one does."""
    evidence, waiting = Evidence(settings), list[Observation]()
    for one in observations:
        waiting.append(one)
        if len(waiting) == every:
            evidence.fold(waiting)
            waiting.clear()
            decision = decide(evidence, stage, 0.0)
            if decision.action == "roll back":
                return decision
    return None
