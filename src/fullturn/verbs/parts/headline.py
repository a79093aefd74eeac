"""The metric by which a run is chosen, in a few characters."""

from __future__ import annotations

from fullturn.core.entities import RunRecord
from fullturn.core.tags import TrainingTags
from fullturn.core.wording import MEANINGS, figure

_IN_ITS_UNIT = ("mae", "rmse", "quantile_loss")
VALIDATED = "validation."
"""What the names of metrics on the validation rows begin with."""


def headline(run: RunRecord) -> str:
    """`accuracy 0.913`, or in its unit `rmse 12.4`; empty if the run recorded none. Before a score
    that few people know comes the accuracy."""
    tags = TrainingTags.read(run.tags)
    known = run.metrics.get(f"{VALIDATED}accuracy")
    before = f"accuracy {known:.3f}, " if tags.primary in MEANINGS and known is not None else ""
    for name in (tags.chosen_by, tags.primary):
        value = run.metrics.get(f"{VALIDATED}{name}")
        if value is not None:
            if name == tags.primary:
                return f"{before}{name} {value:.3f}"
            in_unit = tags.unit and str(name).startswith(_IN_ITS_UNIT)
            return f"{name} {figure(value)}{f' {tags.unit}' if in_unit else ''}"
    return ""
