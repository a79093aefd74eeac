"""Shadow → canary → champion, or back: looks at the evidence until it decides."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import orjson

from fullturn.core.entities import Observation
from fullturn.core.errors import Inconclusive, NotFound, Refused
from fullturn.core.journal import Journal
from fullturn.core.journal import read as entries
from fullturn.core.locks import project_lock
from fullturn.core.records import Point
from fullturn.release import report
from fullturn.release.decision import decide
from fullturn.release.evidence import Evidence
from fullturn.release.forecast import forecast, sentences
from fullturn.release.records import Decision
from fullturn.serving.answering import VIOLATION
from fullturn.verbs import references, release_state
from fullturn.verbs.observations import Observer
from fullturn.verbs.release_state import Release
from fullturn.verbs.workspace import Workspace

LOOK_EVERY = 0.5
"""Seconds between two looks; the tests are valid at every look."""
LOOKS = "releases"
REPORTS = ("release/report.json", "release/report.md", "release/report.html")
OnLook = Callable[[Release, Decision], None]


class Controller:
    """Takes one release to its end, from wherever it stands."""

    def __init__(self, project: Workspace, release: Release) -> None:
        self.project, self.release = project, release
        self._observer = Observer(project, round(release.began * 1e9))
        self._evidence = Evidence(release.settings)
        self._seen = 0
        folder = project.state / LOOKS
        folder.mkdir(exist_ok=True)
        self._looks = folder / f"{release.run}.journal"

    def look(self) -> Decision:
        """Read what came, decide, and do what follows."""
        decision = self.peek()
        self._keep(decision)
        if decision.action == "advance":
            self.release = release_state.advance(self.project, self.release)
        elif decision.action == "go on":
            release_state.renew(self.project, self.release)
        else:
            self._end(decision)
        return decision

    def refreshed(self) -> Release:
        """The release as it is on record: another process may have aborted it."""
        self.release = release_state.current(self.project, self.release)
        return self.release

    def peek(self) -> Decision:
        """What the evidence says now; nothing follows from it."""
        new = [one for one in self._observer.read() if self._counts(one)]
        self._seen += len(new)
        self._evidence.fold(new)
        elapsed = time.time() - self.release.stage_began
        return decide(self._evidence, self.release.stage, elapsed)

    def _counts(self, one: Observation) -> bool:
        """Not what another release, or a champion since then, has answered, nor what broke the
        contract: no version was asked that."""
        if (one.prediction.error or "").startswith(VIOLATION):
            return False
        tested = one.prediction.arm in ("shadow", "canary")
        wanted = self.release.version if tested else self.release.champion
        return one.prediction.version == wanted

    def _keep(self, decision: Decision) -> None:
        """The look, in MLflow and in a local file: its statistics, and what it decided."""
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
        self.project.store.log_points(self.release.run, points)

    def _end(self, decision: Decision) -> None:
        if decision.action == "roll back":
            release_state.withdraw(self.project)  # users first, then the record
        ending: release_state.Ending = "promote" if decision.action == "promote" else "roll back"
        self.release = release_state.decide(
            self.project, self.release, ending, decision.outcome, decision.reason
        )
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
            self.project.store.put_text(self.release.run, text, name)


def release(project: Workspace, reference: str, told: OnLook) -> Release:
    """Release a version, or go on with its release; returns when it is decided.

    `told` gets every look. Interrupted or killed, it leaves the release open: the server soon
    gives everyone the champion, until somebody goes on.

    Raises:
        NotFound, NotGated, Conflict, Refused: it may not begin.
        Refused: it was rolled back by evidence.
        Inconclusive: it was rolled back for want of evidence.
    """
    version = references.version(project, reference)
    with project_lock(project.state, f"fullturn release {reference}"):
        opened = release_state.under_way(project)
        if opened is None or opened.version != version.version:
            opened = release_state.begin(project, version)
        ended = follow(project, opened, told)
    if ended.ending == "promote":
        return ended
    error = Refused if ended.outcome == "FAILED" else Inconclusive
    raise error(f"version {ended.version} went back to version {ended.champion}: {ended.reason}")


def follow(project: Workspace, opened: Release, told: OnLook) -> Release:
    """Look until the release has ended."""
    controller = Controller(project, opened)
    while controller.refreshed().ending is None:
        told(controller.release, controller.look())
        if controller.release.ending is None:
            time.sleep(LOOK_EVERY)
    return release_state.finalize(project, controller.release)


def foreseen(project: Workspace) -> list[str]:
    """What a release with the project's settings may do wrong and can find, in sentences."""
    return sentences(forecast(project.settings.release))


def status(project: Workspace) -> tuple[Release, Decision]:
    """The release under way and what the evidence says now.

    Raises:
        NotFound: there is none.
    """
    opened = _opened(project)
    return opened, Controller(project, opened).peek()


def abort(project: Workspace, reason: str) -> Release:
    """End the release under way: everyone gets the champion, at once.

    Raises:
        NotFound: there is none.
    """
    opened = _opened(project)
    release_state.withdraw(project)
    if opened.ending is None:
        why = f"aborted by {project.owner}: {reason}"
        opened = release_state.decide(project, opened, "roll back", "INCONCLUSIVE", why)
    return release_state.finalize(project, opened)


def looks(path: Path) -> list[Decision]:
    """The looks kept of a release, oldest first."""
    return [report.read_look(orjson.loads(payload)) for payload, _ in entries(path)]


def _opened(project: Workspace) -> Release:
    opened = release_state.under_way(project)
    if opened is None:
        last = next(iter(release_state.releases(project)), None)
        before = f"; the last, of version {last.version}, ended: {last.ending}" if last else ""
        raise NotFound(f"no release is under way{before}; `fullturn release VERSION` begins one")
    return opened
