"""What a file is by its first bytes, and what its text is encoded in."""

from __future__ import annotations

import codecs
from pathlib import Path

from fullturn.core.delimited import HEAD, Chunks
from fullturn.core.errors import DataError

_PAGE = (b"<!doctype html", b"<html")
_OTHERS = (
    (
        (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"),
        "is an Excel workbook or another archive; save the sheet as CSV (UTF-8), or unpack it",
    ),
    (
        (b"version https://git-lfs.github.com/spec/",),
        "is a pointer of Git LFS, not the file itself; fetch the file with `git lfs pull`",
    ),
    ((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"), "is compressed; unpack it first"),
    (
        (b"\x00\x05\x16\x07",),
        "is what macOS writes beside a file, not the file itself; name the one without `._`",
    ),
    ((b"%PDF",), "is a PDF document; export the table as CSV"),
    ((b"SQLite format 3",), "is a database of SQLite; export the table as CSV"),
)
_PARQUET = b"PAR1"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WINDOWS = "windows-1252"


def refuse_other_content(path: Path, content: bytes) -> None:
    """Raises DataError: the file is of a kind that is no table, whatever its name says."""
    start = content[:512]
    for beginnings, what in _OTHERS:
        if start.startswith(beginnings):
            raise DataError(f"{path} {what}")
    if start.lstrip(codecs.BOM_UTF8 + b" \t\r\n").lower().startswith(_PAGE):
        raise DataError(
            f"{path} is a web page, not data; download the raw file instead of the page that "
            "shows it"
        )
    if start.startswith(_PARQUET) and path.suffix.lower() != ".parquet":
        raise DataError(f"{path} is a Parquet file; name it {path.stem}.parquet")


def decoded(path: Path, content: bytes, encoding: str | None = None) -> str:
    """The text of a file: UTF-8, or what its byte order mark says, else `encoding`.

    Raises:
        DataError: it is none of these; names the encoding that it may have.
    """
    marked = next((name for mark, name in _MARKS if content.startswith(mark)), None)
    try:
        text = content.decode(marked or "utf-8")
    except UnicodeDecodeError as error:
        if marked in (None, "utf-8-sig") and encoding is not None:
            return _as_set(path, content, encoding)
        raise _undecodable(path, content, error, marked) from None
    start = text[:4096]
    if start.count("\0") <= len(start) / 4:
        return text
    if encoding is not None:
        return _as_set(path, content, encoding)
    raise DataError(
        f"{path} is full of zero bytes: it may be UTF-16 without a byte order mark; set "
        'encoding = "utf-16-le" in [data], or save it as UTF-8'
    )


def encoding_of(path: Path, chunks: Chunks, encoding: str | None = None) -> str:
    """The encoding of a file that is read in chunks, as `decoded` finds it.

    Raises:
        DataError: its beginning is in none that is known.
    """
    head = next(chunks(), b"")
    marked = next((name for mark, name in _MARKS if head.startswith(mark)), None)
    if marked is not None:
        return marked
    if encoding is not None and (b"\0" in head[:4096] or not _is_utf8(chunks)):
        return encoding
    decoded(path, head[: head.rfind(b"\n") + 1] if len(head) >= HEAD else head)
    return "utf-8"


def _is_utf8(chunks: Chunks) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for chunk in chunks():
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _as_set(path: Path, content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is neither UTF-8 nor {encoding}, as [data] encoding says: byte {error.start} "
            f"is 0x{content[error.start]:02x}"
        ) from None


def _undecodable(
    path: Path, content: bytes, error: UnicodeDecodeError, marked: str | None
) -> DataError:
    line = content.count(b"\n", 0, error.start) + 1
    what = "UTF-8" if marked in (None, "utf-8-sig") else marked.upper()
    where = f"{path}:{line}: not {what} at byte {error.start} (0x{content[error.start]:02x})"
    bytes_of_line = content.split(b"\n")[line - 1].rstrip(b"\r")
    if what != "UTF-8":
        return DataError(f"{where}; save the file as UTF-8")
    try:
        written = bytes_of_line.decode(_WINDOWS)
    except UnicodeDecodeError:
        return DataError(f"{where}; save the file as UTF-8")
    at = written.find(content[error.start : error.start + 1].decode(_WINDOWS))
    return DataError(
        f"{where}; as Windows-1252 it reads {written[max(0, at - 20) : at + 20]!r}: if that is "
        f'right, set encoding = "{_WINDOWS}" in [data] (`fullturn init --encoding {_WINDOWS}`); '
        "otherwise save the file as UTF-8"
    )
