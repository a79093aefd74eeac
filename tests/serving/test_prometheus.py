"""What Prometheus scrapes, and the dashboard and the alert rules that read it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain_text

from fullturn.cli import main
from fullturn.core.entities import ReleasePlan
from fullturn.core.errors import UsageError
from fullturn.core.monitored import FILE, Monitored
from fullturn.serving.deployment import DesiredState
from fullturn.serving.prometheus import ALERTS, DASHBOARD, contents
from fullturn.verbs.dashboards import dashboards
from tests.needs import PROMTOOL, without
from tests.serving.live import ROW, Lengths, Live, Versions, live
from tests.waiting import wait_until

SEEN = Monitored(
    1, 900, 40, 0.25, {"text: length": 1}, {"text: length": 0.5, "n": 0.1}, {"kind": 3}
)


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server in a canary that monitoring has seen, with requests of every arm."""
    registry = Versions(v1=Lengths(1), v2=Lengths(2))
    plan = ReleasePlan("run", "canary", 2, 0.3, "salt", time.time() + 600)
    registry.wanted = DesiredState(1, plan)
    state = tmp_path_factory.mktemp("state")
    with live(state, registry=registry) as server:
        wait_until("the canary", lambda: server.served.follower.current.candidate is not None)
        for number in range(60):
            server.predict(key=f"{number}")
        server.predict({**ROW, "n": -1})
        SEEN.write(state)
        yield server


def scraped(server: Live, accept: str = "") -> str:
    return server.client.get("/metrics", headers={"Accept": accept}).text


def test_latency_is_by_version_and_arm(released: Live) -> None:
    found = {
        (sample.labels["version"], sample.labels["arm"]): sample.value
        for family in plain_text(scraped(released))
        for sample in family.samples
        if sample.name == "fullturn_latency_seconds_count"
    }
    assert found.keys() == {("1", "champion"), ("1", "baseline"), ("2", "canary")}
    assert sum(found.values()) == 61 and min(found.values()) > 5


def test_the_stage_of_a_release_and_what_monitoring_saw_are_reported(released: Live) -> None:
    lines = scraped(released).splitlines()
    for line in (
        'fullturn_release_stage{stage="canary"} 1.0',
        'fullturn_release_stage{stage="none"} 0.0',
        "fullturn_release_version 2.0",
        "fullturn_release_share 0.3",
        'fullturn_alarms{detector="text: length",version="1"} 1.0',
        'fullturn_detector_share{detector="n",version="1"} 0.1',
        'fullturn_quality{version="1"} 0.75',
        'fullturn_labelled_rows{version="1"} 40.0',
        'fullturn_unseen_category_rows{column="kind",version="1"} 3.0',
    ):
        assert line in lines, line


def test_a_damaged_note_of_monitoring_is_no_note(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"version": 1')
    with live(tmp_path) as server:
        text = scraped(server)
    assert "fullturn_champion_version 1.0" in text and "fullturn_alarms" not in text


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/openmetrics-text;version=1.0.0,text/plain;q=0.5", "application/openmetrics"),
        ("application/openmetrics-text", "application/openmetrics-text"),
        ("application/openmetrics-text;version=x", "text/plain; version=0.0.4"),
        ("text/plain", "text/plain; version=0.0.4"),
        ("*/*", "text/plain; version=0.0.4"),
    ],
)
def test_openmetrics_is_spoken_to_those_who_ask(released: Live, accept: str, kind: str) -> None:
    answer = released.client.get("/metrics", headers={"Accept": accept})
    assert answer.headers["content-type"].startswith(kind)
    is_openmetrics = kind.startswith("application/openmetrics")
    assert answer.text.endswith("# EOF\n") == is_openmetrics
    parse = openmetrics.text_string_to_metric_families if is_openmetrics else plain_text
    names = {family.name for family in parse(answer.text)}
    assert {"fullturn_latency_seconds", "fullturn_rows", "fullturn_alarms"} <= {
        name.removesuffix("_total") for name in names
    }


def test_every_metric_of_the_files_is_one_that_the_server_reports(released: Live) -> None:
    reported = {
        sample.name for family in plain_text(scraped(released)) for sample in family.samples
    }
    texts = contents()
    dashboard = [
        target["expr"]
        for panel in json.loads(texts[DASHBOARD])["panels"]
        for target in panel["targets"]
    ]
    rules = yaml.safe_load(texts[ALERTS])["groups"][0]["rules"]
    for expressions in (dashboard, [rule["expr"] for rule in rules]):
        used = {name for one in expressions for name in re.findall(r"fullturn_\w+", one)}
        assert len(used) > 10 and used <= reported
    unused = {one.removesuffix("_count").removesuffix("_sum") for one in reported}
    used = {name for one in dashboard for name in re.findall(r"fullturn_\w+", one)}
    assert unused - used == {"fullturn_latency_seconds"}, "each of them has a panel"


def test_labels_of_the_files_are_those_of_the_metrics(released: Live) -> None:
    known = {
        label
        for family in plain_text(scraped(released))
        for sample in family.samples
        for label in sample.labels
    } | {"instance"}
    for text in contents().values():
        for labels in re.findall(r"by \(([^)]*)\)", text):
            assert {label.strip() for label in labels.split(",")} <= known
        assert set(re.findall(r"\$labels\.(\w+)", text)) <= known
        assert set(re.findall(r"\{\{(\w+)\}\}", text)) <= known


def test_the_panels_of_the_dashboard_do_not_overlap() -> None:
    panels = json.loads(contents()[DASHBOARD])["panels"]
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells) and max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)


RULES_TEST = """
rule_files: [fullturn-alerts.yml]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'fullturn_alarms{detector="n", version="1", instance="a"}', values: '0x70 1x70'}
      - {series: 'fullturn_champion_version{instance="a"}', values: '1x140'}
      - {series: 'fullturn_requests_total{instance="a", route="/predict", status="503"}',
         values: '0+6x140'}
      - {series: 'fullturn_requests_total{instance="a", route="/predict", status="200"}',
         values: '0+54x140'}
    alert_rule_test:
      - {eval_time: 60m, alertname: FullturnAlarm, exp_alerts: []}
      - {eval_time: 140m, alertname: FullturnAlarm, exp_alerts: []}
      - eval_time: 80m
        alertname: FullturnAlarm
        exp_alerts:
          - exp_labels: {severity: warning, detector: n, version: 1, instance: a}
            exp_annotations:
              summary: n alarms on version 1
              description: >-
                `fullturn monitor` has the diagnosis: harmful, harmless, or a broken pipeline.
      - {eval_time: 60m, alertname: FullturnAbsent, exp_alerts: []}
      - eval_time: 60m
        alertname: FullturnErrors
        exp_alerts:
          - exp_labels: {severity: critical, instance: a}
            exp_annotations:
              summary: a fails 10% of its requests
              description: The server's log and `/status` say why.
"""


def test_promtool_accepts_the_rules_and_they_fire(tmp_path: Path) -> None:
    promtool = shutil.which("promtool") or without(PROMTOOL)
    dashboards(tmp_path)
    (tmp_path / "test.yml").write_text(RULES_TEST)
    for words in (["check", "rules", "--lint-fatal", ALERTS], ["test", "rules", "test.yml"]):
        done = subprocess.run(
            [promtool, *words], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_files_that_somebody_changed_are_not_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = dashboards(tmp_path / "new")
    assert dashboards(tmp_path / "new") == found
    assert json.loads(Path(found.dashboard).read_text())["title"] == "fullturn"
    Path(found.alerts).write_text("groups: []\n")
    with pytest.raises(UsageError, match="has other content"):
        dashboards(tmp_path / "new")
    assert Path(found.alerts).read_text() == "groups: []\n"
    with pytest.raises(SystemExit, match="0"):
        main(["dashboards", str(tmp_path / "other"), "--json"])
    assert json.loads(capsys.readouterr().out)["alerts"].endswith(ALERTS)
