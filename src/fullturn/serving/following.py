"""The server follows the registry: load, warm, switch, drain, unload.

Only here does a deployment change. What does not load leaves the old one serving, and is tried
again later, or at once when the registry asks for something else.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from fullturn.core.errors import FullturnError, NotFound
from fullturn.serving.deployment import Deployment, DesiredState, LoadedVersion

Look = Callable[[], DesiredState]
Load = Callable[[int], LoadedVersion]
"""Loads a version and has it answer its probe rows; raises if it cannot."""

RETRY = 30.0
"""Seconds until a version that did not load is tried again."""
_log = logging.getLogger("fullturn.serving")
_log.addHandler(logging.NullHandler())


class Follower:
    """Keeps one deployment in step with the registry.

    Raises:
        NotFound: there is no champion.
        FullturnError: the registry does not answer, or the champion does not load.
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
        if self.wanted.champion is None:
            raise NotFound("there is no champion to serve yet; `fullturn turn` makes one")
        self.current = Deployment(self._fetched(self.wanted.champion))
        self._previous = self.current.champion
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follow the registry", daemon=True)
        self._follow()

    def start(self) -> None:
        """Begin to look every `poll` seconds."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def step(self) -> None:
        """Look once, and serve what the registry asks for as far as it loads."""
        try:
            self.wanted = self._look()
            self.stale = None
        except FullturnError as error:
            self.stale = str(error)
            return
        self._follow()

    def _run(self) -> None:
        while not self._closing.wait(self._poll):
            self.step()

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
        except Exception as error:  # noqa: BLE001  whatever a user's app raises
            self._tried[version] = time.monotonic()
            self.failures[version] = f"version {version} does not load: {error}"
            going_on = self.current.champion.version
            _log.error("%s; version %d goes on", self.failures[version], going_on)
            return None

    def _fetched(self, version: int) -> LoadedVersion:
        slot = self._load(version)
        self._warm[version] = slot
        self._tried.pop(version, None)
        self.failures.pop(version, None)
        return slot

    def _forget(self) -> None:
        """Unload what is neither served nor the champion before, which a rollback may need."""
        kept = {*self.current.versions, self._previous.version}
        self._warm = {version: slot for version, slot in self._warm.items() if version in kept}
        asked = {self.wanted.champion, self.wanted.plan.version if self.wanted.plan else None}
        self.failures = {v: why for v, why in self.failures.items() if v in asked}
        self._tried = {v: when for v, when in self._tried.items() if v in asked}


def _named(deployment: Deployment) -> str:
    text = f"version {deployment.champion.version}"
    if deployment.candidate and deployment.plan:
        text += f" with {deployment.candidate.version} in {deployment.plan.stage}"
    return text
