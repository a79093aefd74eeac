"""The panels by name, in the order of the lesson."""

from __future__ import annotations

from collections.abc import Mapping

from fullturn.lesson.panels import alarm, ask, canary, compare, gate, rollback, search
from fullturn.lesson.panels.stage import Panel, Stage
from fullturn.verbs.workspace import Workspace

PANELS: Mapping[str, Panel] = {
    "search": search.perform,
    "compare": compare.perform,
    "gate": gate.perform,
    "canary": canary.perform,
    "alarm": alarm.perform,
    "rollback": rollback.perform,
    "ask": ask.perform,
}


def lesson_stage(project: Workspace) -> Stage:
    """A stage with all panels of the lesson."""
    return Stage(project, PANELS)
