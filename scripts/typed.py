"""Pages whose commands are really typed, and whose output is what came back.

A template is a page in Markdown with four kinds of marks:

- In a ```console block each line that begins with `$ ` is typed in the page's folder, and what it
  prints goes below. The block's first line may say `exit=1` (the last command ends with that; 0 if
  not said) and `only=PATTERN` (lines that do not match are left out, marked with `…`). A command
  that ends with `&` stays until the page is done.
- A block with `title="FILE"` is written into the folder before the page goes on.
- A ```scene TITLE block becomes that scene of a recorded story; `only=PATTERN` as above.
- {{PATTERN}} becomes what its group matches in everything printed so far, so that no figure in
  the text is typed by hand.
"""

from __future__ import annotations

import difflib
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

BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FIGURE = re.compile(r"\{\{(.+?)\}\}")
SCENE = re.compile(r"^\d+ ([A-Z].*?)  ")
PLATFORM = ("CI", "GITHUB_", "GITLAB_", "MLFLOW_", "FULLTURN_", "GIT_")
"""The story is that of a laptop: what a runner sets would change it."""
LIMIT = 600
"""Seconds that a command may take."""
LOUD = re.compile(
    r"\$ |\[exit|gate: |error: |#+ |[A-Z]{4}\d\d |[✓✗·] (?!monitoring)|\d+ [A-Z]"
    r"|(roll back|advance|promote|blocked): |version \d+ (is|went)"
)
"""Lines of output whose first words must not drift; how many alarms come is chance."""


class OtherStory(Exception):
    """A command ended otherwise, or did not print what the text speaks of."""


@dataclass
class Typist:
    """Types a page's commands in `folder`, and remembers what they printed."""

    folder: Path
    printed: str = ""
    scenes: dict[str, str] = field(default_factory=dict)
    running: list[subprocess.Popen[str]] = field(default_factory=list)
    home: Path = field(init=False)
    """Shown as `~`."""

    def __post_init__(self) -> None:
        self.home = self.folder

    def page(self, template: str) -> str:
        """The page, with everything typed.

        Raises:
            OtherStory: a command ended with another exit code, or a pattern found nothing.
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
        told = dict(word.split("=", 1) for word in shlex.split(words) if "=" in word)
        if language == "console":
            lines = [line.removeprefix("$ ") for line in body.splitlines()]
            *first, last = [self._filled(line) for line in lines]
            output = [self._typed(command, 0) for command in first]
            output.append(self._typed(last, int(told.get("exit", 0))))
            shown = [kept(text, told.get("only", "")) for text in output]
            return "```console\n" + "\n".join(shown) + "\n```"
        if language == "scene":
            title = words.partition("only=")[0].strip()
            if title not in self.scenes:
                raise OtherStory(f"there is no scene '{title}': {', '.join(self.scenes)}")
            return f"```\n{kept(self.scenes[title], told.get('only', ''))}\n```"
        if "title" in told:
            (self.folder / told["title"]).write_text(body, encoding="utf-8")
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
        """What a command that stays says first."""
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
        """The text with its figures, and lines of a like length again."""
        parts = text.split("\n\n")
        return "\n\n".join(
            wrapped(self._filled(part)) if FIGURE.search(part) else part for part in parts
        )

    def _filled(self, text: str) -> str:
        return FIGURE.sub(self._figure, text)

    def _figure(self, mark: re.Match[str]) -> str:
        found = re.search(mark[1], self.printed)
        if found is None:
            raise OtherStory(f"nothing that was printed matches '{mark[1]}'")
        return found[1]


def told(story: str) -> dict[str, str]:
    """A recorded story's scenes, by title; what is said after the last one is none of them."""
    scenes: dict[str, list[str]] = {}
    title = ""
    for line in story.partition("\nAll the way round")[0].splitlines():
        if found := SCENE.match(line):
            title = found[1]
        if title:
            scenes.setdefault(title, []).append(line)
    return {title: "\n".join(lines).strip() for title, lines in scenes.items()}


def kept(text: str, only: str) -> str:
    """The first line and those that match `only`; what is left out is marked.

    Raises:
        OtherStory: no line matches.
    """
    first, *rest = text.splitlines()
    if not only:
        return text
    chosen: list[str] = []
    for line in filter(None, rest):  # what is indented goes on with the line before
        goes_on = line.startswith("  ") and chosen and chosen[-1] != "…"
        chosen.append(line if goes_on or re.search(only, line) else "…")
    if all(line == "…" for line in chosen):
        raise OtherStory(f"no line of '{first}' matches '{only}':\n{text}")
    shown = [line for n, line in enumerate(chosen) if line != "…" or n == 0 or chosen[n - 1] != "…"]
    return "\n".join([first, *shown])


def wrapped(paragraph: str) -> str:
    """A paragraph, if it is none of a list, in lines of 100 characters."""
    if re.match(r"\s*(\d+\.|-|\|) ", paragraph):
        return paragraph
    return textwrap.fill(paragraph, 100, break_long_words=False, break_on_hyphens=False)


def surroundings(folder: Path) -> dict[str, str]:
    """The environment of a laptop whose Git knows its user."""
    names = {name: value for name, value in os.environ.items() if not name.startswith(PLATFORM)}
    who = {"user.name": "you", "user.email": "you@localhost"}
    names["GIT_CONFIG_COUNT"] = str(len(who))
    for number, (key, value) in enumerate(who.items()):
        names |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    path = f"{Path(sys.executable).parent}{os.pathsep}{names['PATH']}"
    return names | {"PATH": path, "PYTHONUNBUFFERED": "1", "COLUMNS": "100", "USER": "you"}


def outline(page: str) -> list[str]:
    """What must not drift: the text, commands, exit codes, and who decided what; not figures."""
    return list(_outline(page))


def _outline(page: str) -> Iterator[str]:
    inside, before = False, ""
    for line in page.splitlines():
        if line.startswith("```"):
            inside = not inside
        elif not inside or LOUD.match(line):
            plain = re.sub(r"\b[0-9a-f]*\d[0-9a-f.,]*\b", "#", line)
            words = plain.split()
            loud = " ".join(words[:2]) if inside and not line.startswith("$ ") else " ".join(words)
            if loud and loud != before:
                yield loud
            before = loud


def settled(page: str, file: Path, again: str, *, check: bool) -> int:
    """Write the page to `file`; or compare with what stands there, and give an exit code."""
    if not check:
        file.write_text(page, encoding="utf-8")
        return 0
    then, now = outline(file.read_text(encoding="utf-8")), outline(page)
    print(f"{file.name} {'tells what just happened' if then == now else f'is stale: `{again}`'}")
    print("\n".join(difflib.unified_diff(then, now, "recorded", "now", lineterm="")))
    return int(then != now)
