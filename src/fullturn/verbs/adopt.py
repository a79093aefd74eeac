"""Adopt a model that a team has registered in MLflow: make a project for it, and gate it.

Nothing of the team's is changed: the project has a registered model and a history of its own,
whose first entry says which version was champion before.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fullturn.core import redaction
from fullturn.core.addresses import anchored, kind_of
from fullturn.core.entities import HistoryEntry
from fullturn.core.errors import UsageError
from fullturn.core.settings import FILE
from fullturn.core.showing import Block, Result, grid, line, styled, then, view
from fullturn.core.wording import listed
from fullturn.registry import history as histories
from fullturn.registry import promotion, versions
from fullturn.store import Store
from fullturn.store.pyfunc import described
from fullturn.subjects.mlflow_model import reference
from fullturn.subjects.mlflow_model.environment import declared, is_made, python_of
from fullturn.subjects.mlflow_model.opening import prepare
from fullturn.verbs.data import commit
from fullturn.verbs.gate import GateResult, gate
from fullturn.verbs.init import (
    copy_in,
    project_name,
    refuse_overwriting,
    refuse_project,
    under_git,
    write_project,
)
from fullturn.verbs.parts import adopted_model as inferring
from fullturn.verbs.parts import candidate
from fullturn.verbs.parts.adopted_model import (
    Allowed,
    Conclusion,
    DataFiles,
    Head,
    Roles,
    Said,
    Task,
)
from fullturn.verbs.parts.sealing import seal
from fullturn.verbs.workspace import Progress, Workspace, silent

URI = "MLFLOW_TRACKING_URI"
_ADDRESS = re.compile(r"models:/(?P<name>[^/@]+)(/\d+|@[^/@]+)?")


@dataclass(frozen=True, slots=True)
class Adopted(Result):
    """A project for a registered model, and the first report of its gate."""

    folder: Path
    model: str
    """`models:/NAME`."""
    conclusions: tuple[Conclusion, ...]
    champion: HistoryEntry | None
    """The entry that records the champion that there was; None if there was none."""
    gated: GateResult
    _rows = "conclusions"

    @property
    def exit_code(self) -> int:
        """That of the gate: 0 passed, 1 failed, 3 inconclusive."""
        return self.gated.exit_code


def adopt(  # noqa: PLR0913  the options of the command
    model: str,
    folder: str | Path | None = None,
    *,
    data: str | Path,
    label: str,
    test: str | Path | None = None,
    tracking_uri: str | None = None,
    allow_pickle: bool = False,
    env: Literal["local", "isolated"] | None = None,
    id: str | None = None,  # noqa: A002  the option's name
    group: str | None = None,
    time: str | None = None,
    slices: Sequence[str] = (),
    task: Task | None = None,
    unseen: str | None = None,
    name: str | None = None,
    progress: Progress = silent,
) -> Adopted:
    """Make a project for a registered model, and gate its newest version.

    `model` is `models:/NAME`, `models:/NAME/VERSION` or `models:/NAME@alias`; its version, by
    default that of the alias `champion`, becomes the first entry of the history. `data` is a file
    with rows that have a `label`, `test` a separate one with test rows. Columns, task and metrics
    are inferred and written, with reasons, to fullturn.toml. Nothing of the team's is changed. In a
    project that exists already for this model, adoption goes on with its settings.

    `tracking_uri` is the server that has the model; by default MLFLOW_TRACKING_URI. `id`, `group`,
    `time` and `slices` are columns with a role, as in `[data]`. With `allow_pickle`, models that
    can run any code are loaded, each in a process of its own; `env` says with which packages: those
    installed here (`local`), or those that each declares (`isolated`). `unseen` is why no test row
    can have been trained on. `name` is the project's: the model's, and `-adopted`, by default.

    Raises:
        UsageError: the address is wrong, no server is named, or the folder has another project.
        NotFound: there is no such model.
        DataError: the rows lack a column, or do not fit the model.
        BundleError: the model's files are missing, or may run code and that is not allowed.
        AppError: the model cannot be loaded, or raises.
        Conflict: somebody else adopts the model at this moment.
    """
    match = _ADDRESS.fullmatch(model)
    if match is None:
        hint = f"; did you mean 'models:/{model}'?" if "/" not in model else ""
        raise UsageError(
            f"'{model}' names no registered model{hint}: write models:/NAME, models:/NAME/3 or "
            "models:/NAME@alias"
        )
    place = Path(folder) if folder is not None else Path(project_name(Path(match["name"])))
    roles = Roles(label, id, group, time, tuple(slices))
    said = Said(roles, Allowed(allow_pickle, env or "local"), task, unseen)
    named = _Named(f"models:/{match['name']}", model, name)
    conclusions: tuple[Conclusion, ...] = ()
    if not _is_of(place, named.model):
        files = [Path(data), *([Path(test)] if test else [])]
        store = _store(place, named, tracking_uri)
        conclusions = _make(place, named, store, files, said, progress)
    project = Workspace.open(place)
    progress("data", 0, 1)
    commit(project, [], f"adoption of {named.model}")
    entry, gated = _begin(project, named, progress)
    conclusions = (*conclusions, *_known(project, entry, gated))
    return Adopted(place, named.model, conclusions, entry, gated)


@dataclass(frozen=True, slots=True)
class _Named:
    """The model, the version of it that was asked for, and the project's name."""

    model: str
    address: str
    project: str | None

    @property
    def name(self) -> str:
        return self.project or project_name(
            Path(f"{self.model.removeprefix(reference.MODELS)}-adopted")
        )


def _make(
    folder: Path,
    named: _Named,
    store: Store,
    files: Sequence[Path],
    said: Said,
    progress: Progress,
) -> tuple[Conclusion, ...]:
    """Infer what there is to know, and write the project; nothing is written if that fails."""
    from fullturn.data import readers

    refuse_project(folder)
    refuse_overwriting(folder, files)
    newest = reference.found(store, named.model)
    address = reference.address_of(newest)
    progress(f"reading {address}", 0, 1)
    model = store.fetch_model(reference.source_of(store, newest))
    inferring.refuse_unsafe(address, model, said.allowed)
    rows = readers.read(files)
    columns = inferring.columns_of(address, described(model), rows, said)
    with _environments(store, named, address, model, said, progress):
        progress(f"asking {address}", 0, 1)
        asked = inferring.asked_of(address, model, rows, columns, said)
    folder.mkdir(parents=True, exist_ok=True)
    copies = DataFiles(*(copy_in(folder, file) for file in files))
    head = Head(named.name, named.model, _without_login(store.uri))
    text = "\n".join([*inferring.lines(head, copies, columns, asked, said), ""])
    write_project(folder, text, own_git=not under_git(folder))
    return tuple(_inferred(columns, asked))


@contextlib.contextmanager
def _environments(
    store: Store, named: _Named, address: str, model: Path, said: Said, progress: Progress
) -> Iterator[None]:
    """Have the packages that the newest version declares, if it is to have them; those of the
    champion are installed meanwhile."""
    if said.allowed.env != "isolated":
        yield
        return
    needs = declared(model, builds=said.allowed.allow_pickle)
    if not is_made(needs):
        progress(f"installing the packages of {address}, once", 0, 1)
        python_of(address, needs)
    champion, _ = _champion(store, named)
    with ThreadPoolExecutor(1) as beside:
        if champion not in (None, address):
            version = reference.found(store, str(champion))
            files = store.fetch_model(reference.source_of(store, version))
            beside.submit(prepare, str(champion), files, allow_pickle=said.allowed.allow_pickle)
        yield
        progress(f"installing the packages of {champion or address}, once", 0, 1)


def _begin(
    project: Workspace, named: _Named, progress: Progress
) -> tuple[HistoryEntry | None, GateResult]:
    """The first entry of the history, and the report of the newest version's gate."""
    store, before = project.store, histories.read(project.store).effective
    newest = reference.address_of(reference.found(store, named.model))
    champion, why = _champion(store, named)
    progress(f"evaluating {champion or newest}", 0, 1)
    if champion is None or before:
        return (before[0] if before else None), gate(project, newest, progress=progress)
    run = candidate.of_model(project, champion)
    gated = gate(project, run.id, progress=progress) if champion == newest else None
    version = versions.register_adopted(store, run)
    entry = promotion.adopt(store, version, actor=project.owner, reason=why, seal=seal(project))
    return entry, gated or gate(project, newest, progress=progress)


def _champion(store: Store, named: _Named) -> tuple[str | None, str]:
    """The address of the present champion, and why it is that; None if there is none."""
    if named.address != named.model:
        version = reference.found(store, named.address)
        what = "named in the command"
    else:
        alias = f"{named.model}@champion"
        number = store.alias(named.model.removeprefix(reference.MODELS), "champion")
        if number is None:
            return None, ""
        version, what = reference.found(store, alias), "by its alias 'champion'"
    address = reference.address_of(version)
    return address, f"{address} was the champion of its team, {what}"


def _is_of(folder: Path, model: str) -> bool:
    """Whether a folder has the project of this model already.

    Raises:
        UsageError: it has another project.
    """
    if not (folder / FILE).is_file():
        return False
    uri = Workspace.open(folder).settings.model.uri or ""
    match = _ADDRESS.fullmatch(uri)
    if match is None or f"models:/{match['name']}" != model:
        raise UsageError(f"{folder} has another project already; choose another folder")
    return True


def _store(folder: Path, named: _Named, tracking_uri: str | None) -> Store:
    return Store(_tracking_uri(tracking_uri), named.name, folder / ".fullturn" / "artifacts")


def _tracking_uri(named: str | None) -> str:
    """The server that has the model.

    Raises:
        UsageError: none is named, or two are.
    """
    variable = os.environ.get(URI, "").strip()
    if named and variable and anchored(named, Path.cwd()) != anchored(variable, Path.cwd()):
        raise UsageError(
            f"--tracking-uri is {named} and {URI} is {variable}, which overrides it in every "
            "command; unset one of them"
        )
    if not (named or variable):
        raise UsageError(f"name the server that has the model: --tracking-uri, or {URI}")
    uri = anchored(named or variable, Path.cwd())
    kind_of(uri)
    redaction.note_address(uri)
    return uri


def _without_login(uri: str) -> str | None:
    """The address for fullturn.toml; None for one with a login in it, which belongs in the
    environment."""
    return None if re.match(r"[a-z+]+://[^/]*@", uri) else uri


def _inferred(columns: inferring.Columns, asked: inferring.Asked) -> Iterator[Conclusion]:
    read = listed([f"{name} ({kind})" for name, kind in columns.kinds.items()], most=6)
    yield Conclusion("task", asked.task, asked.why)
    yield Conclusion("the model reads", read, "its signature, or the data where that says nothing")
    if columns.optional:
        found = listed(columns.optional, most=6)
        yield Conclusion("may be missing", found, "not required, or empty in some rows")


def _known(
    project: Workspace, entry: HistoryEntry | None, gated: GateResult
) -> Iterator[Conclusion]:
    champion = f"version {entry.version}" if entry else "none"
    why = entry.reason if entry else "no version has the alias 'champion', and none was named"
    yield Conclusion("champion", champion, why)
    unseen = project.settings.model.unseen
    why = unseen or "no record says which rows the model was trained on"
    yield Conclusion("training rows", "not the test rows" if unseen else "unknown", why)
    label = project.settings.data.label
    yield Conclusion(
        "data", gated.report.dataset, f"every row has its '{label}'; none is trained on"
    )


@view.register
def _(result: Adopted) -> Iterator[Block]:
    yield line("adopted ", styled(result.model, "bold"), " in ", styled(result.folder, "bold"),
               f": {FILE} has what was inferred, with the reasons")  # fmt: skip
    rows = ((one.what, one.found, one.why) for one in result.conclusions)
    yield grid(("what", "found", "why"), rows)
    yield from view(result.gated.report)
    yield from _next(result)


def _next(result: Adopted) -> Iterator[Block]:
    report, version = result.gated.report, result.gated.version
    inside = f"cd {shlex.quote(str(result.folder))}"
    if version is not None:
        number = styled(f"version {version.version}", "bold")
        yield line("registered as ", number, " of the project's own registered model")
    blocking = {one.code for one in report.results if one.outcome in ("FAILED", "INCONCLUSIVE")}
    unknown = any(one.code == "DATA02" and not one.waived for one in report.results)
    if unknown and "DATA02" in blocking:
        yield line(
            "unknown training rows block: once you know that no test row is among them, say why "
            'in fullturn.toml, [model] unseen = "…"',
        )
    serve = ["fullturn serve"] if result.champion else []
    again = "fullturn turn   (gates and releases what is new)"
    yield then(inside, *serve, again)
