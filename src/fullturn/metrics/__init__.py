"""Metrics: how good a subject is on scored rows, with intervals and paired differences.

A built-in metric is a class in any module of this package, found by its `name`. A metric of your
own is a subclass of `RowMetric` or `SetMetric`: fullturn.toml names it as `"mymodule:MyMetric"`, or
a package offers it in the entry point group `fullturn.metrics`.
"""

from fullturn.metrics.comparison import Difference, difference, level, levels, paired_rows
from fullturn.metrics.metric import Metric, RowMetric, SetMetric
from fullturn.metrics.registry import find, known

__all__ = [
    "Difference",
    "Metric",
    "RowMetric",
    "SetMetric",
    "difference",
    "find",
    "known",
    "level",
    "levels",
    "paired_rows",
]
