"""How the report writes numbers."""

from __future__ import annotations

from fullturn.pipeline.records import Difference

MINUS = "−"


def signed(value: float) -> str:
    """A difference in score points, with its sign."""
    return f"{value + 0.0:+.3f}".replace("-", MINUS)


def level(value: float) -> str:
    """A score."""
    return f"{value:.3f}"


def interval(of: Difference) -> str:
    """Both bounds."""
    return f"[{signed(of.low)}, {signed(of.high)}]"


def percent(share: float) -> str:
    """A share, such as a confidence."""
    return f"{100 * share:.4g} %"


def amount(value: float | None, unit: str) -> str:
    """A cost with its unit, to three digits; a dash where it is not known."""
    if value is None:
        return "–"
    return f"{value:,.0f} {unit}" if abs(value) >= 100 else f"{value:.3g} {unit}"


def reading(of: Difference, margin: float) -> str:
    """What an interval says of the candidate."""
    if of.low > 0:
        return "better"
    if of.high < -margin:
        return "worse by more than the margin" if margin else "worse"
    if of.low >= -margin:
        return "worse, within the margin" if of.high < 0 else "not worse"
    return "worse, margin not excluded" if of.high < 0 else "not decided"
