"""Execute docs/notebook.ipynb in a real kernel, and write it and docs/notebook.md with its outputs.

usage: notebook.py [--check]

The cells are those of the notebook: edit it in Jupyter, or as text, and run this. With --check
nothing is written: it fails if a cell raises, or if an output says something else than the page
does, figures aside.
"""

from __future__ import annotations

import difflib
import html
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from typed import surroundings

ROOT = Path(__file__).parents[1]
NOTEBOOK, PAGE = ROOT / "docs" / "notebook.ipynb", ROOT / "docs" / "notebook.md"
LIMIT = 300
"""Seconds that a cell may take."""
HEAD = "<!-- Written by scripts/notebook.py: `make notebook`. -->\n\n"
SCOPED = re.compile(r"<style scoped>.*?</style>\s*", re.DOTALL)
FRAME = re.compile(r"<iframe.*?</iframe>", re.DOTALL)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
VOLATILE = re.compile(r"\b[0-9a-f]*\d[0-9a-f.,:T+-]*\b")


def executed(notebook: Any, folder: Path) -> Any:
    """The notebook with the outputs of its cells, executed in `folder` by a kernel of its own.

    Raises:
        CellExecutionError: a cell raised.
    """
    os.environ |= surroundings(folder)
    NotebookClient(
        notebook, timeout=LIMIT, kernel_name="python3", resources={"metadata": {"path": folder}}
    ).execute()
    for cell in notebook.cells:
        cell.metadata = {}
        for output in cell.get("outputs", ()):
            output.pop("metadata", None) if output.output_type == "stream" else None
            for kind, value in output.get("data", {}).items():
                output.data[kind] = cleaned(value, folder)
    return notebook


def cleaned(text: Any, folder: Path) -> Any:
    """An output without the folder that it came from."""
    return COLOUR.sub("", text).replace(str(folder), "~") if isinstance(text, str) else text


def page(notebook: Any) -> str:
    """The notebook as a page in Markdown: cells, and below each what it showed."""
    return HEAD + "\n\n".join(filter(None, _parts(notebook))) + "\n"


def _parts(notebook: Any) -> Iterator[str]:
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            yield cell.source
            continue
        yield f"```python\n{cell.source}\n```"
        for output in cell.outputs:
            yield _shown(output)


def _shown(output: Any) -> str:
    if output.output_type == "stream":
        return f"```text\n{output.text.rstrip()}\n```"
    data = output.get("data", {})
    if "text/html" in data:
        # On one line: a blank line would end the block.
        shown = SCOPED.sub("", data["text/html"].strip())
        text = re.sub(r"\s*\n\s*", "&#10;" if "<iframe" in shown else "", shown)
        return f'<div class="output">{text}</div>'
    return f"```text\n{data.get('text/plain', '').rstrip()}\n```"


def outline(notebook: Any) -> list[str]:
    """What must not drift: the cells, and the words of their outputs; not figures and ids."""
    lines: list[str] = []
    for cell in notebook.cells:
        lines += cell.source.splitlines()
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            text = data.get("text/html") or data.get("text/plain") or output.get("text", "")
            lines += _words(FRAME.sub("", text))  # a whole page has tests of its own
    return lines


def _words(text: str) -> Iterator[str]:
    """Each line of an output, without markup and figures."""
    text = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", html.unescape(text), flags=re.DOTALL)
    for line in re.sub(r"</t[dr]>|</p>|<br>", "\n", text).splitlines():
        plain = " ".join(VOLATILE.sub("#", re.sub("<[^>]*>", " ", line)).split())
        if re.search("[a-z]", plain):
            yield plain


def main() -> int:
    check = "--check" in sys.argv
    before = nbformat.read(NOTEBOOK, as_version=4)
    fresh = nbformat.read(NOTEBOOK, as_version=4)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        try:
            after = executed(fresh, Path(place).resolve())
        except CellExecutionError as error:
            print(f"a cell raised: {error}")
            return 1
    if not check:
        nbformat.write(after, NOTEBOOK)
        PAGE.write_text(page(after), encoding="utf-8")
        return 0
    then, now = outline(before), outline(after)
    print("\n".join(difflib.unified_diff(then, now, "stored", "now", lineterm="")))
    same = then == now and PAGE.read_text(encoding="utf-8") == page(before)
    print(f"the notebook {'shows what just happened' if same else 'is stale: `make notebook`'}")
    return int(not same)


if __name__ == "__main__":
    sys.exit(main())
