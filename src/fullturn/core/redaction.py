"""The one place that masks secrets in what leaves the program: messages, logs, runs, traces.

A secret is known by its variable: one whose name says so (`OPENAI_API_KEY`, `PGPASSWORD`), one that
a setting names (`token_env`), or the password in an address (`postgresql://user:password@…`).
Every error of ours is masked as it is raised, the store masks what it writes, and the command line
what it prints.
"""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

MASK = "…"
SECRET_NAME = re.compile(
    r"(?:^|_)(?:TOKEN|SECRET|PASS|PASSWD|KEY|APIKEY|CREDENTIALS?|PAT)(?:_|$)|PASSWORD|ACCESS_KEY",
    re.IGNORECASE,
)
"""A variable with such a name contains a secret."""
_NO_SECRET_NAME = re.compile(r"_(?:PATH|FILE|DIR|ENV|NAME|URL|URI)$", re.IGNORECASE)
_SHORTEST = 6
"""Characters; a shorter value would be found in ordinary words."""
_IN_ADDRESS = re.compile(r"://([^\s/:@]*):(.+)@", re.DOTALL)
_BREAK = r"(?:\\+[nr]|\s|…|(?:Proc-Type|DEK-Info): [\w,-]+)*"
_CUT = rf"(?:{_BREAK}[A-Za-z0-9+/=]{{16,}}|(?:\\+[nr]|[\s'\",+])*[A-Za-z0-9+/=]{{40,}})"
"""A line of a private key, perhaps in quotes, with what comes before it."""
_PATTERNS = (
    (re.compile(r"(://[^\s/:@'\"]*):[^\s/'\"]*@"), rf"\1:{MASK}@"),
    (
        re.compile(
            r"([?&](?:password|passwd|token|secret|api_?key|sig)=)[^&\s'\"<>\\]+", re.IGNORECASE
        ),
        rf"\1{MASK}",
    ),
    (
        re.compile(
            r"(authorization\\*['\"]?\s*[:=,]\s*b?\\*['\"]?(?:bearer|basic)\s+)"
            r"(?!TOKEN\b)[^\s'\"<>\\]+",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    (
        re.compile(
            rf"(-----BEGIN [A-Z ]*PRIVATE KEY-----)(?:{MASK}|[^<>\"'{{}}]{{0,10000}}?(?=-----END)"
            rf"|(?:{_CUT}+(?:{_BREAK}[A-Za-z0-9+/=]+)?)?)"
        ),
        rf"\1{MASK}",
    ),
)
_noted: set[str] = set()
_compiled: list[re.Pattern[str] | None] = []


def redacted(text: str) -> str:
    """The text with every known secret, and every password in an address, masked."""
    if not _compiled:
        _noted.update(_of_environment(os.environ))
        _compile()
    pattern = _compiled[0]
    if pattern is not None:
        text = pattern.sub(MASK, text)
    for form, mask in _PATTERNS:
        text = form.sub(mask, text)
    return text


def redacted_values(value: Any, *, keys: bool = False) -> Any:
    """The same of every text in lists, mappings and dataclasses; anything else as it is.

    With `keys`, of the keys of mappings too.
    """
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {
            redacted(key) if keys and isinstance(key, str) else key: redacted_values(
                item, keys=keys
            )
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        items = (redacted_values(item, keys=keys) for item in value)
        return tuple(items) if isinstance(value, tuple) else list(items)
    if is_dataclass(value) and not isinstance(value, type):
        own = [field.name for field in fields(value) if field.init]
        return replace(
            value, **{name: redacted_values(getattr(value, name), keys=keys) for name in own}
        )
    return value


def redacted_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The same of tags: what is JSON stays JSON, with its numbers as they are.

    Masked twice, a tag stays as it is after the first time.
    """
    return {name: _redacted_json(text) for name, text in tags.items()}


def _redacted_json(text: str) -> str:
    masked = redacted(text)
    if masked == text or not text.startswith(("{", "[")):
        return masked
    try:
        return json.dumps(redacted_values(json.loads(text)))
    except (ValueError, RecursionError):
        return masked


def note(secret: str) -> None:
    """Mask this value from now on."""
    found = set(_parts(secret)) - _noted
    if found:
        redacted("")
        _noted.update(found)
        _compile()


def note_address(address: str) -> None:
    """Mask the password in this address from now on, also where it is shown without the address."""
    match = _IN_ADDRESS.search(address)
    if match is not None:
        for password in {match[2], unquote(match[2])}:
            note(password)


def is_secret(name: str) -> bool:
    """Whether a variable of this name contains a secret."""
    return bool(SECRET_NAME.search(name)) and not _NO_SECRET_NAME.search(name)


def _of_environment(variables: Mapping[str, str]) -> Iterator[str]:
    for name, value in variables.items():
        if is_secret(name) and not _is_path(value):
            yield from _parts(value)
        elif match := _IN_ADDRESS.search(value):
            yield from _parts(match[2])


def _is_path(value: str) -> bool:
    """Credentials may be named by their file, whose name is no secret."""
    try:
        return value.startswith(("/", ".", "~")) and Path(value).expanduser().exists()
    except (OSError, ValueError, RuntimeError):
        return False


def _parts(value: str) -> Iterator[str]:
    """A value, and its lines: of a private key messages may quote one."""
    for part in {value.strip(), *(line.strip() for line in value.splitlines())}:
        if len(part) >= _SHORTEST and not part.startswith("-----"):
            yield from (part, quote(part, safe=""))
            yield from (html.escape(part), html.escape(part, quote=False))
            yield json.dumps(part, ensure_ascii=False)[1:-1]


def _compile() -> None:
    """One pattern for all; a value of letters alone only as a whole word."""
    longest_first = sorted(_noted, key=len, reverse=True)
    found = (rf"\b{re.escape(one)}\b" if one.isalpha() else re.escape(one) for one in longest_first)
    _compiled[:] = [re.compile("|".join(found)) if _noted else None]
