"""Monitor the champion: read its answers, record its alarms as runs, notify a webhook."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from fullturn.core import proxies
from fullturn.core.entities import Alarm, Observation, RunRecord
from fullturn.core.errors import NotFound, SettingsError
from fullturn.core.monitored import Monitored
from fullturn.core.records import VALIDATION
from fullturn.core.redaction import redacted
from fullturn.core.showing import Block, Result, line, styled, then, view
from fullturn.core.tags import NOTE, PARENT, AlarmTags
from fullturn.core.wording import clipped_share, listed, shown
from fullturn.monitoring import report
from fullturn.monitoring.plans import find as custom_detectors
from fullturn.monitoring.showing import detector_blocks
from fullturn.monitoring.unseen import UnseenCategories, UnseenCategory
from fullturn.monitoring.watch import DetectorState, Watch
from fullturn.registry import history as histories
from fullturn.registry import promotion, versions
from fullturn.serving.observations import Observer
from fullturn.tracking.runs import RunPlan, recorded
from fullturn.verbs.log import collect
from fullturn.verbs.workspace import Workspace, stored_evaluation

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

KIND = "alarm"
REPORTS = ("alarm/alarm.json", "alarm/alarm.md", "alarm/alarm.html")
LABELLED = 20_000
"""Number of the newest labelled answers that a retraining decision uses."""


@dataclass(frozen=True, slots=True)
class Seen(Result):
    """The state of monitoring."""

    version: int
    requests: int
    labelled: int
    states: tuple[DetectorState, ...]
    alarms: tuple[Alarm, ...]
    """Alarms of this version, oldest first, each diagnosed with all present data."""
    unscored: int = 0
    """Labelled answers that the app could not score; not included in `labelled`."""
    first_unscored: str | None = None
    """Why the first of them could not be scored."""
    unseen: tuple[UnseenCategory, ...] = ()
    """Categories in requests that training never had, the most frequent first."""
    clipped: int | None = None
    """Losses above 1, which count as 1; None if the app declares no loss."""
    loss: str | None = None
    """What a loss is, if it is not 1 minus the score."""
    page: str | None = None
    """The file of the report page, if it was written."""
    _rows = "states"

    def to_html(self) -> str:
        """The report page with plots."""
        losses = "" if self.clipped is None else f"{self.clipped:,} of {self.labelled:,}"
        return report.to_html(self.states, list(self.alarms), losses)


def monitor(project: Workspace, page: str | Path | None = None) -> Seen:
    """The state of each detector, and alarms with their diagnosis.

    Reads the log since the champion's promotion, records new alarms, notifies the webhook, and
    writes a report page with plots to the file `page`, if given.

    Raises:
        NotFound: there is no champion yet.
    """
    watcher = Monitor(project)
    watcher.step()
    seen = watcher.seen()
    if page is None:
        return seen
    Path(page).write_text(redacted(seen.to_html()), encoding="utf-8")
    return replace(seen, page=str(page))


class Monitor:
    """Monitors the champion since its promotion; reads the log again after a restart."""

    def __init__(self, project: Workspace, after: int | None = None) -> None:
        """With `after`, a sequence number of the log, monitoring starts there instead.

        Raises:
            NotFound: there is no champion yet.
        """
        number = promotion.sync_alias(project.store)
        if number is None:
            raise NotFound("there is no champion to monitor yet; run `fullturn turn`")
        self.project, self.version = project, number
        self.run = project.store.run(versions.version(project.store, str(number)).run_id)
        self.reference = stored_evaluation(project, self.run.id, VALIDATION).rows
        limits, named = project.settings.monitoring, project.settings.plugins.detectors
        custom = custom_detectors(named, project.root)
        self._watch = Watch(project.subject.contract, self.reference, limits, _vectors, custom)
        begin = _promoted(project, number) if after is None else after
        self._observer = Observer(project.state, project.subject, begin)
        self._requests = self._unscored = 0
        self._first_unscored: str | None = None
        self._unseen = UnseenCategories()
        self._alarms: list[Alarm] = []
        self._labelled: list[Observation] = []

    @property
    def current(self) -> bool:
        """Whether the version is still the champion."""
        return promotion.champion(self.project.store) == self.version

    def step(self) -> list[Alarm]:
        """Read new log entries; record new alarms as runs and notify the webhook; returns them."""
        collect(self.project)
        new = [one for one in self._observer.read() if self._is_relevant(one)]
        labelled = [one for one in new if one.loss is not None]
        scored = [one for one in labelled if one.unscored is None]
        self._labelled = [*self._labelled, *scored][-LABELLED:]
        self._requests += len(new) - len(labelled)
        self._unseen.observe(new)
        self._count_unscored(one.unscored for one in labelled if one.unscored is not None)
        alarms = self._watch.observe(new)
        self._alarms += alarms
        recorded = self._recorded() if alarms else {}
        unrecorded = [one for one in alarms if not _is_complete(recorded.get(identity(one)))]
        for alarm in unrecorded:
            run = recorded.get(identity(alarm))
            self._complete_run(alarm, run.id if run else self._start_run(alarm))
        notify_webhook(self.project)
        self._noted().write(self.project.state)
        return unrecorded

    def _noted(self) -> Monitored:
        """What the server reports to Prometheus."""
        losses = [one.loss for one in self._labelled if one.loss is not None]
        unseen: Counter[str] = Counter()
        for one in self._unseen.found:
            unseen[one.column] += one.requests
        return Monitored(
            version=self.version,
            requests=self._requests,
            labelled=len(losses),
            loss=sum(losses) / len(losses) if losses else None,
            alarms={one.name: one.alarms for one in self._watch.states},
            shares={one.name: one.share for one in self._watch.states},
            unseen=dict(unseen),  # asdict() does not know a Counter
        )

    def seen(self) -> Seen:
        """The state of each detector, and all alarms, diagnosed with all present data."""
        alarms = tuple(self._watch.diagnosed(alarm) for alarm in self._alarms)
        return Seen(
            version=self.version,
            requests=self._requests,
            labelled=len(self._labelled),
            states=self._watch.states,
            alarms=alarms,
            unscored=self._unscored,
            first_unscored=self._first_unscored,
            unseen=self._unseen.found,
            clipped=self._clipped(),
            loss=self.project.loss_meaning,
        )

    def _clipped(self) -> int | None:
        """Clipped losses among the labelled answers; None if the app declares no loss."""
        if all(row.loss is None for row in self.reference):
            return None
        return sum(one.clipped for one in self._labelled)

    def newest_alarm(self) -> Alarm | None:
        """The newest alarm, diagnosed with all present data."""
        return self._watch.diagnosed(self._alarms[-1]) if self._alarms else None

    def losses(self, since: int) -> list[Observation]:
        """Labelled answers to requests since this sequence number."""
        return [one for one in self._labelled if one.prediction.sequence >= since]

    def _count_unscored(self, reasons: Iterable[str]) -> None:
        for reason in reasons:
            self._unscored += 1
            self._first_unscored = self._first_unscored or reason

    def _recorded(self) -> dict[str | None, RunRecord]:
        """Runs of this version's alarms, by the alarm's identity."""
        runs = self.project.store.runs(KIND, tags=AlarmTags(version=self.version).write())
        return {AlarmTags.read(run.tags).alarm: run for run in runs}

    def _is_relevant(self, one: Observation) -> bool:
        return one.prediction.version == self.version and one.prediction.arm != "shadow"

    def _start_run(self, alarm: Alarm) -> str:
        project, diagnosis = self.project, alarm.diagnosis
        plan = RunPlan(KIND, "", owner=project.owner)
        tags = {
            **recorded(project.root, plan),
            **AlarmTags(
                alarm=identity(alarm),
                detector=alarm.detector,
                version=alarm.version,
                verdict=diagnosis.verdict,
                record=json.dumps(asdict(alarm), default=str),
                webhook="due" if project.settings.monitoring.webhook else None,
            ).write(),
            NOTE: f"**{alarm.detector}** — {diagnosis.verdict}: {diagnosis.reason}",
            PARENT: self.run.id,
        }
        return project.store.start_run(KIND, f"alarm of {alarm.detector}", {}, tags)

    def _complete_run(self, alarm: Alarm, run: str) -> None:
        """Store the alarm's reports and end its run, also a run that another process started."""
        store, states = self.project.store, self._watch.states
        texts = (
            report.to_json(states, [alarm]),
            report.to_markdown(states, [alarm]),
            report.to_html(states, [alarm]),
        )
        for name, text in zip(REPORTS, texts, strict=True):
            store.put_text(run, text, name)
        figures = {"statistic": min(alarm.statistic, 1e300), "threshold": alarm.threshold}
        store.log_metrics(run, figures, alarm.requests)
        store.end_run(run, "FINISHED")


def identity(alarm: Alarm) -> str:
    """An alarm's identity, which stays the same when the log is read again."""
    return f"{alarm.version}/{alarm.detector}/{alarm.sequence}"


def _is_complete(run: RunRecord | None) -> bool:
    """Whether an alarm is recorded completely."""
    return run is not None and run.status == "FINISHED"


def alarms(project: Workspace) -> list[RunRecord]:
    """The runs of all alarms, newest first."""
    return project.store.runs(KIND)


def notify_webhook(project: Workspace) -> list[str]:
    """Post alarms that are due to the webhook; failed ones remain due. Returns the errors."""
    address = project.settings.monitoring.webhook
    if address is None:
        return []
    import httpx

    errors = []
    for run in alarms(project):
        tags = AlarmTags.read(run.tags)
        if tags.webhook in (None, "sent") or tags.record is None:
            continue
        try:
            with proxies.client(address, timeout=5) as client:
                answer = client.post(address, content=tags.record,
                                     headers={"content-type": "application/json"})  # fmt: skip
                answer.raise_for_status()
            project.store.tag_run(run.id, AlarmTags(webhook="sent").write())
        except (httpx.HTTPError, httpx.InvalidURL, SettingsError) as error:
            # Whoever knows the path of a webhook may post there: it is not shown.
            host = urlsplit(address).hostname or "[monitoring] webhook"
            reason = str(error).replace(address, host).partition("\n")[0]
            errors.append(f"{host}: {reason}")
            project.store.tag_run(run.id, AlarmTags(webhook_error=reason).write())
    return errors


def _promoted(project: Workspace, number: int) -> int:
    """When a version became champion for the last time, in nanoseconds since 1970."""
    entry = histories.read(project.store).last_of(number)
    assert entry is not None  # the champion's number comes from there
    return round(datetime.fromisoformat(entry.created).timestamp() * 1e9)


def _vectors(texts: Sequence[str]) -> npt.NDArray[np.floating[Any]]:
    from fullturn.subjects.vectors import word_vectors

    return word_vectors().means(texts)


@view.register
def _(result: Seen) -> Iterator[Block]:
    yield line(
        f"version {result.version}: {result.requests:,} requests monitored, {result.labelled:,} of "
        f"them labelled, {len(result.alarms)} alarms"
    )
    if result.unscored:
        number = f"{result.unscored:,} labelled answer{'s' if result.unscored > 1 else ''}"
        yield line(styled(f"{number} could not be scored: {result.first_unscored}", "bad"))
    if result.unseen:
        named = [f"{one.column} {shown(one.category)} {one.requests:,}" for one in result.unseen]
        yield line(styled(f"categories that training never had: {listed(named)}", "open"))
    if result.loss and result.labelled:
        yield line(result.loss)
    if result.clipped and result.labelled:
        yield line(f"{clipped_share(result.clipped / result.labelled)}")
    yield from detector_blocks(result.states, result.alarms)
    page = f"open {result.page}" if result.page else "fullturn monitor --page monitor.html"
    yield then(page, "fullturn turn")
