"""Commands as whole processes, beside commands of MLflow, DVC and GTO that do the same.

    python bench/verbs.py [--json] [--keep]
    python bench/verbs.py --markdown         # writes the stored result into docs/lesson/tools.md

The subject is the wine example: two dataset versions, two runs, a champion. MLflow reads
the same database; DVC and GTO have a Git repository of the same table, with two commits of it, a
pipeline of one stage and a registered version. Commands take turns, five times, after one that
does not count. Figures are the least CPU time (user and system) and the least wall-clock time of
the five: whatever else the machine does only adds to them. The others' environments are those of
bench/trackers.py, and nothing is sent anywhere.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trackers
from fullturn.core.errors import FullturnError
from fullturn.verbs.data import commit
from fullturn.verbs.train import train
from fullturn.verbs.turn import turn
from fullturn.verbs.workspace import Workspace
from results import read, save, write_between
from served import WINE, rows, serving

NAME, REPEATS = "verbs", 5
BEGIN, END = "<!-- verbs:begin -->", "<!-- verbs:end -->"
TOML = 'name = "wine"\napp = "wine_app:WineApp"\n[data]\nfiles = ["wine.csv"]\n'
PIPELINE = r"""stages:
  score:
    cmd: cp wine.csv scored.csv && echo "{\"rows\":$(wc -l < wine.csv)}" > metrics.json
    deps: [wine.csv]
    outs: [scored.csv]
    metrics:
      - metrics.json:
          cache: false
"""
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DVC_NO_ANALYTICS": "1",
    "ITERATIVE_DO_NOT_TRACK": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    **{f"GIT_{who}_{what}": "bench@example.org" for who in ("AUTHOR", "COMMITTER")
       for what in ("NAME", "EMAIL")},
}  # fmt: skip
Figures = dict[str, int | float | str]


@dataclass
class Timed:
    """One command of one tool, over all repeats."""

    tool: str
    words: list[str]
    folder: Path
    cpu: list[float] = field(default_factory=list)
    """Seconds."""
    wall: list[float] = field(default_factory=list)
    reason: str = ""
    """Why there is no figure."""


@dataclass
class Task:
    """What a person wants to know or do."""

    what: str
    commands: list[Timed]


def wine(folder: Path) -> Workspace:
    """A project with two dataset versions and a champion, and nothing due."""
    for path in WINE.glob("wine_*.py"):
        shutil.copy(path, folder)
    sys.path.insert(0, str(folder))
    from wine_data import write_csv

    write_csv(folder / "wine.csv")
    (folder / "fullturn.toml").write_text(TOML, encoding="utf-8")
    project, whole = Workspace.open(folder), (folder / "wine.csv").read_text(encoding="utf-8")
    (folder / "wine.csv").write_text("".join(whole.splitlines(True)[:150]), encoding="utf-8")
    commit(project, [], "most wines")
    (folder / "wine.csv").write_text(whole, encoding="utf-8")
    commit(project, [], "all wines")
    for strength in (0.001, 1.0):
        train(project, {"C": strength})
    while any(step.done for step in turn(project)):
        pass
    return project


def repository(folder: Path, table: Path, bin_of: Path) -> None:
    """The same table under DVC, with two commits, a pipeline that has run, and a version in GTO."""
    whole = table.read_text(encoding="utf-8")
    dvc, gto = str(bin_of / "dvc"), str(bin_of / "gto")
    done(folder, "git", "init", "--quiet")
    done(folder, dvc, "init", "--quiet")
    (folder / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")
    for text, message in (("".join(whole.splitlines(True)[:150]), "most"), (whole, "all")):
        (folder / "wine.csv").write_text(text, encoding="utf-8")
        done(folder, dvc, "add", "--quiet", "wine.csv")
        done(folder, dvc, "repro", "--quiet")
        done(folder, "git", "add", "--all")
        done(folder, "git", "commit", "--quiet", "--message", f"{message} wines")
    done(folder, gto, "register", "wine", "--version", "v1.0.0")
    done(folder, gto, "assign", "wine", "--version", "v1.0.0", "--stage", "champion")


def done(folder: Path, *words: str) -> None:
    subprocess.run(words, cwd=folder, check=True, env=environment(), stdout=subprocess.DEVNULL)


def environment() -> dict[str, str]:
    """As an installed program runs: with its compiled modules stored."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | QUIET


def tasks(project: Workspace, other: Path) -> list[Task]:
    """All comparisons."""
    store, environments = project.store, {"mlflow": "mlflow", "dvc": "dvc", "gto": "dvc"}
    bins = {tool: trackers.environment(lock).parent for tool, lock in environments.items()}
    repository(other, project.root / "wine.csv", bins["dvc"])
    last, first = (run.id for run in (store.runs("train")[0], store.runs("train")[-1]))
    source = next(iter(store.versions(store.name))).source
    row = [f"{name}={value}" for name, value in rows(project)[0].items()]
    (project.root / "row.json").write_text(json.dumps({"inputs": rows(project)[:1]}))

    def ours(*words: str) -> Timed:
        return Timed("fullturn", [sys.executable, "-m", "fullturn", *words], project.root)

    def theirs(tool: str, *words: str, folder: Path = other) -> Timed:
        return Timed(tool, [str(bins[tool] / tool), *words], folder)

    def mlflow(*words: str) -> Timed:
        return theirs("mlflow", *words, folder=project.root)

    beside = Path(sys.executable).with_name("mlflow")  # its environment must have the model's
    predict = ["models", "predict", "-m", source, "-i", "row.json", "--env-manager", "local"]
    return [
        Task("a wrong command", [
            ours("histori"), mlflow("runz"), theirs("dvc", "ad"), theirs("gto", "histori")]),
        Task("the runs", [
            ours("runs"), mlflow("runs", "list", "--experiment-id", store.experiment_id),
            theirs("dvc", "exp", "show", "--no-pager")]),
        Task("where a run came from", [
            ours("lineage", "champion"), mlflow("runs", "describe", "--run-id", last)]),
        Task("two runs compared", [
            ours("compare", first[:8], last[:8]), theirs("dvc", "metrics", "diff", "HEAD~1")]),
        Task("the history of the registry", [ours("history"), theirs("gto", "history")]),
        Task("two dataset versions compared", [
            ours("data", "diff", "1", "2"), theirs("dvc", "diff", "HEAD~1", "HEAD")]),
        Task("the release under way", [ours("release", "status"), theirs("gto", "show")]),
        Task("nothing due", [ours("turn"), theirs("dvc", "repro")]),
        Task("a prediction by the model's files", [
            ours("predict", *row), Timed("mlflow", [str(beside), *predict], project.root)]),
    ]  # fmt: skip


def through_server(project: Workspace) -> Task:
    row = [f"{name}={value}" for name, value in rows(project)[0].items()]
    words = [sys.executable, "-m", "fullturn", "predict", *row]
    return Task("a prediction by a running server", [Timed("fullturn", words, project.root)])


def measure(command: Timed, uri: str, *, counts: bool = True) -> None:
    """Run it once. A command may refuse, as one that asks for what is not there; not crash."""
    if command.reason:
        return
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    found = subprocess.run(
        command.words,
        cwd=command.folder,
        env=environment() | {"MLFLOW_TRACKING_URI": uri},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if "Traceback" in found.stderr or found.returncode not in (0, 1, 2, 254):
        command.reason = (found.stderr.strip().splitlines() or [str(found.returncode)])[-1][:200]
    elif counts:
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        command.cpu.append(spent)
        command.wall.append(wall)


def measured(todo: Sequence[Task], uri: str) -> None:
    for repeat in range(REPEATS + 1):
        for command in (command for task in todo for command in task.commands):
            measure(command, uri, counts=repeat > 0)


def measure_all() -> list[Task]:
    with ExitStack() as stack:
        ours, other = (
            Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
            for _ in range(2)
        )
        project = wine(ours)
        found = tasks(project, other)
        measured(found, project.store.uri)
        stack.enter_context(serving(project))
        found.append(through_server(project))
        measured(found[-1:], project.store.uri)
    return found


def figures(found: Sequence[Task]) -> Figures:
    """As they are stored: `3.mlflow.cpu` of the third task, …"""
    flat: Figures = {"load": round(os.getloadavg()[1], 1)}
    for number, task in enumerate(found, 1):
        flat[f"{number}.what"] = task.what
        for one in task.commands:
            key = f"{number}.{one.tool}"
            flat[f"{key}.command"] = shown(one)
            if one.reason:
                flat[f"{key}.reason"] = one.reason
                continue
            flat |= {f"{key}.cpu": round(min(one.cpu), 2), f"{key}.wall": round(min(one.wall), 2)}
    return flat


def shown(one: Timed) -> str:
    """The command as a person types it, shortened."""
    words = one.words[3:] if one.tool == "fullturn" else one.words[1:]
    text = shlex.join([one.tool, *words])
    return text if len(text) <= 60 else f"{text[:57]}…"


HEAD = ("task", "command", "CPU s", "wall s", "× ours")


def table(stored: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The rows under `HEAD`."""
    for key, what in stored.items():
        number, _, rest = key.partition(".")
        if rest != "what":
            continue
        ours = stored[f"{number}.fullturn.cpu"]
        for tool in ("fullturn", "mlflow", "dvc", "gto"):
            name = f"{number}.{tool}"
            if reason := stored.get(f"{name}.reason"):
                yield what, stored[f"{name}.command"], f"not measured: {reason}", "", ""
            elif f"{name}.cpu" in stored:
                cpu, wall = stored[f"{name}.cpu"], stored[f"{name}.wall"]
                times = f"{cpu / ours:.1f}"
                yield what, stored[f"{name}.command"], f"{cpu:.2f}", f"{wall:.2f}", times


def plain(stored: Mapping[str, Any]) -> Iterator[str]:
    shape = "{:34} {:60} {:>6} {:>6} {:>6}"
    return (shape.format(*row) for row in (HEAD, *table(stored)))


def markdown(result: Mapping[str, Any]) -> str:
    """The block of the page, from a stored result."""
    stored = result["figures"]
    lines = [
        f"Measured on {result['date']} with `{result['command']}` on {result['machine']}; "
        f"load average at the end: {stored['load']}.",
        "",
        f"| {' | '.join(HEAD)} |",
        "|---|---|--:|--:|--:|",
    ]
    rows = ((what, f"`{command}`", *rest) for what, command, *rest in table(stored))
    return "\n".join([BEGIN, *lines, *(f"| {' | '.join(row)} |" for row in rows), END])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--keep", action="store_true", help="store the figures for the lesson")
    parser.add_argument(
        "--markdown", action="store_true", help="write the stored figures to the page"
    )
    arguments = parser.parse_args()
    if arguments.markdown:
        write_between(trackers.PAGE, BEGIN, END, markdown(read(NAME)))
        return
    try:
        flat = figures(measure_all())
    except FullturnError as error:
        raise SystemExit(f"not measured: {error}") from error
    if arguments.keep:
        save(NAME, "python bench/verbs.py --keep", flat)
    print(json.dumps(flat, indent=2) if arguments.json else "\n".join(plain(flat)))


if __name__ == "__main__":
    main()
