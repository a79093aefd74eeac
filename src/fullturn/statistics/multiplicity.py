"""Several tests in one decision."""

from __future__ import annotations

from collections.abc import Mapping

from fullturn.core.errors import StatisticsInputError


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjusted p-values: those below α are false alarms with probability at most α together.

    Holm's step-down method (Scandinavian Journal of Statistics 6, 1979); needs no independence.
    Keys keep their order. Raises StatisticsInputError for a p-value outside [0, 1].
    """
    for name, p in p_values.items():
        if not 0.0 <= p <= 1.0:
            raise StatisticsInputError(f"p-value of '{name}' is {p}: it must lie in [0, 1]")
    adjusted, largest = dict[str, float](), 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda key: p_values[key])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}
