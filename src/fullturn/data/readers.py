"""Files to rows: CSV and its kin, JSON lines, Parquet, and handbook chapters in Markdown.

A chapter is `# Title`, an introduction, then sections `## Heading {#anchor}` whose body
ends with a line `Sources: …`. Each section is one passage.

Files that the newest version was made from are not read again. That is only a shortcut: without
its note, everything is read and checked.
"""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fullturn.core import spelling, values
from fullturn.core.delimited import HEAD, Chunks, TextForm
from fullturn.core.entities import Contract, DatasetVersion
from fullturn.core.errors import DataError
from fullturn.core.parsing import json_object
from fullturn.core.settings import DataSettings
from fullturn.data.delimited import form_of, rows_of, separator_of
from fullturn.data.numerals import Numerals
from fullturn.data.recognition import decoded, encoding_of, refuse_other_content
from fullturn.data.rows import PROBLEM, SOURCE, Row


def read(
    files: Sequence[Path],
    columns: Mapping[str, Any] | None = None,
    settings: DataSettings | None = None,
) -> list[Row]:
    """The rows of all files, in order; each notes its file and line under `rows.SOURCE`.

    `columns` are added to every row that lacks them, for example `{"split": "test"}`. Text is
    UTF-8, what its byte order mark says, or the encoding in the settings. CSV cells stay strings;
    the contract converts them. A row of another number of cells has a `rows.PROBLEM` instead.

    Raises:
        DataError: a file is missing, empty, of another encoding, or not what its name says.
    """
    if not files:
        raise DataError("no file was named; give at least one .csv, .jsonl, .parquet or .md file")
    added, chosen = dict(columns or {}), settings or DataSettings()
    rows = (row for path in files for row in _rows(Path(path), chosen))
    return [added | row for row in rows] if added else list(rows)


def text_form(path: Path, chunks: Chunks, settings: DataSettings) -> TextForm:
    """How `read` reads a file, found without reading all of it; delimited text has columns.

    Raises:
        DataError: it is empty, of another encoding, or not what its name says.
    """
    head = next(chunks(), b"")
    refuse_other_content(path, head)
    if not head.strip():
        raise DataError(f"{path} is empty; it needs a header and rows")
    encoding = encoding_of(path, chunks, settings.encoding)
    if _READERS.get(path.suffix.lower()) is not _delimited:
        return TextForm(encoding)
    text = codecs.getincrementaldecoder(encoding)().decode(head)
    numerals = Numerals(settings.decimal, settings.thousands)
    return form_of(path, text, encoding, numerals, is_whole=len(head) < HEAD)


def _rows(path: Path, settings: DataSettings) -> list[Row]:
    content = _content(path)
    refuse_other_content(path, content)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path}: unknown kind of file; known: {', '.join(_READERS)}")
    if not content.strip():
        raise DataError(f"{path} is empty; it needs a header and rows")
    rows = list(reader(path, content, settings))
    if not rows:
        raise DataError(f"{path} has no rows; it needs at least one")
    return rows


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path} does not exist; check the path") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from None


_END_OF_FILE = "\x1a"
"""What programs of DOS wrote at the end of a text."""


def _delimited(path: Path, content: bytes, settings: DataSettings) -> Iterator[Row]:
    numerals = Numerals(settings.decimal, settings.thousands)
    text = decoded(path, content, settings.encoding).rstrip(_END_OF_FILE)
    return rows_of(path, text, numerals)


def separator(path: Path, settings: DataSettings) -> str | None:
    """What is between the cells of a CSV file; None of a file of another kind.

    Raises:
        DataError: the file is missing, or of another encoding.
    """
    if _READERS.get(path.suffix.lower()) is not _delimited:
        return None
    return separator_of(decoded(path, _content(path), settings.encoding))


def _jsonl(path: Path, content: bytes, settings: DataSettings) -> Iterator[Row]:
    text = decoded(path, content, settings.encoding)
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        row = json_object(line, f"{path}:{number}")
        row.pop(PROBLEM, None)
        row[SOURCE] = f"{path.name}:{number}"
        yield row


def _parquet(path: Path, content: bytes, settings: DataSettings) -> Iterator[Row]:
    import pyarrow.parquet

    try:
        rows = pyarrow.parquet.read_table(io.BytesIO(content)).to_pylist()
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path} is not a whole Parquet file: {error}") from None
    for number, row in enumerate(rows, start=1):
        row.pop(PROBLEM, None)
        row[SOURCE] = f"{path.name}: row {number}"
        yield row


def _chapter(path: Path, content: bytes, settings: DataSettings) -> Iterator[Row]:
    return passages(path, decoded(path, content, settings.encoding))


_READERS = {
    ".csv": _delimited,
    ".tsv": _delimited,
    ".tab": _delimited,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
    ".md": _chapter,
}


_HEADING = re.compile(r"## (?P<title>\S.*?)\s*\{#(?P<anchor>[A-Za-z0-9_-]+)\}\s*")
_NUMBER = re.compile(r"^\d+-")


def passages(path: Path, text: str) -> Iterator[Row]:
    """The passages of one chapter, as rows of the split `reference`.

    The id of a passage is `<chapter>/<anchor>`; the chapter is the file's name without
    its number. Paragraphs are separated by an empty line; other white space is one space.

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


def fingerprint(
    groups: Iterable[Sequence[Path]], contract: Contract, settings: DataSettings
) -> str | None:
    """sha256 over files, by name and content, and all that decides which rows they become.

    None if a file cannot be read.
    """
    code = (*Path(__file__).parent.glob("*.py"), Path(values.__file__), Path(spelling.__file__))
    total = hashlib.sha256(repr(contract).encode() + settings.model_dump_json().encode())
    try:
        for group in (sorted(code), *groups):
            total.update(b"\0group\0")
            for path in group:
                total.update(f"{path}\0".encode())
                with path.open("rb") as file:
                    total.update(hashlib.file_digest(file, "sha256").digest())
    except OSError:
        return None
    return total.hexdigest()


def is_unchanged(record: Path, inputs: str | None, newest: DatasetVersion | None) -> bool:
    """Whether the newest version was made from these inputs."""
    if inputs is None or newest is None:
        return False
    try:
        known = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(known == _record(inputs, newest))


def remember(record: Path, inputs: str | None, version: DatasetVersion) -> None:
    """Note what a version was made from; without the note, it is read again the next time."""
    if inputs is not None:
        draft = record.with_suffix(".new")
        with contextlib.suppress(OSError):
            draft.write_text(json.dumps(_record(inputs, version)), encoding="utf-8")
            draft.replace(record)


def _record(inputs: str, version: DatasetVersion) -> dict[str, str | int]:
    return {"inputs": inputs, "version": version.version, "digest": version.digest}
