"""Predictions that were made elsewhere: over HTTP, or through a journal of many writers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fullturn.core.entities import Feedback, Prediction
from fullturn.core.errors import DiskFull
from fullturn.core.journal import Journal
from fullturn.serving import log
from fullturn.serving.external import JOURNAL, Collector, ExternalEntry, encode, new_id
from fullturn.serving.log import PredictionLog
from tests.serving.live import CONTRACT, ROW, Live, live, together
from tests.waiting import wait_until

SAID = {"input": ROW, "output": {"label": "long"}}


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("state")) as server:
        yield server


def test_a_prediction_made_elsewhere_is_in_the_log_with_its_label(one: Live) -> None:
    said = {**SAID, "id": "order 7", "key": "anna", "time": 1_700_000_000_000, "latency": 0.25,
            "version": 3, "expected": {"label": "short"}, "source": "desk 1"}  # fmt: skip
    assert one.client.post("/log", json=said).json() == {"id": "order 7", "repeated": False}
    found = log.find(one.state, "order 7")
    assert (found.version, found.key, found.latency) == (3, "anna", 0.25)
    assert (found.time, found.arm, found.error) == (1_700_000_000_000, "champion", None)
    assert (found.input, found.output) == ({**ROW, "n": 2.0}, {"label": "long"})
    [judged] = log.feedback_on(one.state, "order 7")
    assert (judged.expected, judged.source) == ({"label": "short"}, "desk 1")


def test_without_an_id_and_a_version_it_gets_its_own_and_the_champions(one: Live) -> None:
    answers = one.client.post("/log", json=[SAID, {"input": ROW, "error": "timeout"}]).json()
    made = [log.find(one.state, answer["id"]) for answer in answers]
    assert [found.version for found in made] == [1, 1]
    assert [found.error for found in made] == [None, "timeout"]
    late = {"id": answers[0]["id"], "score": 0.5}
    assert one.client.post("/feedback", json=late).json()["replaced"] is False


def test_a_repeated_id_is_logged_once_also_after_a_restart(tmp_path: Path) -> None:
    said = {**SAID, "id": "a"}
    with live(tmp_path) as server:
        both = server.client.post("/log", json=[said, said]).json()
        assert [answer["repeated"] for answer in both] == [False, True]
        assert server.client.post("/log", json=said).json()["repeated"] is True
    with live(tmp_path) as server:
        assert server.client.post("/log", json=said).json()["repeated"] is True
    assert [found.id for found in log.predictions(tmp_path)] == ["a"]


def test_a_row_that_breaks_the_contract_is_logged_as_it_came(one: Live) -> None:
    row = {**ROW, "n": 1000}
    answer = one.client.post("/log", json={**SAID, "input": row}).json()
    assert "it must be at most 100" in answer["broken"]
    assert log.find(one.state, answer["id"]).input == row


BAD = {
    "no input": ({"output": {}}, "input = None; send the row"),
    "output is a text": ({**SAID, "output": "long"}, "output = 'long'; send an object"),
    "unknown field": ({**SAID, "outcome": 1}, "unknown field 'outcome'"),
    "empty id": ({**SAID, "id": ""}, "send a text of 1 to 200"),
    "id is a number": ({**SAID, "id": 7}, "send a text of 1 to 200"),
    "version": ({**SAID, "version": 0}, "the number of a registered version"),
    "time": ({**SAID, "time": "now"}, "milliseconds since 1970"),
    "latency": ({**SAID, "latency": -1}, "send seconds"),
    "score": ({**SAID, "score": 2}, "from 0, wrong"),
    "label": ({**SAID, "expected": {"label": "tall"}}, "not one of long, short"),
    "nothing": ([], "send 1 to 1000"),
    "too many": ([SAID] * 1001, "send 1 to 1000"),
}


@pytest.mark.parametrize("name", BAD)
def test_an_entry_of_another_form_is_refused_and_nothing_is_logged(one: Live, name: str) -> None:
    body, said = BAD[name]
    before = len(log.predictions(one.state))
    answer = one.client.post("/log", json=body)
    assert answer.status_code == 422 and said in answer.json()["error"]
    assert len(log.predictions(one.state)) == before


def test_too_large_a_body_is_refused_and_many_senders_get_each_an_answer(tmp_path: Path) -> None:
    with live(tmp_path, body_bytes=1024) as server:
        large = {**SAID, "output": {"label": "x" * 2000}}
        assert server.client.post("/log", json=large).status_code == 413
        answers = together(20, lambda n: server.client.post("/log", json=SAID).status_code)
        assert answers == [200] * 20
        assert len(log.predictions(tmp_path)) == 20


def entry(number: int, **more: Any) -> ExternalEntry:
    return ExternalEntry(f"r{number}", ROW, {"label": "long"}, time=1000 + number, **more)


def write(state: Path, *entries: ExternalEntry) -> None:
    with Journal(state / JOURNAL) as journal:
        journal.append_many(map(encode, entries))


def collect(state: Path) -> int:
    with PredictionLog(state, delivers=False) as writer:
        return Collector(state, writer, CONTRACT, lambda time: time // 1000).drain.replay()


def test_a_running_server_collects_what_other_processes_log(tmp_path: Path) -> None:
    with live(tmp_path):
        write(tmp_path, entry(1), entry(2, score=0.5))
        wait_until("both entries", lambda: len(log.predictions(tmp_path)) == 2)
        [judged] = log.feedback(tmp_path)
        assert judged.prediction == "r2"
        assert [found.version for found in log.predictions(tmp_path)] == [1, 1]


def test_without_a_server_entries_are_collected_in_order_each_once(tmp_path: Path) -> None:
    write(tmp_path, entry(1), entry(2, version=7))
    assert collect(tmp_path) == 2
    write(tmp_path, entry(1, has_own_id=True), entry(3))
    assert collect(tmp_path) == 2
    found = log.predictions(tmp_path)
    assert [(one.id, one.version) for one in found] == [("r1", 1), ("r2", 7), ("r3", 1)]
    log.deliver(tmp_path)
    assert [one.id for one in log.predictions(tmp_path)] == ["r1", "r2", "r3"]


def test_a_label_that_comes_later_is_feedback(tmp_path: Path) -> None:
    write(tmp_path, entry(1))
    collect(tmp_path)
    write(tmp_path, ExternalEntry("r1", None, expected={"label": "long"}, has_own_id=True))
    collect(tmp_path)
    assert [one.expected for one in log.feedback_on(tmp_path, "r1")] == [{"label": "long"}]
    assert len(log.predictions(tmp_path)) == 1


def test_what_is_collected_has_the_spelling_of_the_contract(tmp_path: Path) -> None:
    row = {**ROW, "n": "2", "kind": " a "}
    write(tmp_path, ExternalEntry("a", row, {}, expected={"label": " long"}))
    broken = {**ROW, "n": "two"}
    write(tmp_path, ExternalEntry("b", broken, {}, expected={"label": "tall"}))
    collect(tmp_path)
    assert [one.input for one in log.predictions(tmp_path)] == [{**ROW, "n": 2.0}, broken]
    assert [one.expected for one in log.feedback(tmp_path)] == [
        {"label": "long"},
        {"label": "tall"},
    ]


class Full(PredictionLog):
    def append(self, entries: Any) -> None:
        raise DiskFull("no space")


def test_what_cannot_be_written_is_collected_later_and_a_batch_taken_twice_counts_once(
    tmp_path: Path,
) -> None:
    write(tmp_path, *map(entry, range(3)))
    with Full(tmp_path) as writer, pytest.raises(DiskFull):
        Collector(tmp_path, writer, CONTRACT, lambda _: 1).drain.replay()
    assert collect(tmp_path) == 3
    (tmp_path / f"{JOURNAL}.offset").unlink()  # as if it was killed before it noted the batch
    assert collect(tmp_path) == 3
    assert [one.id for one in log.predictions(tmp_path)] == ["r0", "r1", "r2"]


LOGGING = """
import sys
from pathlib import Path
from fullturn.core.journal import Journal
from fullturn.serving.external import JOURNAL, encode
from tests.serving.test_external import entry
journal, number = Journal(Path(sys.argv[1]) / JOURNAL), int(sys.argv[2])
while True:
    journal.append(encode(entry(number)))
    number += 1
    print(number, flush=True)
"""


def test_several_writers_that_are_killed_lose_nothing_that_was_acknowledged(
    tmp_path: Path,
) -> None:
    starts = (0, 1_000_000)
    commands = ([sys.executable, "-c", LOGGING, str(tmp_path), str(start)] for start in starts)
    writers = [subprocess.Popen(one, stdout=subprocess.PIPE, text=True) for one in commands]
    wanted = set[str]()
    for start, writer in zip(starts, writers, strict=True):
        assert writer.stdout
        for _ in range(50):
            writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
        rest = [int(line) for line in writer.stdout if line.endswith("\n")]
        wanted |= {f"r{n}" for n in range(start, max([start + 50, *rest]))}
        writer.stdout.close()
        writer.wait()
    collect(tmp_path)
    found = [one.id for one in log.predictions(tmp_path)]
    assert len(found) == len(set(found)) and wanted <= set(found)


def test_ids_are_like_those_of_the_server() -> None:
    made = {new_id() for _ in range(100)}
    assert len(made) == 100 and {len(one) for one in made} == {32}


def test_an_entry_without_an_answer_is_a_failed_request() -> None:
    [one] = ExternalEntry("a", ROW).records(lambda _: 4)
    assert isinstance(one, Prediction) and (one.error, one.version) == ("no answer", 4)
    [late] = ExternalEntry("a", None, score=1.0).records(lambda _: 4)
    assert isinstance(late, Feedback)
