"""Checks the evidence of a release until it is decided."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import orjson

from fullturn.core.entities import Observation
from fullturn.core.journal import Journal
from fullturn.core.journal import read as entries
from fullturn.core.records import Point
from fullturn.release import report, state
from fullturn.release.decision import decide
from fullturn.release.evidence import Evidence
from fullturn.release.ledger import Decided, Ending, Process
from fullturn.release.records import Decision
from fullturn.release.state import OnLook, Release
from fullturn.store import Store

LOOK_EVERY = 0.5
"""Seconds between two looks; the tests are valid at every look."""
FOLDER = "releases"
"""Folder in the project's state with a journal of the looks of each release."""
REPORTS = ("release/report.json", "release/report.md", "release/report.html")
Observe = Callable[[], Sequence[Observation]]
"""Returns the observations since the last call."""


class Controller:
    """Takes one release to its decision, from its current stage."""

    def __init__(
        self,
        store: Store,
        release: Release,
        folder: Path,
        observe: Observe,
        process: Process,
        is_gone: Callable[[Process], bool],
    ) -> None:
        """`observe` returns the observations since the release began, new ones at each call;
        `is_gone` says of a process of this machine that it has ended."""
        self.store, self.release = store, release
        self._observe = observe
        self._process, self._is_gone = process, is_gone
        self._control = 0
        self._evidence = Evidence(release.settings)
        self._seen = 0
        self._looks = looks_of(folder, release.run)

    def run(self, on_look: OnLook) -> Release:
        """Look until the release is decided, here or elsewhere.

        Raises:
            Conflict: another release was first, the plan was withdrawn without a decision, or
                another process controls this release.
            CouldNotEvaluate: this machine's clock is off.
        """
        self.release, self._control = state.take_control(
            self.store, self.release, self._process, self._is_gone
        )
        while self.release.ending is None:
            on_look(self.release, self.look())
            if self.release.ending is None:
                time.sleep(LOOK_EVERY)
                self.release = state.current(self.store, self.release)
        return self.release

    def look(self) -> Decision:
        """Read new observations, decide, and act on the decision."""
        decision = self.peek()
        self._record(decision)
        if decision.action == "advance":
            self.release = state.advance(self.store, self.release, self._control)
        elif decision.action == "go on":
            self.release = state.renew(self.store, self.release, self._control)
        else:
            self._end(decision)
        return decision

    def peek(self) -> Decision:
        """What the evidence says now; changes nothing."""
        new = [one for one in self._observe() if self._counts(one)]
        self._seen += len(new)
        self._evidence.fold(new)
        elapsed = time.time() - self.release.stage_began
        return decide(self._evidence, self.release.stage, elapsed)

    def _counts(self, one: Observation) -> bool:
        """Whether one of the two versions of this release answered it."""
        tested = one.prediction.arm in ("shadow", "canary")
        wanted = self.release.version if tested else self.release.champion
        return one.prediction.version == wanted

    def _record(self, decision: Decision) -> None:
        """Store the statistics and the decision of a look in MLflow and in a local file."""
        self._looks.parent.mkdir(exist_ok=True)
        with Journal(self._looks) as journal:
            journal.append(orjson.dumps(asdict(decision)))
        now = time.time_ns() // 1_000_000
        values = {
            f"{decision.stage}.{one.guardrail}.{name}": value
            for one in decision.readings
            for name, value in (
                ("worse", one.worse),
                ("not_worse", one.not_worse),
                ("difference", one.difference),
                ("pairs", float(one.pairs)),
            )
        }
        points = [Point(key, value, now, self._seen) for key, value in values.items()]
        self.store.log_points(self.release.run, points)

    def _end(self, decision: Decision) -> None:
        ending: Ending = "promote" if decision.action == "promote" else "roll back"
        decided = Decided(
            ending,
            decision.outcome,
            decision.reason,
            self.release.actor,
            control=self._control,
        )
        self.release = state.decide(self.store, self.release, decided)
        self._report()

    def _report(self) -> None:
        found = looks(self._looks)
        title = f"version {self.release.version} against version {self.release.champion}"
        texts = (
            report.to_json(found),
            report.to_markdown(title, found),
            report.to_html(title, found),
        )
        for name, text in zip(REPORTS, texts, strict=True):
            self.store.put_text(self.release.run, text, name)


def looks_of(folder: Path, run: str) -> Path:
    """The journal of a release's looks."""
    return folder / f"{run}.journal"


def looks(path: Path) -> list[Decision]:
    """The looks at a release that a journal recorded, oldest first."""
    return [report.read_look(orjson.loads(payload)) for payload, _ in entries(path)]
