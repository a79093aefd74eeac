"""The public API: a project whose methods are the commands of the command line."""

from __future__ import annotations

import html
import warnings
from collections.abc import Callable
from pathlib import Path
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from fullturn import verbs
from fullturn.core.settings import renamed
from fullturn.verbs.workspace import Workspace

P = ParamSpec("P")
R = TypeVar("R")


class Group:
    """A group of verbs: `project.data.log()` is `fullturn data log`."""

    def __init__(self, project: Project) -> None:
        self.project = project

    def __repr__(self) -> str:
        names = (name for name, value in vars(type(self)).items() if isinstance(value, Verb))
        return f"<{', '.join(name.replace('__call__', '(…)') for name in names)}>"


class Verb(Generic[P, R]):
    """A function of `fullturn.verbs` as a method; its module is imported at first use."""

    def __init__(self, find: Callable[[], Callable[Concatenate[Workspace, P], R]]) -> None:
        self._find = find

    @overload
    def __get__(self, instance: None, owner: type) -> Callable[Concatenate[Workspace, P], R]: ...
    @overload
    def __get__(self, instance: Project | Group, owner: type) -> Callable[P, R]: ...
    def __get__(self, instance: Project | Group | None, owner: type) -> Any:
        function = self._find()
        if instance is None:
            return function
        return MethodType(function, instance.project if isinstance(instance, Group) else instance)


class Data(Group):
    """Manage dataset versions."""

    commit = Verb(lambda: verbs.data.commit)
    log = Verb(lambda: verbs.data.log)
    diff = Verb(lambda: verbs.data.diff)
    show = Verb(lambda: verbs.data.show)


class CI(Group):
    """The CI pipeline: call it to run it; each step is a method."""

    __call__ = Verb(lambda: verbs.ci.run.ci)
    code = Verb(lambda: verbs.ci.checkout.code)
    tests = Verb(lambda: verbs.ci.checkout.tests)
    base = Verb(lambda: verbs.ci.run.base)
    report = Verb(lambda: verbs.ci.report.report)
    workflows = Verb(lambda: verbs.ci.platforms.workflows)


class Releasing(Group):
    """Releases: call it with a version to start or resume one."""

    __call__ = Verb(lambda: verbs.release.release)
    status = Verb(lambda: verbs.release.status)
    abort = Verb(lambda: verbs.release.abort)


class Project(Workspace):
    """A project: its settings, subject and tracking server, and every command as a method.

    Each method has the name, parameters, defaults and errors of its command. It returns a record
    that displays itself in a notebook, converts (`to_dict()`, `to_pandas()`) and has `next_steps`.
    """

    @property
    def data(self) -> Data:
        """Manage dataset versions: commit, log, diff, show."""
        return Data(self)

    turn = Verb(lambda: verbs.turn.turn)
    ask = Verb(lambda: verbs.ask.ask)
    predict = Verb(lambda: verbs.predict.predict)
    train = Verb(lambda: verbs.train.train)
    runs = Verb(lambda: verbs.runs.runs)
    compare = Verb(lambda: verbs.compare.compare)
    gate = Verb(lambda: verbs.gate.gate)
    promote = Verb(lambda: verbs.promote.promote)
    rollback = Verb(lambda: verbs.rollback.rollback)
    history = Verb(lambda: verbs.history.history)
    lineage = Verb(lambda: verbs.lineage.lineage)
    verify = Verb(lambda: verbs.verify.verify)
    reproduce = Verb(lambda: verbs.reproduce.reproduce)

    @property
    def ci(self) -> CI:
        """The CI pipeline: `project.ci()` runs it, `project.ci.tests()` runs one step."""
        return CI(self)

    cd = Verb(lambda: verbs.ci.run.cd)
    deliver = Verb(lambda: verbs.deliver.deliver)

    @property
    def release(self) -> Releasing:
        """Releases: `project.release("3")` starts one, `project.release.status()` shows it."""
        return Releasing(self)

    serve = Verb(lambda: verbs.serve.serve)
    server = Verb(lambda: verbs.serve.server)
    monitor = Verb(lambda: verbs.monitor.monitor)

    def __repr__(self) -> str:
        return f"Project({self.settings.name!r} in {str(self.root)!r})"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self))}</p>"


def open(start: str | Path = ".") -> Project:  # noqa: A001  the obvious name
    """The project in the folder `start` or a parent folder; warns of renamed settings.

    Raises:
        NotFound: there is no fullturn.toml.
        SettingsError: fullturn.toml is invalid.
    """
    project = Project.open(Path(start))
    for sentence in renamed(project.root):
        warnings.warn(sentence, FutureWarning, stacklevel=2)
    return project
