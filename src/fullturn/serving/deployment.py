"""Who answers: the loaded versions, and which arm of a release a request belongs to.

A deployment never changes; the server swaps one for another between two batches.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass

from fullturn.core.entities import Arm, ReleasePlan
from fullturn.core.records import Registered
from fullturn.core.tags import PREFIX
from fullturn.subjects.protocols import Predictor

RELEASE = PREFIX + "release"
"""Tag of the registered model: the plan of a running release, as JSON."""
BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class DesiredState:
    """What the registry asks the server to serve."""

    champion: int | None
    plan: ReleasePlan | None
    problem: str | None = None
    """Why the release in the registry is not followed."""


@dataclass(frozen=True, slots=True)
class LoadedVersion:
    """A loaded version."""

    version: int
    predictor: Predictor
    run: str = ""
    """The run that trained it."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """The champion, and in a release the version under test beside it."""

    champion: LoadedVersion
    candidate: LoadedVersion | None = None
    plan: ReleasePlan | None = None

    def releasing(self, stage: str) -> bool:
        """Whether a release is in this stage now, its lease not run out."""
        plan = self.plan
        return (
            plan is not None
            and self.candidate is not None
            and plan.stage == stage
            and time.time() < plan.until
        )

    def arm_of(self, key: str) -> Arm:
        """Whom an entity gets: always the same arm, whatever else is asked meanwhile.

        Canary and baseline are equally large; a growing share keeps their members.
        """
        if self.plan is None or not self.releasing("canary"):
            return "champion"
        place, size = bucket(self.plan.salt, key), round(self.plan.share * BUCKETS)
        if place < size:
            return "canary"
        return "baseline" if place >= BUCKETS - size else "champion"

    def slot(self, arm: Arm) -> LoadedVersion:
        """The version that answers for an arm."""
        tested = self.candidate if arm in ("canary", "shadow") else None
        return tested or self.champion

    @property
    def versions(self) -> tuple[int, ...]:
        """The versions in use."""
        return (self.champion.version, *([self.candidate.version] if self.candidate else []))


def bucket(salt: str, key: str) -> int:
    """Where an entity falls, 0 to 9,999, evenly."""
    digest = hashlib.blake2b(f"{salt}\0{key}".encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest) % BUCKETS


def wanted(model: Registered) -> DesiredState:
    """What aliases and tags of the registered model ask for; a bad plan is not followed."""
    champion, text = model.aliases.get("champion"), model.tags.get(RELEASE)
    if not text:
        return DesiredState(champion, None)
    try:
        return DesiredState(champion, _plan(json.loads(text)))
    except (ValueError, TypeError, KeyError) as error:
        return DesiredState(champion, None, f"tag {RELEASE} is no plan ({error}): {text[:200]}")


def _plan(record: Mapping[str, object]) -> ReleasePlan:
    plan = ReleasePlan(
        run=str(record["run"]),
        stage="shadow" if record["stage"] == "shadow" else "canary",
        version=int(str(record["version"])),
        share=float(str(record["share"])),
        salt=str(record["salt"]),
        until=float(str(record["until"])),
    )
    if record["stage"] not in ("shadow", "canary"):
        raise ValueError(f"stage {record['stage']!r}")
    if not 0 <= plan.share <= 0.5:
        raise ValueError(f"share {plan.share}")
    return plan
