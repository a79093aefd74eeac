"""Optional parts of fullturn: packages that an extra installs, and what to say without them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from fullturn.core.errors import SettingsError

EXTRAS: Mapping[str, tuple[str, str]] = {
    "bm25s": ("assistant", "the assistant"),
    "jsonschema": ("prompt", "a JSON schema"),
    "xllamacpp": ("llm", "the embedded LLM"),
    "model_signing": ("signing", "a signature"),
    "sigstore": ("signing", "a signature"),
}
"""For each module the extra that installs it, and what needs it."""


def module(name: str) -> Any:
    """A module of an optional part.

    Raises:
        SettingsError: it is not installed; names the extra that installs it.
    """
    require(name.partition(".")[0])
    return import_module(name)


def has(name: str) -> bool:
    """Whether a module of an optional part is installed; it is not imported."""
    return find_spec(name) is not None


def require(name: str, otherwise: str = "") -> None:
    """Make sure that a module of an optional part is installed, without importing it.

    Raises:
        SettingsError: it is not; names the extra that installs it, and what to do `otherwise`.
    """
    if not has(name):
        extra, what = EXTRAS[name]
        raise SettingsError(
            f"{what} needs the package '{name}', which is not installed: "
            f"pip install 'fullturn[{extra}]'{otherwise}"
        )
