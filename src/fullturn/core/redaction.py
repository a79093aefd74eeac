"""The one place that masks secrets in what leaves the program: messages, logs, runs, traces.

A secret is known by its variable: one whose name says so (`OPENAI_API_KEY`, `PGPASSWORD`), one that
a setting names (`token_env`), or the password in an address (`postgresql://user:password@…`).
Every error of ours is masked as it is raised, the store masks what it writes, and the command line
what it prints.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
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
_PATTERNS = (
    (re.compile(r"(://[^\s/:@'\"]*):[^\s/'\"]*@"), rf"\1:{MASK}@"),
    (
        re.compile(
            r"([?&](?:password|passwd|token|secret|api_?key|sig)=)[^&\s'\"]+", re.IGNORECASE
        ),
        rf"\1{MASK}",
    ),
    (
        re.compile(
            r"(authorization['\"]?\s*[:=,]\s*b?['\"]?(?:bearer|basic)\s+)(?!TOKEN\b)[^\s'\"]+",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
    (
        re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END|\Z)", re.DOTALL),
        rf"\1{MASK}\2",
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


def redacted_values(value: Any) -> Any:
    """The same of every text in lists and mappings; anything else as it is."""
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {key: redacted_values(item) for key, item in value.items()}
    return [redacted_values(item) for item in value] if isinstance(value, list | tuple) else value


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
            yield part
            yield quote(part, safe="")


def _compile() -> None:
    """One pattern for all; a value of letters alone only as a whole word."""
    longest_first = sorted(_noted, key=len, reverse=True)
    found = (rf"\b{re.escape(one)}\b" if one.isalpha() else re.escape(one) for one in longest_first)
    _compiled[:] = [re.compile("|".join(found)) if _noted else None]
