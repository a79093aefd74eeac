"""Checks of a project's own, or of an installed package, after the built-in ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from fullturn.core import plugins
from fullturn.core.errors import SettingsError
from fullturn.core.wording import listed, nearest
from fullturn.gates.check import Check
from fullturn.gates.evidence import Evidence

EVIDENCE = tuple(field.name for field in fields(Evidence))


def with_plugins(
    built_in: Sequence[type[Check]], named: Sequence[str], root: Path | None
) -> tuple[type[Check], ...]:
    """The built-in checks, then those that fullturn.toml names or installed packages offer.

    Raises:
        SettingsError: one cannot be imported, is no Check, lacks a code, has one that another
            check has, or needs evidence that there is not.
    """
    checks = {check.code: check for check in built_in}
    for name, check in plugins.chosen("check", named, root, Check).items():
        kind = type(check)
        _look(name, kind)
        if kind.code in checks:
            other = checks[kind.code]
            raise SettingsError(
                f"check '{name}' has the code {kind.code}, as {other.__name__} has; give it "
                "another one"
            )
        checks[kind.code] = kind
    return tuple(checks.values())


def _look(name: str, kind: type[Check]) -> None:
    for member in ("code", "family", "needs"):
        if not hasattr(kind, member):
            raise SettingsError(f"check '{name}' lacks `{member}`; see fullturn.Check")
    unknown = [need for need in kind.needs if need not in EVIDENCE]
    if unknown:
        raise SettingsError(
            f"check '{name}' needs '{unknown[0]}', which is no evidence"
            f"{nearest(unknown[0], EVIDENCE)}; known: {listed(EVIDENCE)}"
        )
