"""A project: its folder, settings, subject, tracking server and data table."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

from fullturn.core import settings as reader
from fullturn.core.addresses import kind_of
from fullturn.core.entities import Dataset, DatasetVersion, Evaluation, GateReport
from fullturn.core.errors import NotFound, RowsMissing, StoreUnavailable
from fullturn.core.records import REPORTS
from fullturn.core.settings import Settings
from fullturn.subjects import scores
from fullturn.subjects.catalog import find
from fullturn.subjects.scores import renamed_metrics
from fullturn.subjects.subject import Subject

if TYPE_CHECKING:
    from fullturn.metrics import Metric
    from fullturn.store import Store

Progress = Callable[[str, int, int], None]
"""Called with the current activity, the number of finished steps, and their total."""


def unwatched(release: object, decision: object) -> None:
    """Ignore the looks at a release."""


def silent(what: str, done: int, total: int) -> None:
    """Ignore progress."""


@dataclass(frozen=True)
class Workspace:
    """A project as the verbs use it."""

    root: Path
    settings: Settings

    @classmethod
    def open(cls, start: Path) -> Self:
        """The project in `start` or above it.

        Raises:
            NotFound: there is no fullturn.toml.
            SettingsError: it is wrong.
        """
        root = reader.find_root(start.resolve())
        return cls(root, reader.read(root))

    @cached_property
    def state(self) -> Path:
        """The folder of all local state."""
        return reader.state_folder(self.settings, self.root)

    @cached_property
    def subject(self) -> Subject:
        """What is operated: an app, its capabilities, and additional scorers."""
        app = find(self.settings.app, self.settings, self.root, lambda: self.store)
        named = self.settings.plugins.scorers
        scale = self.settings.model.scale
        return Subject(app, self.settings.app, scores.find(named, self.root), scale)

    @cached_property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics in `[gates]`, the primary one first.

        Raises:
            SettingsError: there is no such metric.
        """
        from fullturn.metrics import find
        from fullturn.metrics.metric import in_unit

        names, unit = self.settings.gates.named_metrics, self.settings.data.unit
        return tuple(in_unit(find(name, self.root), unit) for name in names)

    @property
    def loss_meaning(self) -> str | None:
        """What a loss between 0 and 1 is, of a regression; None where it is 1 minus the score."""
        scale = self.settings.model.scale
        if scale is None or self.settings.model.task != "regression":
            return None
        return f"loss: absolute error ÷ {scale:g}, [model] scale, at most 1"

    @property
    def primary(self) -> Metric | None:
        """The metric that the settings put first; None if the app's first score is."""
        return self.metrics[0] if self.settings.gates.primary else None

    @cached_property
    def store(self) -> Store:
        """The tracking server."""
        from fullturn.store import Store

        uri = reader.tracking_uri(self.settings, self.root)
        root = reader.artifact_root(self.settings, self.root)
        return Store(uri, self.settings.name, self.state / "artifacts", root)

    @property
    def shared(self) -> bool:
        """Whether others may use the same tracking server: the champion may be served elsewhere."""
        return kind_of(reader.tracking_uri(self.settings, self.root)) != "sqlite"

    @property
    def table(self) -> Path:
        """The Delta table of the project's dataset."""
        return self.state / "data" / self.settings.name

    @cached_property
    def owner(self) -> str:
        """Who acts: the login at the tracking server, and beside it the name in the settings or in
        Git; where the server has no logins, only that name, which anybody can set."""
        from fullturn.tracking.provenance import owner

        named, login = owner(self.root, self.settings.experiment.owner), None
        with suppress(StoreUnavailable):  # rows are committed without it
            login = self.store.login
        return named if login in (None, named) else f"{login} ({named})"


def feedback_file(project: Workspace) -> Path:
    """Rows from users' feedback: part of every commit of the project's own files."""
    return project.state / "feedback.jsonl"


def latest(project: Workspace) -> int | None:
    """The number of the newest dataset version; None before the first commit."""
    found = newest(project)
    return found.version if found else None


def newest(project: Workspace) -> DatasetVersion | None:
    """The newest dataset version; None before the first commit."""
    from fullturn.data import versions

    try:
        return versions.show(project.table)
    except NotFound:
        return None


def with_digest(project: Workspace, digest: str) -> DatasetVersion | None:
    """The newest dataset version with this digest; None if this table has none.

    Version numbers are per table, and a fresh checkout has a new table: only the digest identifies
    the data of a run.
    """
    from fullturn.data import versions

    try:
        known = versions.log(project.table)
    except NotFound:
        return None
    return next((one for one in reversed(known) if one.digest == digest), None)


def load(project: Workspace, version: int | None = None) -> Dataset:
    """A dataset version of this table with its rows, verified against its digest.

    Raises:
        NotFound: there is no such version, or no commit yet.
        IntegrityError: the digest of the rows is not the recorded one.
    """
    from fullturn.data import versions

    return versions.load(project.table, project.subject.contract, version)


def recorded_version(project: Workspace, number: int | None, digest: str | None) -> int | None:
    """The number, in this table, of the dataset version that a run or a bundle recorded.

    Two machines that share a tracking server number the versions of their tables independently:
    the digest decides. Without one, as fullturn may not have written the record, the number does.

    Raises:
        RowsMissing: this table has no version with this digest.
    """
    if not digest:
        return number
    found = with_digest(project, digest)
    if found is None:
        raise RowsMissing(
            f"the rows of digest {digest[:12]} (version {number or 'unknown'} where they were "
            f"committed) are not in {project.table}; commit the same files here with `fullturn "
            "data commit FILE`, or fetch that folder from the machine that has them"
        )
    return found.version


def stored_report(project: Workspace, gate: str) -> GateReport:
    """The report that a gate's run stored.

    Raises:
        NotFound: the run has none.
        IntegrityError: it is damaged.
    """
    from fullturn.gates import report as reports

    return reports.from_json(project.store.get(gate, REPORTS[0]).read_bytes())


def stored_evaluation(project: Workspace, run: str, artifact: str) -> Evaluation:
    """An evaluation that a run stored, its metrics by their current names.

    Raises:
        NotFound: the run has no such artifact.
        IntegrityError: the artifact is damaged.
    """
    from fullturn.evaluation import records

    return records.from_jsonl(
        project.store.get(run, artifact), renamed_metrics(project.subject.app)
    )
