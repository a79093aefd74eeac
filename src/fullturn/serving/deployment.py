"""Which version answers: loaded versions, the arm of a request, and following the registry.

A deployment never changes; `Follower` swaps one for another between two batches. If a version does
not load, the old one continues to serve; loading is retried later, or at once when the registry
asks for something else.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from fullturn.core import release_plan
from fullturn.core.entities import Arm, Output, ReleasePlan
from fullturn.core.errors import FullturnError, NotFound
from fullturn.core.records import Registered
from fullturn.core.redaction import redacted
from fullturn.subjects.protocols import Predictor

BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class DesiredState:
    """What the registry asks the server to serve."""

    champion: int | None
    plan: ReleasePlan | None
    problem: str | None = None
    """Why the release in the registry is not followed."""
    foreign: str | None = None
    """What is said of an alias that somebody else set, and that is not followed."""


@dataclass(frozen=True, slots=True)
class LoadedVersion:
    """A loaded version."""

    version: int
    predictor: Predictor
    run: str = ""
    """The run that trained it."""
    example: Output | None = None
    """An answer of it, if one is stored."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """The champion, and in a release the version under test beside it."""

    champion: LoadedVersion
    candidate: LoadedVersion | None = None
    plan: ReleasePlan | None = None

    def releasing(self, stage: str) -> bool:
        """Whether a release is in this stage now, and its lease has not expired."""
        plan = self.plan
        return (
            plan is not None
            and self.candidate is not None
            and plan.stage == stage
            and time.time() < plan.until
        )

    def arm_of(self, key: str) -> Arm:
        """The arm of an entity: always the same one, whatever else is asked meanwhile.

        Canary and baseline are equally large; when the share grows, their members stay.
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
    """The bucket of an entity, 0 to 9,999, evenly distributed."""
    digest = hashlib.blake2b(f"{salt}\0{key}".encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest) % BUCKETS


def desired_state(
    champion: int | None, model: Registered, foreign: str | None = None
) -> DesiredState:
    """What the history and the registered model's tags ask for; a bad plan is not followed."""
    try:
        return DesiredState(champion, release_plan.read(model.tags), foreign=foreign)
    except ValueError as error:
        return DesiredState(champion, None, str(error), foreign)


Look = Callable[[], DesiredState]
Load = Callable[[int], LoadedVersion]
"""Loads a version and checks it on its probe rows; raises if it cannot."""

RETRY = 30.0
"""Seconds until a version that did not load is retried."""
_log = logging.getLogger("fullturn.serving")
_log.addHandler(logging.NullHandler())


class Follower:
    """Keeps one deployment in step with the registry.

    Raises:
        NotFound: there is no champion.
        FullturnError: the registry is unreachable, or the champion does not load.
    """

    def __init__(self, look: Look, load: Load, poll: float) -> None:
        self._look, self._load, self._poll = look, load, poll
        self._warm: dict[int, LoadedVersion] = {}
        self._tried: dict[int, float] = {}
        self.failures: dict[int, str] = {}
        """Versions that are wanted and did not load, and why."""
        self.stale: str | None = None
        """Why the registry could not be read the last time; None if it could."""
        self.swaps = 0
        self.wanted = look()
        if self.wanted.foreign:
            _log.warning("%s", self.wanted.foreign)
        if self.wanted.champion is None:
            raise NotFound("there is no champion to serve yet; `fullturn turn` makes one")
        self.current = Deployment(self._fetched(self.wanted.champion))
        self._previous = self.current.champion
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follow the registry", daemon=True)
        self._follow()

    def start(self) -> None:
        """Start to check the registry every `poll` seconds."""
        self._thread.start()

    def close(self) -> None:
        """Stop checking."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def step(self) -> None:
        """Check once, and serve what the registry asks for, as far as it loads."""
        before = self.wanted.foreign
        try:
            self.wanted = self._look()
            self.stale = None
        except FullturnError as error:
            self.stale = str(error)
            return
        except Exception as error:  # noqa: BLE001  the thread must go on
            self._unforeseen(error)
            return
        if self.wanted.foreign and self.wanted.foreign != before:
            _log.warning("%s", self.wanted.foreign)
        self._follow()

    def _run(self) -> None:
        while not self._closing.wait(self._poll):
            self.step()

    def _unforeseen(self, error: Exception) -> None:
        """Log an error with its traceback, once for as long as it lasts."""
        before, self.stale = self.stale, redacted(f"{type(error).__name__}: {error}")
        if self.stale != before:
            _log.error("%s", redacted("".join(traceback.format_exception(error))))

    def _follow(self) -> None:
        champion = self._loaded(self.wanted.champion) or self.current.champion
        plan = self.wanted.plan if self.wanted.plan and self._valid(champion) else None
        candidate = self._loaded(plan.version) if plan else None
        new = Deployment(champion, candidate, plan if candidate else None)
        if new != self.current:
            if new.versions != self.current.versions:
                self.swaps += 1
                _log.warning("serving %s, before %s", _named(new), _named(self.current))
            if champion is not self.current.champion:
                self._previous = self.current.champion
            self.current = new
        self._forget()

    def _valid(self, champion: LoadedVersion) -> bool:
        plan = self.wanted.plan
        return plan is not None and plan.version != champion.version and time.time() < plan.until

    def _loaded(self, version: int | None) -> LoadedVersion | None:
        """A version ready to serve; None if it does not load."""
        if version is None:
            return None
        if version in self._warm:
            self.failures.pop(version, None)
            return self._warm[version]
        if time.monotonic() - self._tried.get(version, -RETRY) < RETRY:
            return None
        try:
            return self._fetched(version)
        except Exception as error:  # noqa: BLE001  a user's app may raise anything
            self._tried[version] = time.monotonic()
            self.failures[version] = redacted(f"version {version} does not load: {error}")
            current = self.current.champion.version
            _log.error("%s; version %d continues to serve", self.failures[version], current)
            return None

    def _fetched(self, version: int) -> LoadedVersion:
        slot = self._load(version)
        self._warm[version] = slot
        self._tried.pop(version, None)
        self.failures.pop(version, None)
        return slot

    def _forget(self) -> None:
        """Unload what is neither served nor the previous champion, which a rollback may need."""
        needed = {*self.current.versions, self._previous.version}
        self._warm = {version: slot for version, slot in self._warm.items() if version in needed}
        asked = {self.wanted.champion, self.wanted.plan.version if self.wanted.plan else None}
        self.failures = {v: why for v, why in self.failures.items() if v in asked}
        self._tried = {v: when for v, when in self._tried.items() if v in asked}


def _named(deployment: Deployment) -> str:
    text = f"version {deployment.champion.version}"
    if deployment.candidate and deployment.plan:
        text += f" with {deployment.candidate.version} in {deployment.plan.stage}"
    return text
