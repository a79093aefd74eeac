"""Alarms are kept once, told to a webhook, and lead to a decision that is on record."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fullturn.core import monitored, redaction
from fullturn.core.entities import Example, Feedback, Output, Prediction, Scores
from fullturn.core.errors import NotFound
from fullturn.core.showing import view
from fullturn.core.tags import AlarmTags
from fullturn.serving.log import PredictionLog
from fullturn.verbs import monitor, retrain
from fullturn.verbs.data import commit
from fullturn.verbs.history import history
from fullturn.verbs.monitor import Monitor
from fullturn.verbs.parts import feedback_rows
from fullturn.verbs.parts.loading import champion
from fullturn.verbs.turn import turn
from fullturn.verbs.workspace import Workspace, load
from tests.conftest import free_port
from tests.projects import copied

pytestmark = pytest.mark.slow


@pytest.fixture
def asked(pristine: Path, tmp_path: Path) -> Workspace:
    """A project whose champion was asked about a new subject, and was told what is right."""
    return Workspace.open(copied(pristine, tmp_path / "project"))


class Listener(http.server.BaseHTTPRequestHandler):
    """A webhook that keeps what it is told."""

    told: list[dict[str, object]]

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        self.told.append(json.loads(self.rfile.read(length)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Not in the tests' output."""


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[dict[str, object]]]]:
    Listener.told = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/alarms", Listener.told
        server.shutdown()


def with_webhook(project: Workspace, address: str) -> Workspace:
    toml = (project.root / "fullturn.toml").read_text()
    told = toml.replace("[monitoring]", f'[monitoring]\nwebhook = "{address}"')
    (project.root / "fullturn.toml").write_text(told)
    return Workspace.open(project.root)


def test_an_alarm_is_a_run_with_a_page_and_is_kept_once(asked: Workspace) -> None:
    first = Monitor(asked).step()
    assert first and {alarm.version for alarm in first} == {1}
    assert Monitor(asked).step() == []  # a process that begins again finds them on record
    runs = monitor.alarms(asked)
    assert len(runs) == len(first)
    assert {run.status for run in runs} == {"FINISHED"}
    for name in monitor.REPORTS:
        assert asked.store.get(runs[0].id, name).stat().st_size > 100
    seen = Monitor(asked).seen()
    assert seen.requests == 0
    again = Monitor(asked)
    again.step()
    seen = again.seen()
    assert seen.requests == 240 and seen.labelled == 240 and len(seen.alarms) == len(first)
    assert "<svg" in seen.to_html()


def test_what_was_seen_is_noted_for_prometheus(asked: Workspace) -> None:
    seen = monitor.monitor(asked)
    noted = monitored.read(asked.state)
    assert noted and (noted.version, noted.requests, noted.labelled) == (1, 240, 240)
    assert noted.loss is not None and 0 < noted.loss <= 1
    assert noted.alarms == {one.name: one.alarms for one in seen.states}
    assert sum(noted.alarms.values()) == len(seen.alarms) > 0
    assert noted.shares == {one.name: one.share for one in seen.states}


def test_the_report_page_shows_no_secret(
    asked: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_noted", "_compiled"):  # what this test masks, the next one may show
        known = getattr(redaction, name)
        monkeypatch.setattr(redaction, name, type(known)(known))
    redaction.note("input.text")
    page = tmp_path / "page.html"
    seen = monitor.monitor(asked, page)
    assert "input.text" in seen.to_html() and "input.text" not in page.read_text()


def test_the_diagnosis_names_the_subject(asked: Workspace) -> None:
    monitor = Monitor(asked)
    monitor.step()
    of_text = [a for a in monitor.seen().alarms if a.detector == "input.text"]
    assert of_text, [a.detector for a in monitor.seen().alarms]
    words = " ".join(of_text[0].diagnosis.words)
    assert any(animal in words for animal in ("hamster", "parrot", "turtle", "kitten", "puppy"))
    assert of_text[0].diagnosis.verdict == "harmful shift"


def test_a_webhook_is_told_each_alarm_once_and_later_if_it_was_away(
    asked: Workspace, webhook: tuple[str, list[dict[str, object]]]
) -> None:
    address, told = webhook
    away = with_webhook(asked, f"http://127.0.0.1:{free_port()}/")
    alarms = Monitor(away).step()
    assert alarms and not told
    tags = AlarmTags.read(monitor.alarms(away)[0].tags)
    assert tags.webhook == "due" and tags.webhook_error
    (asked.root / "fullturn.toml").write_text(
        (asked.root / "fullturn.toml")
        .read_text()
        .replace(away.settings.monitoring.webhook or "", address)
    )
    back = Workspace.open(asked.root)
    assert monitor.notify_webhook(back) == [] and monitor.notify_webhook(back) == []
    assert sorted(str(one["detector"]) for one in told) == sorted(a.detector for a in alarms)


def test_labels_that_the_app_cannot_score_are_counted_and_alarm(
    asked: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def score(self: object, row: Example, output: Output) -> Scores:
        raise KeyError(row.expected["label"])

    monkeypatch.setattr(type(asked.subject.app), "score", score)
    watch = Monitor(asked)
    assert "scoring" in {alarm.detector for alarm in watch.step()}
    seen = watch.seen()
    assert (seen.labelled, seen.unscored) == (0, 240)
    assert seen.first_unscored is not None and "raised KeyError" in seen.first_unscored
    shown = " ".join(map(str, view(seen)))
    assert "240 labelled answers could not be scored: score() on row" in shown
    [alarm] = [one for one in seen.alarms if one.detector == "scoring"]
    assert alarm.diagnosis.verdict == "broken pipeline"
    assert "correct score() of the app" in alarm.diagnosis.reason


def test_feedback_becomes_rows_but_not_what_is_known_or_a_model_said(asked: Workspace) -> None:
    data = load(asked)
    known = data.split("train")[0]
    with PredictionLog(asked.state) as log:
        for number, (text, source) in enumerate(
            [(str(known.input["text"]), "tester"), ("a dragon and a unicorn", "model:judge")]
        ):
            row = {"text": text}
            said = {"label": "account", "channel": "chat"}
            made = Prediction(f"{number + 9000:032x}", 0, 1, "champion", 1, "u", row, {}, 0.1)
            log.append([made])
            log.append([Feedback(made.id, 0, 1, said, None, source)])
    found = feedback_rows.collect_feedback_rows(asked, data)
    texts = {row["text"] for row in found.rows}
    assert len(found.rows) > 100 and all(row["label"] == "account" for row in found.rows)
    assert known.input["text"] not in texts and "a dragon and a unicorn" not in texts
    assert found.left_out["labelled by a model"] == 1
    assert found.left_out["already in the data"] >= 1
    feedback_rows.store(asked, found.rows)
    feedback_rows.store(asked, found.rows)
    version = commit(asked, [], "learned")
    assert version.added == len(found.rows)
    learned = [e for e in load(asked).examples if e.input["text"] in texts]
    assert {e.split for e in learned} == {"train", "validation"}


def test_one_source_gives_no_more_than_its_share(asked: Workspace) -> None:
    toml = (asked.root / "fullturn.toml").read_text()
    (asked.root / "fullturn.toml").write_text(
        toml.replace("[retraining]", "[retraining]\nsource_share = 0.01")
    )
    found = feedback_rows.collect_feedback_rows(Workspace.open(asked.root), load(asked))
    trained = len(load(asked).split("train", "validation")) + len(found.rows)
    assert len(found.rows) <= 8 * max(1, 0.01 * trained)
    assert found.left_out["over the cap of a source"] > 0


def test_a_retraining_that_costs_more_than_it_avoids_is_recorded_and_not_done(
    asked: Workspace,
) -> None:
    toml = (asked.root / "fullturn.toml").read_text()
    (asked.root / "fullturn.toml").write_text(toml.replace("cost = 10.0", "cost = 1e9"))
    project = Workspace.open(asked.root)
    steps = {step.stage: step for step in turn(project)}
    assert not steps["retraining"].done and "not worth it" in steps["retraining"].why
    assert not steps["data"].done
    [run] = project.store.runs(retrain.KIND)
    record = json.loads(project.store.get(run.id, "decision.json").read_text())
    assert record["outcome"] == "FAILED" and record["figures"]["labels"] > 0
    again = [step.stage for step in turn(project)]
    assert "retraining" not in again, "the same question has the same answer"


def test_a_retraining_goes_round_and_the_new_champion_knows_the_subject(asked: Workspace) -> None:
    steps = {step.stage: step for step in turn(asked)}
    assert steps["retraining"].done and steps["data"].done and steps["registry"].done
    assert [e.version for e in history(asked)] == [1, 2]
    _, predictor = champion(asked)
    said = predictor.predict([{"text": "the kitten ate my parrot"}])[0]
    assert said["label"] == "account"


def test_there_is_nothing_to_watch_before_the_first_champion(project: Workspace) -> None:
    with pytest.raises(NotFound, match="no champion to monitor yet"):
        Monitor(project)
