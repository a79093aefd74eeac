"""A project: its folder, settings, app, tracking server and data table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fullturn.core import settings as reader
from fullturn.core.entities import Dataset, DatasetVersion
from fullturn.core.errors import NotFound, UsageError
from fullturn.core.settings import Settings
from fullturn.subjects.catalog import find
from fullturn.subjects.protocols import App

if TYPE_CHECKING:
    from fullturn.store import Store

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many steps are done, and of how many."""


def silent(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True)
class Workspace:
    """Everything that the verbs work on."""

    root: Path
    settings: Settings

    @classmethod
    def open(cls, start: Path) -> Workspace:
        """The project in `start` or above it.

        Raises:
            NotFound: there is no fullturn.toml.
            SettingsError: it is wrong.
        """
        root = reader.find_root(start.resolve())
        return cls(root, reader.read(root))

    @cached_property
    def state(self) -> Path:
        """The folder of everything that is written locally."""
        return reader.state_folder(self.settings, self.root)

    @cached_property
    def app(self) -> App:
        """The app that is operated."""
        return find(self.settings.app, self.settings, self.root)

    @cached_property
    def store(self) -> Store:
        """The tracking server."""
        from fullturn.store import Store

        uri = reader.tracking_uri(self.settings, self.root)
        return Store(uri, self.settings.name, self.state / "artifacts")

    @property
    def shared(self) -> bool:
        """Whether others may use the same tracking server: then a champion may serve elsewhere."""
        return not reader.tracking_uri(self.settings, self.root).startswith("sqlite:")

    @property
    def table(self) -> Path:
        """The Delta table of the project's dataset."""
        return self.state / "data" / self.settings.name

    @property
    def owner(self) -> str:
        """Who acts."""
        from fullturn.tracking.provenance import owner

        return owner(self.root, self.settings.experiment.owner)


def commit(project: Workspace, files: list[Path], message: str) -> DatasetVersion:
    """Commit these files, or those named in fullturn.toml, as the next dataset version.

    The latter come with the rows that were learned from feedback.

    Raises:
        UsageError: no file is named anywhere.
        DataError: a file cannot be read or breaks the contract.
        Conflict: another commit came first.
    """
    from fullturn.data import readers, versions

    contract, data = project.app.contract, project.settings.data
    named = _files(files or [project.root / name for name in data.files])
    test = _files([] if files else [project.root / name for name in data.test])
    if not named:
        raise UsageError("no file to commit; name one, or set [data] files in fullturn.toml")
    rows = readers.read(named)
    if test:
        rows += readers.read(test, {"split": "test"})
    if not files:
        rows += _learned(project, rows)
    return versions.commit(
        project.table,
        project.settings.name,
        rows,
        contract,
        data,
        message=message,
        actor=project.owner,
    )


def feedback_file(project: Workspace) -> Path:
    """Rows that came from users' feedback: part of every commit of the project's own files."""
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
    """The newest dataset version of this content; None if this table has none.

    Versions count per table, and a fresh checkout has a table of its own: only the digest says
    what a run was trained on.
    """
    from fullturn.data import versions

    try:
        known = versions.log(project.table)
    except NotFound:
        return None
    return next((one for one in reversed(known) if one.digest == digest), None)


def load(project: Workspace, version: int | None = None, digest: str | None = None) -> Dataset:
    """A dataset version with its rows, verified against its digest.

    Raises:
        NotFound: there is no such version, or no commit yet.
        IntegrityError: the rows have another digest than recorded.
    """
    from fullturn.data import versions

    return versions.load(project.table, project.app.contract, version, digest)


def _learned(project: Workspace, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows from feedback, without those that the files hold too: what a person wrote counts."""
    from fullturn.data import readers
    from fullturn.data.similar import drop_near_duplicates

    path, column = feedback_file(project), project.app.contract.text
    learned = readers.read([path]) if path.exists() else []
    if column is None:
        return learned
    known, new = ([str(row.get(column) or "") for row in part] for part in (rows, learned))
    return [
        learned[n] for n in drop_near_duplicates(known, new, project.settings.data.near_duplicate)
    ]


def _files(paths: Sequence[Path]) -> list[Path]:
    """Files as they are; a folder stands for the files in it, by name."""
    return [
        file
        for path in paths
        for file in (sorted(path.iterdir()) if path.is_dir() else [path])
        if not file.name.startswith(".")
    ]
