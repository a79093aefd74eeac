"""How messages and Markdown show values, lists and text from anywhere.

A report quotes questions, answers and file names, and a pull request may come from a stranger:
nothing quoted may end its cell, make a link or an image, mention a person or another issue.
"""

from __future__ import annotations

import difflib
import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

SHOWN = 5
"""How many rows of a kind are shown; the others are counted."""
MEANINGS = {
    "one_minus_brier": "1 minus the Brier score: how good the probabilities are, from 0 (sure and "
    "wrong) to 1 (sure and right)",
    "closeness": "1 minus absolute error ÷ [model] scale, at least 0",
}
"""What scores of our own are, in plain words."""


def figure(value: float, sign: str = "") -> str:
    """A number of any size with four digits, or all before the point: `0.01234`, `11,113`. With
    `+` as `sign`, a positive one gets it."""
    return f"{value:{sign},.0f}" if 1e3 <= abs(value) < 1e15 else f"{value:{sign}.4g}"


def shown(value: Any) -> str:
    """A value for a message, cut at 60 characters."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, or nested too deeply
        text = f"a {type(value).__name__} too large to show"
    return text if len(text) <= 60 else f"{text[:57]}…"


def first_line(error: Exception) -> str:
    """The first line of an error's message; the error's kind if it has none."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def nearest(name: str, known: Sequence[str]) -> str:
    """A hint for a name that is not known."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names in a sentence, the first `most` of them."""
    more = f" … ({len(names)} in all)" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def lines(problems: Sequence[str]) -> str:
    """One line each, the first few of them."""
    more = [f"… and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
    return "\n".join(f"  {line}" for line in [*problems[:SHOWN], *more])


_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
"""What steers a terminal or reorders a line: control characters but tab and line feed, bidi
overrides and isolates, invisible format characters, halves of surrogate pairs."""


def visible(text: str) -> str:
    """The text with characters that steer a terminal shown as escapes, such as `\\x1b`."""
    return _STEERING.sub(lambda match: _escape(ord(match[0])), text)


def visible_json(text: str) -> str:
    """JSON with the same characters as escapes of JSON: its value stays the same."""
    return _STEERING.sub(lambda match: json.dumps(match[0])[1:-1], text)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


_JOINERS = "\u200c\u200d"
"""Format characters that scripts and emoji need; others, such as bidi overrides, are dropped."""
_DROPPED = {"Cc", "Cf", "Cs", "Co", "Cn"}
_SPECIAL = re.compile(r"^\[|\](?=[\[(:])|[\\`*|~$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_FIRST = re.compile(r"^(?:[#+=-]|\d{1,9}(?=[.)]))+")
"""What would begin a heading, a list or a rule at the start of a line."""
_LIVE = re.compile(r"(@|#(?=\d)|:(?=//)|\b(?:www|gh)(?=[.-]))", re.IGNORECASE)
"""What GitHub turns into a link although it is no link in Markdown."""


def plain(text: str) -> str:
    """The text on one line, without control, format and private characters."""
    line = " ".join(text.split())
    return "".join(c for c in line if c in _JOINERS or unicodedata.category(c) not in _DROPPED)


def cut(text: str, most: int) -> str:
    """The text, ended with `…` where it has more than `most` characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def prose(text: str, most: int = 400, *, commands: bool = True) -> str:
    """Text in a cell or a sentence; what comes out has at most `most` characters.

    Commands between two backticks stay code; without `commands`, backticks stay text.
    """
    return _fitted(plain(text), most, _marked if commands else _escaped)


def code(text: str, most: int = 120) -> str:
    """A name or a command as a code span; what comes out has at most `most` characters.

    With a `|` in it, it is plain text: renderers disagree on where such a cell ends.
    """
    line = plain(text)
    return _fitted(line, most, _escaped if "|" in line else _span)


def _fitted(line: str, most: int, marked: Callable[[str], str]) -> str:
    """The longest beginning that is short enough once it is marked up."""
    found = marked(cut(line, most))
    keep = most
    while len(found) > most:
        keep = min(keep - 1, keep * most // len(found))
        found = marked(cut(line, max(keep, 1)))
    return found


def _marked(line: str) -> str:
    parts = re.split(r"(?<!`)`([^`|]+)`(?!`)", line)
    return "".join(f"`{p}`" if n % 2 else _escaped(p) for n, p in enumerate(parts))


def _escaped(line: str) -> str:
    text = _SPECIAL.sub(r"\\\g<0>", line).translate(_ENTITIES)
    text = _FIRST.sub(_stopped, text)
    return _LIVE.sub("\\1\u200b", text)


def _stopped(match: re.Match[str]) -> str:
    found = match[0]
    return f"{found}\\" if found[-1].isdecimal() else f"\\{found}"


def _span(line: str) -> str:
    if not line:
        return "–"
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence, space = "`" * (longest + 1), " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{fence}{space}{line}{space}{fence}"


def readable(cells: Mapping[str, Any], first: str | None = None) -> str:
    """A row in a line: its only cell, or its cells with their columns, that of `first` first."""
    filled = {name: value for name, value in cells.items() if value is not None}
    if len(cells) == 1:
        return str(next(iter(filled.values()), ""))
    order = sorted(filled, key=lambda name: name != first)
    return ", ".join(f"{name}={_cell(filled[name])}" for name in order)


def _cell(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def clipped_share(share: float) -> str:
    """How many losses are clipped, as every report says it."""
    return f"{100 * share:.3g} % of the losses are above 1, and count as 1"
