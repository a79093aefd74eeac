"""The panels by name, in the order in which the lesson shows them."""

from __future__ import annotations

from collections.abc import Mapping

from fullturn.lesson.panels import alarm, ask, canary, compare, gate, rollback, search
from fullturn.lesson.panels.stage import Panel

PANELS: Mapping[str, Panel] = {
    "search": search.perform,
    "compare": compare.perform,
    "gate": gate.perform,
    "canary": canary.perform,
    "alarm": alarm.perform,
    "rollback": rollback.perform,
    "ask": ask.perform,
}
