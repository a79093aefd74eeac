"""The metric by which a run is chosen, in a few characters."""

from __future__ import annotations

from fullturn.core.entities import RunRecord
from fullturn.core.tags import TrainingTags

VALIDATED = "validation."
"""What the names of metrics on the validation rows begin with."""


def headline(run: RunRecord) -> str:
    """`accuracy 0.913`, or in its unit `rmse 12.4`; empty if the run recorded none."""
    tags = TrainingTags.read(run.tags)
    for name in (tags.chosen_by, tags.primary):
        value = run.metrics.get(f"{VALIDATED}{name}")
        if value is not None:
            return f"{name} {value:.3f}" if name == tags.primary else f"{name} {value:.4g}"
    return ""
