"""Files for the Prometheus and the Grafana of a team: alert rules and a dashboard."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

ALERTS, DASHBOARD = "fullturn-alerts.yml", "fullturn-dashboard.json"


def contents() -> dict[str, str]:
    """The files, by name."""
    rules = files(__package__).joinpath("alerts.yml").read_text(encoding="utf-8")
    return {ALERTS: rules, DASHBOARD: json.dumps(dashboard(), indent=1) + "\n"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: its queries, by legend."""

    title: str
    queries: Mapping[str, str]
    unit: str = "short"
    about: str = ""
    kind: str = "timeseries"


_RATE = "[$__rate_interval]"
_BY_ARM = "{{version}} {{arm}}"
_QUANTILE = (
    "histogram_quantile({}, sum by (version, arm, le) "
    f"(rate(fullturn_latency_seconds_bucket{_RATE})))"
)
PANELS = (
    Panel("Champion", {"version": "max(fullturn_champion_version)"}, kind="stat"),
    Panel("Release", {"{{stage}}": "max by (stage) (fullturn_release_stage) == 1"}, kind="stat",
          about="The stage that a release is in; `none` if there is none."),
    Panel("Version under test", {"version": "max(fullturn_release_version)"}, kind="stat"),
    Panel("Alarms since the promotion", {"alarms": "sum(max by (detector) (fullturn_alarms))"},
          kind="stat"),
    Panel("Requests", {"{{route}} {{status}}":
          f"sum by (route, status) (rate(fullturn_requests_total{_RATE}))"}, "reqps"),
    Panel("Rows", {_BY_ARM: f"sum by (version, arm) (rate(fullturn_rows_total{_RATE}))"}, "rowsps"),
    Panel("Latency, p95", {_BY_ARM: _QUANTILE.format(0.95)}, "s"),
    Panel("Latency, p50", {_BY_ARM: _QUANTILE.format(0.5)}, "s"),
    Panel("Rows without an output", {_BY_ARM:
          f"sum by (version, arm) (rate(fullturn_row_errors_total{_RATE})) / "
          f"sum by (version, arm) (rate(fullturn_rows_total{_RATE}))"}, "percentunit",
          "Failures of the version, and rows that break the contract."),
    Panel("The canary's share", {"share": "max(fullturn_release_share)"}, "percentunit"),
    Panel("Quality", {"version {{version}}": "max by (version) (fullturn_quality)"}, "percentunit",
          "Mean score of the newest labelled answers, by `fullturn monitor`."),
    Panel("Labelled answers", {"version {{version}}": "max by (version) (fullturn_labelled_rows)",
          "feedback": "sum(fullturn_feedback_total)"}),
    Panel("Detectors: way to an alarm", {"{{detector}}":
          "max by (detector) (fullturn_detector_share)"}, "percentunit"),
    Panel("Categories that training never had", {"{{column}}":
          "max by (column) (fullturn_unseen_category_rows)"}),
    Panel("Queue", {"rows": "sum(fullturn_queue_rows)", "shadow": "sum(fullturn_shadow_rows)",
          "shadow, dropped": f"sum(rate(fullturn_shadow_dropped_total{_RATE}))"}),
    Panel("Columns that the contract lacks", {"rows":
          f"sum(rate(fullturn_extended_rows_total{_RATE}))"}, "rowsps"),
    Panel("Troubles", {
        "log failed": "max(fullturn_log_failed)", "log behind": "max(fullturn_log_behind)",
        "registry stale": "max(fullturn_registry_stale)",
        "versions not loaded": "max(fullturn_load_failures)",
    }, about="0 is good."),
    Panel("Swaps, and when monitoring looked", {"swaps": "sum(fullturn_swaps)",
          "hours ago": "(time() - max(fullturn_monitoring_timestamp_seconds)) / 3600",
          "requests seen": "max(fullturn_monitored_requests)"}),
)  # fmt: skip
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboard() -> dict[str, Any]:
    """A dashboard for Grafana 10 or later; it asks for its data source."""
    source = {
        "name": "datasource",
        "type": "datasource",
        "query": "prometheus",
        "label": "Prometheus",
    }
    return {
        "uid": "fullturn",
        "title": "fullturn",
        "tags": ["fullturn", "mlops"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [source]},
        "annotations": {"list": [_swaps()]},
        "panels": [_panel(number, panel) for number, panel in enumerate(PANELS)],
    }


def _swaps() -> dict[str, Any]:
    """A line in every panel where another version began to serve."""
    return {
        "name": "Promotions and rollbacks",
        "datasource": _SOURCE,
        "expr": "changes(fullturn_champion_version[1m]) > 0",
        "enable": True,
        "iconColor": "blue",
        "titleFormat": "champion changed",
    }


_WIDTH, _STATS = 12, 4


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    """Four numbers in the first row, then two plots a row."""
    if number < _STATS:
        place = {"x": 6 * number, "y": 0, "w": 6, "h": 4}
    else:
        row, column = divmod(number - _STATS, 2)
        place = {"x": _WIDTH * column, "y": 4 + 8 * row, "w": _WIDTH, "h": 8}
    targets = [
        {"refId": chr(ord("A") + at), "datasource": _SOURCE, "expr": query, "legendFormat": legend}
        for at, (legend, query) in enumerate(panel.queries.items())
    ]
    options = {"textMode": "value_and_name"} if panel.title == "Release" else {}
    return {
        "id": number + 1,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": options,
        "targets": targets,
    }
