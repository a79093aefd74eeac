"""Generate pages by running the commands they show.

A template is a Markdown page with four kinds of directives:

- In a ```console block, each line that begins with `$ ` is run in the page's folder, and its output
  is inserted below. The block's first line may set `exit=1` (exit code of the last command, by
  default 0) and `only=PATTERN` (other lines are omitted and marked with `…`). A command that ends
  with `&` runs until the page is finished.
- A block with `title="FILE"` is written to that file in the folder.
- A ```scene TITLE block is replaced by that scene of a recorded demo; `only=PATTERN` as above.
- {{PATTERN}} is replaced by what its group matches in the output so far, so that no figure in the
  text is typed by hand.
"""

from __future__ import annotations

import difflib
import hashlib
import itertools
import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FIGURE = re.compile(r"\{\{(.+?)\}\}")
SCENE = re.compile(r"^\d+ ([A-Z].*?)  ")
PLATFORM = ("CI", "GITHUB_", "GITLAB_", "MLFLOW_", "FULLTURN_", "GIT_")
"""Environment variables of CI platforms and configuration, removed for the commands."""
LIMIT = 600
"""Timeout of a command, in seconds."""
LOUD = re.compile(
    r"\$ |\[exit|gate: |error: |#+ |[A-Z]{4}\d\d |[✓✗·] (?!monitoring)|\d+ [A-Z]"
    r"|(roll back|advance|promote|rejected): |version \d+ (is|rolled back)"
)
"""Output lines whose first words must stay the same; the number of alarms is random."""


class OtherStory(Exception):
    """A command ended differently, or did not print what the text refers to."""


@dataclass
class Typist:
    """Runs a page's commands in `folder` and records their output."""

    folder: Path
    printed: str = ""
    scenes: dict[str, str] = field(default_factory=dict)
    running: list[subprocess.Popen[str]] = field(default_factory=list)
    home: Path = field(init=False)
    """Shown as `~`."""

    def __post_init__(self) -> None:
        self.home = self.folder

    def page(self, template: str) -> str:
        """The page with the output of all commands.

        Raises:
            OtherStory: a command ended with another exit code, or a pattern did not match.
        """
        parts, end = [], 0
        try:
            for block in BLOCK.finditer(template):
                parts.append(self._prose(template[end : block.start()]))
                parts.append(self._block(*block.groups()))
                end = block.end()
            return "".join([*parts, self._prose(template[end:])])
        finally:
            for process in self.running:
                os.killpg(process.pid, signal.SIGTERM)
                process.communicate(timeout=30)

    def _block(self, language: str, words: str, body: str) -> str:
        options = dict(word.split("=", 1) for word in shlex.split(words) if "=" in word)
        if language == "console":
            lines = [line.removeprefix("$ ") for line in body.splitlines()]
            *first, last = [self._filled(line) for line in lines]
            output = [self._typed(command, 0) for command in first]
            output.append(self._typed(last, int(options.get("exit", 0))))
            shown = [selected(text, options.get("only", "")) for text in output]
            return "```console\n" + "\n".join(shown) + "\n```"
        if language == "scene":
            title = words.partition("only=")[0].strip()
            if title not in self.scenes:
                raise OtherStory(f"there is no scene '{title}': {', '.join(self.scenes)}")
            return f"```\n{selected(self.scenes[title], options.get('only', ''))}\n```"
        if "title" in options:
            (self.folder / options["title"]).write_text(body, encoding="utf-8")
        return f"```{language}{words}\n{body}```"

    def _typed(self, command: str, code: int) -> str:
        if command.endswith(" &"):
            return self._started(command)
        began = time.monotonic()
        done = subprocess.run(
            ["bash", "-c", command], check=False, cwd=self.folder, env=surroundings(self.folder),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=LIMIT,
        )  # fmt: skip
        print(f"$ {command}\n  exit code {done.returncode}, {time.monotonic() - began:.1f} s")
        if done.returncode != code:
            raise OtherStory(f"`{command}` ended with {done.returncode}:\n{done.stdout}")
        if inside := re.fullmatch(r"cd (\S+)", command):
            self.folder = self.folder / inside[1]
        return self._heard(command, done.stdout, f"\n[exit code {code}]" if code else "")

    def _started(self, command: str) -> str:
        """Start a background command and return its first output line."""
        process = subprocess.Popen(
            shlex.split(command.removesuffix(" &")), cwd=self.folder, start_new_session=True,
            env=surroundings(self.folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip
        self.running.append(process)
        assert process.stdout is not None
        return self._heard(command, process.stdout.readline(), "")

    def _heard(self, command: str, output: str, end: str) -> str:
        lines = [line.rstrip() for line in output.replace(str(self.home), "~").splitlines()]
        self.printed += "\n".join(lines) + "\n"
        return "\n".join([f"$ {command}", *lines]).rstrip() + end

    def _prose(self, text: str) -> str:
        """The text with its figures filled in, wrapped again."""
        parts = text.split("\n\n")
        return "\n\n".join(
            wrapped(self._filled(part)) if FIGURE.search(part) else part for part in parts
        )

    def _filled(self, text: str) -> str:
        return FIGURE.sub(self._figure, text)

    def _figure(self, mark: re.Match[str]) -> str:
        found = re.search(mark[1], self.printed)
        if found is None:
            raise OtherStory(f"no output matches '{mark[1]}'")
        return found[1]


def scenes_of(story: str) -> dict[str, str]:
    """The scenes of a recorded demo, by title, without the lines after the last one."""
    scenes: dict[str, list[str]] = {}
    title = ""
    for line in story.partition("\nFull turn in")[0].splitlines():
        if found := SCENE.match(line):
            title = found[1]
        if title:
            scenes.setdefault(title, []).append(line)
    return {title: "\n".join(lines).strip() for title, lines in scenes.items()}


def selected(text: str, only: str) -> str:
    """The first line and those that match `only`; omitted lines are marked.

    Raises:
        OtherStory: no line matches.
    """
    first, *rest = text.splitlines()
    if not only:
        return text
    chosen: list[str] = []
    for line in filter(None, rest):  # indented lines continue the previous one
        goes_on = line.startswith("  ") and chosen and chosen[-1] != "…"
        chosen.append(line if goes_on or re.search(only, line) else "…")
    if all(line == "…" for line in chosen):
        raise OtherStory(f"no line of '{first}' matches '{only}':\n{text}")
    shown = [line for n, line in enumerate(chosen) if line != "…" or n == 0 or chosen[n - 1] != "…"]
    return "\n".join([first, *shown])


def wrapped(paragraph: str) -> str:
    """A paragraph wrapped to 100 characters; list items are unchanged."""
    if re.match(r"\s*(\d+\.|-|\|) ", paragraph):
        return paragraph
    return textwrap.fill(paragraph, 100, break_long_words=False, break_on_hyphens=False)


def surroundings(folder: Path) -> dict[str, str]:
    """The environment of a laptop with a configured Git user."""
    names = {name: value for name, value in os.environ.items() if not name.startswith(PLATFORM)}
    who = {"user.name": "you", "user.email": "you@localhost"}
    names["GIT_CONFIG_COUNT"] = str(len(who))
    for number, (key, value) in enumerate(who.items()):
        names |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    path = f"{Path(sys.executable).parent}{os.pathsep}{names['PATH']}"
    return names | {"PATH": path, "PYTHONUNBUFFERED": "1", "COLUMNS": "100", "USER": "you"}


def outline(page: str) -> list[str]:
    """What must not change: text, commands, exit codes, decisions; figures may, and with them the
    places where a line breaks."""
    lines: list[str] = []
    for odd, part in enumerate(re.split(r"^(```.*?^```)", page, flags=re.MULTILINE | re.DOTALL)):
        lines += _said(part) if odd % 2 else _sentences(part)
    return [line for line, _ in itertools.groupby(filter(None, lines))]


def _sentences(prose: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", prose):
        yield from re.split(r"(?<=[.:;]) ", " ".join(_unnumbered(paragraph).split()))


def _said(block: str) -> Iterator[str]:
    """The commands of a block, and the first two words of the output lines that are loud."""
    for line in block.splitlines()[1:-1]:
        if LOUD.match(line):
            words = _unnumbered(line).split()
            yield " ".join(words if line.startswith("$ ") else words[:2])


def _unnumbered(text: str) -> str:
    return re.sub(r"\b[0-9a-f]*\d[0-9a-f.,]*\b", "#", text)


def stamp(*parts: Path) -> str:
    """A digest of all that a page depends on: fullturn but for its lesson, what is installed with
    it, and the page's own parts."""
    package = ROOT / "src" / "fullturn"
    files = [
        *(path for path in package.rglob("*") if package / "lesson" not in path.parents),
        *(*parts, Path(__file__), ROOT / "requirements" / "runtime.txt"),
    ]
    chosen = sorted(path for path in files if path.is_file() and "__pycache__" not in path.parts)
    lines = [
        f"{path.relative_to(ROOT)} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        for path in chosen
    ]
    return f"<!-- recorded with {hashlib.sha256(chr(10).join(lines).encode()).hexdigest()} -->"


def settled(page: str, file: Path, again: str, *, check: bool) -> int:
    """Write the page to `file`, or with `check` compare it; returns an exit code."""
    if not check:
        file.write_text(page, encoding="utf-8")
        return 0
    then, now = outline(file.read_text(encoding="utf-8")), outline(page)
    print(f"{file.name} {'is up to date' if then == now else f'is stale: `{again}`'}")
    print("\n".join(difflib.unified_diff(then, now, "recorded", "now", lineterm="")))
    return int(then != now)
