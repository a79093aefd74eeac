"""How values of metrics are written: shares to three digits, everything else to four figures."""

from __future__ import annotations

import re

SHARE = "share"
_NOT_IN_KEYS = re.compile(r"[^\w\-. :/]+")


def key(name: str) -> str:
    """A metric's name as MLflow accepts it: `f1(spam)` becomes `f1.spam`."""
    return _NOT_IN_KEYS.sub(".", name).strip(".")


def number(value: float, unit: str = SHARE) -> str:
    """A level."""
    return f"{value:.3f}" if unit == SHARE else f"{value:.4g}"


def signed(value: float, unit: str = SHARE) -> str:
    """A difference."""
    return f"{value:+.3f}" if unit == SHARE else f"{value:+.4g}"
