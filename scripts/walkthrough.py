"""Generate docs/regression.md: the pipeline on a better branch, a worse one, and a README change.

usage: walkthrough.py [--check] [FOLDER]

Creates a small project in FOLDER (by default a temporary one), runs the commands of the page and
writes the page with their output. It fails if a step has an unexpected result. With --check,
nothing is written: it also fails if docs/regression.md differs from the current output in more
than numbers, ids and times. --check skips the run if nothing has changed that the page depends on:
the page ends with a digest of its inputs.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from typed import PLATFORM, OtherStory, stamp

HERE = Path(__file__).parent
ROOT = HERE.parent
RECORDED = ROOT / "docs" / "regression.md"
PARTS = HERE / "walkthrough"
"""The text of the page, the settings and the prompts of the story."""
NAME = "ops-assistant"
PROMPT = "prompts/answer.txt"
CHAPTERS = ("registry", "gates")
UNANSWERABLE = 15
"""Questions of each kind that the handbook does not answer."""
WHO = {"user.name": "you", "user.email": "you@localhost", "advice.detachedHead": "false"}


@dataclass
class Walk:
    """The walk-through so far: its project, and recorded output by name."""

    folder: Path
    recorded: dict[str, str] = field(default_factory=dict)

    def run(self, *commands: str, code: int = 0, keep: Keep | None = None) -> str:
        """Run commands and return their terminal output; the last one must exit with `code`.

        Raises:
            OtherStory: a command ended with another exit code.
        """
        return "\n".join(
            self._run(one, code if one == commands[-1] else 0, keep or list) for one in commands
        )

    def _run(self, command: str, code: int, keep: Keep) -> str:
        print(f"$ {command}", flush=True)
        began = time.monotonic()
        done = subprocess.run(
            shlex.split(command), check=False, cwd=self.folder, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        seconds = time.monotonic() - began
        print(f"  exit code {done.returncode} after {seconds:.1f} s", flush=True)
        if done.returncode != code:
            raise OtherStory(
                f"`{command}` ended with {done.returncode}, not {code}:\n{done.stdout}"
            )
        lines = [line.rstrip() for line in self._short(done.stdout).strip("\n").splitlines()]
        ended = f"[exit code {code} after {seconds:.0f} s]"
        shown = [f"$ {command}", *keep(lines)]
        return "\n".join(shown + [ended] * command.startswith("fullturn"))

    def _short(self, text: str) -> str:
        return text.replace(str(self.folder), f"~/{NAME}")

    def write(self, path: str, text: str) -> None:
        """A file of the project, as an editor would."""
        (self.folder / path).parent.mkdir(exist_ok=True)
        (self.folder / path).write_text(text, encoding="utf-8")

    def report(self) -> dict[str, Any]:
        """The pipeline's newest report."""
        read: dict[str, Any] = json.loads((self.folder / "ci-report/report.json").read_text())
        return read

    def page(self) -> list[str]:
        """The lines of the report as a pull request shows it."""
        return (self.folder / "ci-report/report.md").read_text(encoding="utf-8").splitlines()


Keep = Callable[[list[str]], list[str]]
"""Selects the lines to show and marks omitted ones."""


def steps(*whole: str) -> Keep:
    """The heading of every pipeline step, with the full output of the named steps."""

    def keep(lines: list[str]) -> list[str]:
        shown, inside = [], True
        for line in lines:
            if heading := re.match(r"\d+/\d+ (\S+)", line):
                inside = heading[1] in whole
                shown.append(line)
            elif inside:
                shown.append(line)
            elif line.strip() and shown[-1] != "  …":
                shown.append("  …")
        return shown

    return keep


def without_checks(lines: list[str]) -> list[str]:
    """All lines except the table of a gate's checks."""
    start = next(n for n, line in enumerate(lines) if line.startswith("check "))
    end = next(n for n, line in enumerate(lines) if line.startswith("report: run"))
    return [*lines[:start], "  …", *lines[end:]]


def started(walk: Walk) -> None:
    """A project under Git whose answers come from the embedded LLM, with a prompt in a file."""
    walk.folder.parent.mkdir(parents=True, exist_ok=True)
    words = ["fullturn", "init", "--example", "assistant", str(walk.folder)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    for key, value in WHO.items():
        subprocess.run(["git", "-C", str(walk.folder), "config", key, value], check=True)
    _cut(walk.folder)
    walk.write("fullturn.toml", part("fullturn.toml"))
    walk.write(PROMPT, part("first.txt"))
    _committed(walk, "Two chapters, answered by the LLM")
    walk.recorded["settings"] = part("fullturn.toml").strip()
    walk.recorded["prompt"] = walk.run(f"cat {PROMPT}")
    walk.recorded["first"] = walk.run("fullturn cd", keep=steps("report", "release"))


def better(walk: Walk) -> None:
    """A branch whose prompt quotes, merged and released while somebody asks."""
    _branch(walk, "quote", {PROMPT: part("better.txt")}, "Ask for a quote")
    walk.recorded["better_diff"] = walk.run("git diff main")
    walk.recorded["better_ci"] = walk.run("fullturn ci", keep=steps("train", "gate", "report"))
    walk.recorded["better_report"] = quoted(walk.page(), "### What differs")
    walk.recorded.update(figures("better", walk.report()))
    walk.recorded["merge"] = walk.run("git switch --quiet main", "git merge --quiet quote")
    with asked(walk):
        walk.recorded["better_cd"] = walk.run("fullturn cd", keep=steps("train", "release"))
    walk.recorded["history"] = walk.run("fullturn history")


def worse(walk: Walk) -> None:
    """A branch whose prompt is friendlier, without the guard, and loses answers."""
    unguarded = part("fullturn.toml").replace('"guarded"', '"zero-shot"')
    files = {PROMPT: part("friendlier.txt"), "fullturn.toml": unguarded}
    _branch(walk, "friendlier", files, "Answer like a friendly colleague")
    walk.recorded["worse_diff"] = walk.run("git diff main")
    walk.recorded["worse_ci"] = walk.run("fullturn ci", code=1, keep=steps("gate", "report"))
    walk.recorded["worse_report"] = quoted(walk.page(), "### What differs")
    walk.recorded.update(figures("worse", walk.report()))
    walk.recorded["unchanged"] = walk.run("fullturn history")


def words(walk: Walk) -> None:
    """A commit that changes only the README."""
    walk.run("git switch --quiet main")
    _branch(walk, "words", {"README.md": "# The operations assistant\n"}, "A README")
    walk.recorded["stat"] = walk.run("git diff --stat main")
    walk.recorded["words_ci"] = walk.run("fullturn ci", keep=without_checks)
    walk.recorded["words_report"] = quoted(walk.page())
    walk.recorded["workflows"] = walk.run("ls .github/workflows")


@contextmanager
def asked(walk: Walk) -> Iterator[None]:
    """A server of the champion, and an audience that asks it the test questions."""
    from fullturn.demo.audience import Audience, Question, TrafficProfile
    from fullturn.verbs.serve import serve_subprocess
    from fullturn.verbs.workspace import Workspace, load

    project = Workspace.open(walk.folder)
    pool = [
        Question(example.input, {**example.expected, **example.slices})
        for example in load(project).split("test")
    ]
    with serve_subprocess(project) as address:
        profile = TrafficProfile(seed=4, rate=30.0)
        with Audience(address(), {"test": pool}, project.state, profile) as audience:
            yield
            seen = audience.counts()
    walk.recorded["asked"], walk.recorded["failed"] = f"{seen.asked:,}", str(seen.failed)


def figures(name: str, report: Mapping[str, Any]) -> dict[str, str]:
    """What the text says of a report: rows, differences and their intervals."""
    found = {f"{name}_lost": str(report["lost"]), f"{name}_gained": str(report["gained"])}
    for one in report["scores"]:
        found[f"{name}_rows"] = str(one["rows"])
        found[f"{name}_{one['name']}"] = (
            f"{one['estimate']:+.2f} [{one['low']:+.2f}, {one['high']:+.2f}]"
        )
    return found


def quoted(page: list[str], *until: str) -> str:
    """The beginning of a report, as a quotation, with its lists opened."""
    end = next((n for n, line in enumerate(page) if until and line.startswith(until)), len(page))
    shown = [line.replace("<details>", "<details open>") for line in page[1:end]]
    lines = [*shown, *["…"] * (end < len(page))]
    return "\n".join(f"> {line}".rstrip() for line in lines).rstrip("> \n")


def outline(page: str) -> list[str]:
    """What must not drift: commands, steps, exit codes, verdicts, who is champion."""
    chosen = []
    for line in page.splitlines():
        plain = re.sub(r"\b[0-9a-f]*\d[0-9a-f.,]*\b", "#", line)
        if line.startswith("[exit code"):
            chosen.append(line.partition(" after")[0])
        elif re.match(r"\$ |#/#|#{1,3} |> ## |version # is", plain):
            chosen.append(plain.strip())
    return chosen


def part(name: str) -> str:
    """A file that belongs to the story."""
    return (PARTS / name).read_text(encoding="utf-8")


def _branch(walk: Walk, branch: str, files: Mapping[str, str], message: str) -> None:
    subprocess.run(["git", "-C", str(walk.folder), "switch", "-qc", branch], check=True)
    for path, text in files.items():
        walk.write(path, text)
    _committed(walk, message)


def _committed(walk: Walk, message: str) -> None:
    for command in (["add", "--all"], ["commit", "-qm", message]):
        subprocess.run(["git", "-C", str(walk.folder), *command], check=True)


def _cut(folder: Path) -> None:
    """Two chapters and one wording of each of their questions: few enough for a walk."""
    shutil.rmtree(folder / "later")
    for chapter in (folder / "handbook").glob("*.md"):
        if not chapter.stem.endswith(CHAPTERS):
            chapter.unlink()
    file = folder / "questions.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    firsts = {row["group"]: row for row in reversed(rows)}
    chosen = [row for row in rows if firsts[row["group"]] is row and row.get("chapter") in CHAPTERS]
    for kind in ("near", "far"):
        chosen += [row for row in firsts.values() if row["kind"] == kind][-UNANSWERABLE:]
    file.write_text("".join(json.dumps(row) + "\n" for row in chosen), encoding="utf-8")


def walked(folder: Path) -> str:
    """The page, after the whole story.

    Raises:
        OtherStory: a step ended otherwise.
    """
    walk = Walk(folder)
    for scene in (started, better, worse, words):
        scene(walk)
    return Template(part("page.md")).substitute(walk.recorded)


def recorded_with() -> str:
    """The last line of the page."""
    return stamp(Path(__file__), *PARTS.rglob("*"))


def main() -> int:
    if "--check" in sys.argv and RECORDED.read_text(encoding="utf-8").endswith(
        f"{recorded_with()}\n"
    ):
        print("docs/regression.md: nothing that it depends on has changed since it was recorded")
        return 0
    for name in [name for name in os.environ if name.startswith(PLATFORM)]:
        del os.environ[name]
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    os.environ["PYTHONUNBUFFERED"] = "1"  # errors stay where they were said
    named = [Path(word) for word in sys.argv[1:] if word != "--check"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        try:
            page = walked((named[0] if named else Path(temporary) / NAME).resolve())
        except OtherStory as error:
            print(f"another story: {error}")
            return 1
    if "--check" not in sys.argv:
        RECORDED.write_text(f"{page}\n{recorded_with()}\n", encoding="utf-8")
        return 0
    then, now = outline(RECORDED.read_text(encoding="utf-8")), outline(page)
    print(f"docs/regression.md is {'as just run' if then == now else 'stale: `make walkthrough`'}")
    print("\n".join(difflib.unified_diff(then, now, "recorded", "now", lineterm="")))
    return int(then != now)


if __name__ == "__main__":
    sys.exit(main())
