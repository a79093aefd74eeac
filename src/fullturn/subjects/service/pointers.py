"""JSON pointers: where in a document something is. RFC 6901."""

from __future__ import annotations

from typing import Any

from fullturn.core.wording import listed, shown


def at(document: Any, pointer: str) -> Any:
    """What is at a pointer; `` is the whole document, `/a/0` the first element of its `a`.

    Raises:
        ValueError: nothing is there; the message says how far it leads, and what is there.
    """
    found = document
    for part in _parts(pointer):
        if isinstance(found, dict) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        else:
            raise ValueError(f"there is nothing at '{pointer}': {_seen(found, part)}")
    return found


def placed(value: Any, pointer: str, around: dict[str, Any]) -> Any:
    """A document with a value at a pointer, and the fields of `around` beside it at the top."""
    parts = _parts(pointer)
    if not parts:
        return {**around, **value} if isinstance(value, dict) else value
    for part in reversed(parts[1:]):
        value = {part: value}
    return {**around, parts[0]: value}


def _parts(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _seen(found: Any, part: str) -> str:
    if isinstance(found, dict):
        return f"no '{part}' among {listed(list(map(str, found)))}" if found else "an empty object"
    if isinstance(found, list):
        return f"no element '{part}' in a list of {len(found)}"
    return f"no '{part}' in {shown(found)}"
