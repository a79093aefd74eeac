"""Handbook chapters in Markdown to passages.

A chapter is `# Title`, an introduction, then sections `## Heading {#anchor}` whose body
ends with a line `Sources: …`. Each section is one passage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from fullturn.core.errors import DataError
from fullturn.data.rows import SOURCE, Row

_HEADING = re.compile(r"## (?P<title>\S.*?)\s*\{#(?P<anchor>[A-Za-z0-9_-]+)\}\s*")
_NUMBER = re.compile(r"^\d+-")


def passages(path: Path, text: str) -> Iterator[Row]:
    """The passages of one chapter, as rows of the split `reference`.

    The id of a passage is `<chapter>/<anchor>`; the chapter is the file's name without
    its number. Paragraphs stay apart by an empty line; other white space is one space.

    Raises:
        DataError: no title, or a section without anchor, body or sources.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    if not lines[0].startswith("# "):
        raise DataError(f"{path}:1: a chapter begins with '# Title', not {lines[0][:40]!r}")
    chapter = _NUMBER.sub("", path.stem)
    starts = [number for number, line in enumerate(lines) if line.startswith("##")]
    seen: set[str] = set()
    for start, end in zip(starts, [*starts, len(lines)][1:], strict=True):
        where = f"{path}:{start + 1}"
        heading = _HEADING.fullmatch(lines[start])
        if heading is None or heading["anchor"] in seen:
            raise DataError(
                f"{where}: {lines[start]!r} is not '## Heading {{#anchor}}' with an anchor "
                "of its own"
            )
        seen.add(heading["anchor"])
        body, sources = _body(where, "\n".join(lines[start + 1 : end]))
        name = f"{chapter}/{heading['anchor']}"
        yield {
            "kind": "passage",
            "id": name,
            "group": name,
            "title": heading["title"],
            "chapter": chapter,
            "text": body,
            "sources": sources,
            "split": "reference",
            SOURCE: f"{path.name}:{start + 1}",
        }


def _body(where: str, text: str) -> tuple[str, str]:
    paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip())]
    if not paragraphs[-1].startswith("Sources: "):
        raise DataError(f"{where}: the section does not end with a line 'Sources: …'; add it")
    if len(paragraphs) == 1:
        raise DataError(f"{where}: the section has no text before its sources")
    return "\n\n".join(paragraphs[:-1]), paragraphs[-1].removeprefix("Sources: ")
