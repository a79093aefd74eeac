"""The HTTP surface: what the routes answer, and what bad requests become. Never a 500."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event

import httpx
import pytest

from fullturn.core.entities import Input, Output
from fullturn.core.errors import LLMUnavailable
from fullturn.serving import log
from fullturn.serving.log import VIOLATION
from fullturn.serving.running import BoundedProtocol
from tests.serving.live import ROW, Lengths, Live, live, together
from tests.waiting import PATIENCE, wait_until

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server with small bounds, shared by tests that leave nothing behind but log entries."""
    folder = tmp_path_factory.mktemp("state")
    with live(folder, body_bytes=20_000, queue_rows=100, timeout=5.0) as server:
        yield server


def test_rows_get_outputs_ids_version_and_arm(one: Live) -> None:
    answer = one.predict(ROW, {**ROW, "text": "long enough text"}, key="anna")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert body["outputs"] == [{"label": "long", "by": 1}, {"label": "long", "by": 1}]
    assert (body["version"], body["arm"], len(set(body["ids"]))) == (1, "champion", 2)
    for number, row in zip(body["ids"], (ROW, {**ROW, "text": "long enough text"}), strict=True):
        kept = log.find(one.state, number)
        assert (kept.key, kept.input, kept.version) == ("anna", row, 1)
        assert kept.output == {"label": "long", "by": 1} and kept.error is None
        assert 0 < kept.latency < 5


def test_a_request_without_a_key_is_an_entity_of_its_own(one: Live) -> None:
    [number] = one.predict().json()["ids"]
    assert log.find(one.state, number).key == number
    assert log.find(one.state, one.predict(key=7).json()["ids"][0]).key == "7"


def test_values_are_stored_as_a_dataset_version_would(one: Live) -> None:
    row = {**ROW, "text": "cafe\u0301", "n": "2.5", "kind": " a ", "more": {"z": 1, "a": [1.0]}}
    [number] = one.predict(row).json()["ids"]
    expected = {"text": "café", "n": 2.5, "kind": "a", "more": {"a": [1.0], "z": 1}}
    assert log.find(one.state, number).input == expected


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_records": [ROW]},
        {"dataframe_split": {"columns": list(ROW), "data": [list(ROW.values())], "index": [7]}},
        {"instances": [ROW], "params": {"any": 1}},
        {"inputs": {name: [value] for name, value in ROW.items()}},
        {"inputs": [ROW]},
    ],
)
def test_mlflows_forms_are_understood(one: Live, body: dict[str, object]) -> None:
    answer = one.client.post("/invocations", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["predictions"] == [{"label": "long", "by": 1}]
    assert log.find(one.state, answer.json()["ids"][0]).input == ROW


MALFORMED = {
    "no object": ("/predict", [ROW], "send an object"),
    "no inputs": ("/predict", {}, "'inputs' is None"),
    "empty batch": ("/predict", {"inputs": []}, "contains no row"),
    "unknown field": ("/predict", {"inputs": [ROW], "kei": "a"}, "did you mean 'key'?"),
    "a row at the top": (
        "/predict",
        {"text": "hello", "more": [1], "key": "a"},
        'a row goes inside: {"inputs":[{"text":"hello","more":"…"}]}',
    ),
    "columns deep and many": (
        "/predict",
        {f"c{n}": json.loads("[" * 300 + "]" * 300) for n in range(20)},
        'a row goes inside: {"inputs":[{"c0":"…"',
    ),
    "a row with long names": ("/predict", {"x" * 300: 1}, "known: inputs, key"),
    "a nearly right field": ("/predict", {"input": [ROW]}, "did you mean 'inputs'?"),
    "MLflow's form": ("/predict", {"dataframe_records": [ROW]}, "/invocations takes it"),
    "key is a list": ("/predict", {"inputs": [ROW], "key": []}, "send a text"),
    "long key": ("/predict", {"inputs": [ROW], "key": "x" * 201}, "201 characters"),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_body_of_another_form_is_told_what_to_send(one: Live, case: str) -> None:
    path, body, reason = MALFORMED[case]
    answer = one.client.post(path, json=body)
    assert answer.status_code == 422
    assert reason in answer.json()["error"]


VIOLATIONS = {
    "missing column": ([{"text": "a"}], "a row lacks 'n'; its columns are text, n, kind, more"),
    "misspelt column": ([{"texd": "a", "n": 1}], "a row lacks 'text' and has 'texd'"),
    "wrong type": ([{**ROW, "n": "many"}], "'n' is 'many', not a number"),
    "a truth value": ([{**ROW, "n": True}], "not a number"),
    "NaN as text": ([{**ROW, "text": "nan"}], "'text' is NaN"),
    "out of range": ([{**ROW, "n": 101}], "at most 100"),
    "empty": ([{**ROW, "text": "  "}], "'text' is empty"),
    "too long": ([{**ROW, "text": "x" * 1001}], "1,001 characters"),
    "not allowed": ([{**ROW, "kind": "c"}], "not one of a, b"),
    "no object": (["text"], "a row is 'text'; send an object"),
    "deep": ([{**ROW, "more": json.loads("[" * 300 + "]" * 300)}], "'more'"),
    "the second": ([ROW, {**ROW, "n": -1}], "row 2 of 2: 'n' is -1"),
}


@pytest.mark.parametrize("case", VIOLATIONS)
def test_a_row_that_breaks_the_contract_is_told_why_and_logged(one: Live, case: str) -> None:
    rows, reason = VIOLATIONS[case]
    before = len(one.served.follower.current.champion.predictor.batches)  # type: ignore[attr-defined]
    answer = one.predict(*rows)
    assert answer.status_code == 422, answer.text
    assert reason in answer.json()["error"]
    assert len(answer.json()["ids"]) == len(rows)
    for number in answer.json()["ids"]:
        kept = log.find(one.state, number)
        assert kept.output is None and kept.error is not None
        assert kept.error.startswith(VIOLATION) and reason in kept.error
    assert len(one.served.follower.current.champion.predictor.batches) == before  # type: ignore[attr-defined]


def test_columns_that_the_contract_lacks_are_ignored_and_counted(one: Live) -> None:
    before = one.served.metrics.extended_rows
    answer = one.predict(ROW, {**ROW, "x": 1, "texd": "a"}, {**ROW, "x": [2]})
    assert answer.status_code == 200 and answer.json()["ignored"] == {"x": 2, "texd": 1}
    assert all(log.find(one.state, number).input == ROW for number in answer.json()["ids"])
    assert one.served.metrics.extended_rows == before + 2
    many = one.predict({**ROW, **{f"{n}" * 150: n for n in range(30)}}).json()["ignored"]
    assert len(many) == 20 and max(map(len, many)) == 100
    assert "ignored" not in one.predict().json()


def test_a_column_that_is_not_required_may_be_absent(one: Live) -> None:
    answer = one.predict({"n": 1, "text": "hello"})
    assert answer.status_code == 200, answer.text
    found = log.find(one.state, answer.json()["ids"][0]).input
    assert found == {"text": "hello", "n": 1.0, "kind": None, "more": None}


def test_a_csv_that_does_not_end_is_read_up_to_the_largest_number_of_rows(tmp_path: Path) -> None:
    table = "text,n\n" + "hello,1\n" * 20_000
    with live(tmp_path) as server:
        header = {"Content-Type": "text/csv"}
        answer = server.client.post("/invocations", content=table, headers=header)
        assert answer.status_code == 413 and "at most 2048" in answer.json()["message"]


@pytest.mark.parametrize("body", [b"", b"{", b'{"inputs": [NaN]}', b"\xff\xfe", b"[" * 5000])
def test_what_is_no_json_is_400(one: Live, body: bytes) -> None:
    for path in ("/predict", "/invocations", "/feedback"):
        answer = one.client.post(path, content=body, headers=JSON)
        assert answer.status_code == 400
        if body != b'{"inputs": [NaN]}' or path != "/invocations":  # MLflow's NaN is a null
            assert "not JSON" in answer.text


def test_other_methods_and_paths_are_told_the_routes(one: Live) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = one.client.request(method, "/predict")
        assert answer.status_code == 405 and answer.headers["allow"] == "POST"
        assert "/predict" in answer.json()["error"]
    assert one.client.get("/predictions").status_code == 404


def test_a_large_body_is_refused_while_it_arrives(one: Live) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 1_000_000

    for path in ("/predict", "/feedback"):
        answer = one.client.post(path, content=endless(), headers=JSON)
        assert answer.status_code == 413 and "20000 bytes" in answer.json()["error"]
    assert one.predict().status_code == 200


def test_too_many_rows_name_the_limit(tmp_path: Path) -> None:
    with live(tmp_path) as server:
        answer = server.predict(*[ROW] * 10_000)
        assert answer.status_code == 413 and "at most 2048" in answer.json()["error"]
        answer = server.predict(*[ROW] * 2048)
        assert answer.status_code == 200 and len(answer.json()["outputs"]) == 2048
        assert max(server.served.follower.current.champion.predictor.batches) <= 64  # type: ignore[attr-defined]


def test_a_full_queue_is_429_and_empties(tmp_path: Path) -> None:
    statuses: list[int] = []

    def ask(_: int) -> httpx.Response:
        answer = server.predict()
        statuses.append(answer.status_code)
        return answer

    slow = Lengths(
        before=lambda rows: wait_until("four refusals", lambda: statuses.count(429) == 4)
    )
    with live(tmp_path, slow, queue_rows=2) as server:
        answers = together(6, ask)
        assert sorted(statuses) == [200] * 2 + [429] * 4
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.headers["retry-after"] == "1" and "full" in refused.json()["error"]
        assert server.predict().status_code == 200


def test_an_answer_that_takes_too_long_is_503_and_later_ones_come(tmp_path: Path) -> None:
    go_on = Event()
    slow = Lengths(before=lambda rows: None if rows[0]["n"] == 0 else go_on.wait(PATIENCE))
    with live(tmp_path, slow, timeout=0.5) as server:
        answer = server.predict()
        assert answer.status_code == 503 and "within 0.5 seconds" in answer.json()["error"]
        assert answer.headers["retry-after"] == "1"
        go_on.set()
        wait_until("an answer in time", lambda: server.predict({**ROW, "n": 0}).status_code == 200)


def test_a_failing_row_does_not_spoil_its_neighbours(tmp_path: Path) -> None:
    def refuse(rows: Sequence[Input]) -> None:
        time.sleep(0.1)
        if any(row["n"] == 13 for row in rows):
            raise ZeroDivisionError("thirteen")

    with live(tmp_path, Lengths(before=refuse)) as server:
        server.predict()
        answers = together(9, lambda n: server.predict({**ROW, "n": 13 if n == 4 else n}))
        assert [a.status_code for a in answers] == [503 if n == 4 else 200 for n in range(9)]
        assert "version 1 failed: ZeroDivisionError: thirteen" in answers[4].json()["error"]
        [number] = answers[4].json()["ids"]
        assert "thirteen" in str(log.find(server.state, number).error)


class Odd:
    """Breaks the protocol in a way that the row names."""

    def predict(self, rows: Sequence[Input]) -> list[Output]:
        what = rows[0]["text"]
        if what == "too few outputs":
            return []
        if what == "no LLM there":
            raise LLMUnavailable("the LLM is away")
        return [{"label": object() if what == "not JSON" else float("nan")} for _ in rows]


@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        ("too few outputs", 503, "gave 0 outputs for 1 row"),
        ("no LLM there", 503, "the LLM is away"),
        ("not JSON", 503, "not JSON serializable"),
        ("not a number", 200, ""),
    ],
)
def test_an_app_that_breaks_its_protocol_is_named(
    tmp_path: Path, text: str, status: int, reason: str
) -> None:
    with live(tmp_path, Odd()) as server:
        answer = server.predict({**ROW, "text": text})
        assert answer.status_code == status, answer.text
        [kept] = log.predictions(server.state)
        assert reason in answer.json().get("error", "") and reason in (kept.error or "")
        assert kept.id in answer.json()["ids"]


def test_a_token_is_asked_on_all_but_the_health_routes(tmp_path: Path) -> None:
    with live(tmp_path, token="s3cret") as server:
        for path in ("/status", "/metrics", "/openapi.json"):
            assert server.client.get(path).status_code == 401
        refused = server.predict()
        assert refused.status_code == 401 and refused.headers["www-authenticate"] == "Bearer"
        for wrong in ("Bearer s3cre", "Basic s3cret", "s3cret", "Bearer s3crét".encode()):
            headers = {"Authorization": wrong}
            assert server.client.get("/status", headers=headers).status_code == 401  # type: ignore[arg-type]
        assert server.client.get("/healthz").status_code == 200
        assert server.client.get("/readyz").status_code == 200
        for scheme in ("bearer", "BEARER", "Bearer"):
            server.client.headers["Authorization"] = f"{scheme} s3cret"
            assert server.predict().status_code == 200
        assert server.client.get("/status").json()["version"] == 1


HEAD = b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


def raw(server: Live, content: bytes) -> socket.socket:
    host, port = server.address.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=PATIENCE)
    connection.sendall(content)
    return connection


def test_a_client_that_sends_too_slowly_is_408(tmp_path: Path) -> None:
    head = HEAD + b"Content-Length: 1000\r\n\r\n{"
    with live(tmp_path, timeout=0.3) as server, raw(server, head) as connection:
        answer = connection.recv(65536)
        assert answer.startswith(b"HTTP/1.1 408") and b"did not arrive" in answer
        wait_until("an answer in time", lambda: server.predict().status_code == 200)


def test_a_head_that_does_not_end_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedProtocol, "head_seconds", 1.0)
    with live(tmp_path) as server:
        heads = (b"", b"POST /pre", b"POST /predict HTTP/1.1\r\nHost: x\r\nX: y")
        connections = [raw(server, head) for head in heads]
        assert server.predict().status_code == 200
        for connection in connections:
            with connection:
                assert connection.recv(100) == b""
        time.sleep(2.5)
        assert server.predict().status_code == 200, "a connection that waits has no late head"


def test_a_head_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with live(tmp_path) as server, raw(server, b"GET /healthz HTTP/1.1\r\n") as connection:
        connection.sendall(b"X-Long: " + b"x" * 70_000)
        assert connection.recv(1000).startswith(b"HTTP/1.1 400")
        assert server.predict().status_code == 200


def test_a_row_whose_client_went_away_is_logged(tmp_path: Path) -> None:
    body = json.dumps({"inputs": [ROW], "key": "gone"}).encode()
    head = HEAD + b"Content-Length: %d\r\n\r\n" % len(body)
    slow = Lengths(before=lambda rows: time.sleep(0.3))
    with live(tmp_path, slow) as server:
        raw(server, head + body).close()
        raw(server, head + body[:20]).close()
        wait_until("an entry", lambda: log.predictions(server.state))
        assert [one.key for one in log.predictions(server.state)] == ["gone"]
        assert server.predict().status_code == 200


def test_what_is_counted_can_be_scraped(tmp_path: Path) -> None:
    with live(tmp_path) as server:
        server.predict(ROW, ROW)
        server.predict({"text": "x"})
        server.client.get("/nope")
        number = server.predict().json()["ids"][0]
        server.client.post("/feedback", json={"id": number, "score": 1})
        lines = server.client.get("/metrics").text.splitlines()
        for line in (
            'fullturn_requests_total{route="/predict",status="200"} 2.0',
            'fullturn_requests_total{route="/predict",status="422"} 1.0',
            'fullturn_requests_total{route="other",status="404"} 1.0',
            'fullturn_rows_total{arm="champion",version="1"} 4.0',
            'fullturn_row_errors_total{arm="champion",version="1"} 1.0',
            "fullturn_feedback_total 1.0",
            "fullturn_champion_version 1.0",
            "fullturn_log_failed 0.0",
            'fullturn_latency_seconds_bucket{arm="champion",le="+Inf",version="1"} 4.0',
            'fullturn_release_stage{stage="none"} 1.0',
        ):
            assert line in lines, line
