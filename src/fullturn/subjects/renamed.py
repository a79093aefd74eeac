"""Metrics of the built-in apps that have a new name since this version.

Runs, evaluations and `[gates.floors]` of the version before still have the old names. They are
translated when they are read. An app of your own may declare `renamed_metrics` as well.
"""

from __future__ import annotations

from collections.abc import Mapping

RENAMED_METRICS: Mapping[str, str] = {
    "right": "accuracy",
    "found_at_1": "recall_at_1",
    "found_at_3": "recall_at_3",
    "abstained_right": "abstention_accuracy",
}


def renamed_metrics(app: object) -> Mapping[str, str]:
    """Old names of an app's metrics and what replaced them; empty for most apps."""
    names: Mapping[str, str] = getattr(app, "renamed_metrics", {})
    return names
