"""Files of prompts: YAML, JSON, and plain text or Markdown.

A text may begin with settings between two lines `---` (front matter), and may have lines such as
`system:`, `# System` or `user:` that begin a message. Without them it is one message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fullturn.core.errors import UsageError
from fullturn.core.parsing import from_json
from fullturn.core.wording import shown
from fullturn.llm.template import ROLES, Prompt, parse

SUFFIXES = (".yaml", ".yml", ".json", ".md", ".txt", ".prompt", ".prompty")
MOST_BYTES = 2**20
_ROLE = re.compile(rf"^(?:#+\s*)?({'|'.join(ROLES)})\s*:?\s*$", re.IGNORECASE)
_FRONT = re.compile(r"\A---\s*\n(?P<settings>.*?)\n---\s*(?:\n|\Z)", re.DOTALL)


def read(path: Path) -> Prompt:
    """The prompt in a file.

    Raises:
        UsageError: it is missing, too large, not UTF-8, or no prompt; says what is wrong where.
    """
    return parse(content(path), str(path.name))


def content(path: Path) -> Any:
    """What the file of a prompt contains, with `messages`; raises as `read` does."""
    text = text_of(path, "a prompt")
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{path} is no file of a prompt; known are {', '.join(SUFFIXES)}")
    if not text.strip():
        raise UsageError(f"{path} is empty; write the prompt into it")
    if path.suffix == ".json":
        try:
            return from_json(text)
        except ValueError as error:
            raise UsageError(f"{path} is not JSON: {error}") from None
    if path.suffix in (".yaml", ".yml"):
        return from_yaml(text, path.name)
    front = _FRONT.match(text)
    settings = from_yaml(front["settings"], path.name) if front else {}
    if not isinstance(settings, Mapping):
        raise UsageError(f"{path}: between the lines --- is {shown(settings)}; write settings")
    return {**settings, "messages": _sections(text[front.end() :] if front else text)}


def text_of(path: Path, what: str) -> str:
    """The text of a small file; raises as `read` does."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UsageError(f"{path} has more than {MOST_BYTES >> 20} MB; that is not {what}")
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path} cannot be read as {what}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8; save it as UTF-8") from None


def from_yaml(text: str, where: str) -> Any:
    """The value of a YAML text, without any of Python's objects.

    Raises:
        UsageError: it is no YAML.
    """
    import yaml

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UsageError(f"{where} is not YAML: {' '.join(str(error).split())[:200]}") from None


def _sections(text: str) -> list[dict[str, str]]:
    """The messages of a text; before the first role, and without any, a user speaks."""
    found: list[tuple[str, list[str]]] = [("user", [])]
    for line in text.splitlines():
        if role := _ROLE.match(line):
            found.append((role[1].lower(), []))
        else:
            found[-1][1].append(line)
    return [
        {"role": role, "content": "\n".join(lines).strip()}
        for role, lines in found
        if "".join(lines).strip()
    ]
