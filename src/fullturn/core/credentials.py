"""Secrets from the environment: trimmed, checked, and known to `redaction` before they are used."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from fullturn.core import redaction
from fullturn.core.errors import SettingsError

_NAME = "MLFLOW_TRACKING_USERNAME"
"""No secret: it is who did it."""
_LOGINS = {
    "MLFLOW_TRACKING_TOKEN": True,
    _NAME: False,
    "MLFLOW_TRACKING_PASSWORD": False,
    "DATABRICKS_TOKEN": True,
    "AWS_ACCESS_KEY_ID": True,
    "AWS_SECRET_ACCESS_KEY": True,
    "AWS_SESSION_TOKEN": True,
}
"""What MLflow's client reads; whether it is a token, and not a name or a password."""


def secret(
    variable: str, *, is_token: bool = True, environment: Mapping[str, str] | None = None
) -> str | None:
    """The secret in this environment variable, without spaces and line breaks around it.

    None if it is not set or empty. Unless it is a token, which goes into a header as it is, it may
    contain any character but control characters.

    Raises:
        SettingsError: it contains an illegal character; the message does not show it.
    """
    found = (os.environ if environment is None else environment).get(variable, "")
    value = found.strip()
    if not value:
        return None
    if variable != _NAME:
        redaction.note(value)
    odd = next((c for c in value if not _is_legal(c, is_token)), None)
    if odd is not None:
        raise SettingsError(
            f"the environment variable {variable} contains {_kind(odd)}, which no "
            f"{'key or token' if is_token else 'name or password'} may; set it again, without "
            "line breaks and quotes"
        )
    return value


def login(uri: str) -> str | None:
    """How this process logs in at a tracking server, in words that show no secret; None if it does
    not."""
    name = urlsplit(uri).username or os.environ.get(_NAME)
    if name and (urlsplit(uri).password or os.environ.get("MLFLOW_TRACKING_PASSWORD")):
        return f"login '{name}'"
    return "the token in MLFLOW_TRACKING_TOKEN" if os.environ.get("MLFLOW_TRACKING_TOKEN") else None


def trim_logins() -> None:
    """Trim what MLflow's client takes from the environment of this process.

    Raises:
        SettingsError: a variable contains an illegal character.
    """
    for variable, is_token in _LOGINS.items():
        value = secret(variable, is_token=is_token)
        if value is not None and value != os.environ[variable]:
            os.environ[variable] = value


def _is_legal(character: str, is_token: bool) -> bool:
    return "!" <= character <= "~" if is_token else character.isprintable()


def _kind(character: str) -> str:
    if character.isspace() or not character.isprintable():
        return "a space, a line break or a control character"
    return "a character that is not ASCII"
