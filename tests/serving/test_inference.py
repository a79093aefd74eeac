"""The open inference protocol: tensors in, tensors out, and its routes for health and metadata."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from fullturn.core.entities import Column, Contract, Input, Output, ReleasePlan
from fullturn.serving import log
from fullturn.serving.deployment import DesiredState, LoadedVersion
from fullturn.serving.inference import datatype
from tests.serving.live import Lengths, Live, Versions, live
from tests.waiting import wait_until

CONTRACT = Contract(
    columns=(
        Column("text", max_length=100),
        Column("n", "number", minimum=0),
        Column("old", "boolean", required=False),
        Column("since", "date", required=False),
        Column("more", "json", required=False),
        Column("label", "category", "label"),
    ),
    key=("text",),
)
INFER = "/v2/models/lengths/infer"


class Kinds:
    """Answers with a field of each kind."""

    def predict(self, rows: Sequence[Input]) -> list[Output]:
        return [
            {"label": row["text"], "value": row["n"] / 2, "count": len(row["text"]),
             "long": len(row["text"]) > 3, "seen": dict(row)}
            for row in rows
        ]  # fmt: skip


class Registry(Versions):
    def load(self, version: int) -> LoadedVersion:
        example = {"label": "a", "value": 0.5, "sure": True, "parts": [1]}
        return replace(super().load(version), example=example)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("state")
    with live(folder, registry=Registry(v3=Kinds()), contract=CONTRACT) as server:
        yield server


def tensor(name: str, datatype: str, *data: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "shape": [len(data)], "datatype": datatype, "data": list(data), **more}


TEXT, NUMBER = tensor("text", "BYTES", "hello", "you"), tensor("n", "FP64", 1.5, 4)


def infer(server: Live, *inputs: Any, **fields: Any) -> httpx.Response:
    return server.client.post(INFER, json={"inputs": list(inputs) or [TEXT, NUMBER], **fields})


def outputs(answer: httpx.Response) -> dict[str, dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    return {one["name"]: one for one in answer.json()["outputs"]}


def test_rows_of_tensors_get_a_tensor_for_each_field(one: Live) -> None:
    answer = infer(one, id="42", parameters={"key": "anna"})
    body, found = answer.json(), outputs(answer)
    assert (body["model_name"], body["model_version"], body["id"]) == ("lengths", "3", "42")
    assert found["label"] == tensor("label", "BYTES", "hello", "you")
    assert found["value"] == tensor("value", "FP64", 0.75, 2.0)
    assert found["count"] == tensor("count", "INT64", 5, 3)
    assert found["long"] == tensor("long", "BOOL", True, False)
    assert found["seen"]["datatype"] == "BYTES" and '"n":4.0' in found["seen"]["data"][1]
    for number, text in zip(found["prediction_id"]["data"], ("hello", "you"), strict=True):
        kept = log.find(one.state, number)
        assert (kept.key, kept.input["text"], kept.input["old"]) == ("anna", text, None)


def test_every_datatype_reaches_its_column(one: Live) -> None:
    old, since = tensor("old", "BOOL", True, False), tensor("since", "BYTES", "2024-05-01", None)
    more = tensor("more", "BYTES", '{"a": [1]}', None)
    whole = {**NUMBER, "datatype": "INT32", "data": [[1], [2]], "shape": [2, 1]}
    found = outputs(infer(one, TEXT, whole, old, since, more))
    seen = log.find(one.state, found["prediction_id"]["data"][0]).input
    assert seen == {"text": "hello", "n": 1.0, "old": "true", "since": "2024-05-01",
                    "more": {"a": [1]}}  # fmt: skip


def test_only_the_outputs_that_are_wanted_come(one: Live) -> None:
    answer = infer(one, outputs=[{"name": "count"}, {"name": "label"}])
    assert [output["name"] for output in answer.json()["outputs"]] == ["count", "label"]
    answer = infer(one, outputs=[{"name": "labels"}])
    assert answer.status_code == 400 and "did you mean 'label'?" in answer.json()["error"]


def test_tensors_of_unknown_columns_are_ignored_and_counted(one: Live) -> None:
    answer = infer(one, TEXT, NUMBER, tensor("x", "FP32", 1, 2))
    assert answer.json()["parameters"] == {"arm": "champion", "extended_rows": 2}


REFUSED = {
    "no inputs": ({}, "inputs = None"),
    "no list": ({"inputs": {"text": ["a"]}}, "send a list of tensors"),
    "no name": ({"inputs": [{"shape": [1]}]}, "send name, shape, datatype and data"),
    "twice": ({"inputs": [TEXT, TEXT]}, "two inputs are called 'text'"),
    "shape": ({"inputs": [{**TEXT, "shape": [1, 2]}]}, "send [rows] or [rows, 1]"),
    "no shape": ({"inputs": [{**TEXT, "shape": []}]}, "send [rows] or [rows, 1]"),
    "datatype": ({"inputs": [{**TEXT, "datatype": "STRING"}]}, "'STRING'; send one of INT8"),
    "no data": ({"inputs": [{**TEXT, "data": None}]}, "data of 'text' is None; send a list"),
    "bytes that do not follow": (
        {"inputs": [{**TEXT, "data": None, "parameters": {"binary_data_size": 13}}]},
        "binary_data_size of 'text' is 13, and 0 bytes follow; send Inference-Header-",
    ),
    "too few": ({"inputs": [{**TEXT, "shape": [3]}]}, "has 2 cells, and shape [3]"),
    "wrong cell": ({"inputs": [{**TEXT, "data": ["a", 1]}]}, "contains 1, which is not BYTES"),
    "truth as number": ({"inputs": [{**NUMBER, "data": [1, True]}]}, "True, which is not FP64"),
    "uneven": ({"inputs": [TEXT, tensor("n", "FP64", 1)]}, "not equally long"),
    "no rows": ({"inputs": [tensor("text", "BYTES")]}, "contain no row"),
    "id": ({"inputs": [TEXT, NUMBER], "id": 7}, "id = 7"),
    "outputs": ({"inputs": [TEXT, NUMBER], "outputs": ["label"]}, "a list of objects"),
    "contract": ({"inputs": [TEXT, tensor("n", "FP64", 1, -1)]}, "row 2 of 2: 'n' is -1"),
    "missing": ({"inputs": [NUMBER]}, "a row lacks 'text'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_request_of_another_form_is_400_with_what_to_send(one: Live, case: str) -> None:
    body, reason = REFUSED[case]
    answer = one.client.post(INFER, json=body)
    assert answer.status_code == 400, answer.text
    assert reason in answer.json()["error"]


def test_health_and_metadata_are_as_the_protocol_says(one: Live) -> None:
    get = lambda path: one.client.get(path).json()  # noqa: E731
    assert get("/v2")["name"] == "fullturn" and get("/v2")["extensions"] == ["binary_tensor_data"]
    assert get("/v2/health/live") == {"live": True} and get("/v2/health/ready") == {"ready": True}
    assert get("/v2/models/lengths/ready") == {"name": "lengths", "ready": True}
    found = get("/v2/models/lengths")
    assert (found["name"], found["versions"], found["platform"]) == ("lengths", ["3"], "fullturn")
    assert found == get("/v2/models/lengths/versions/3")
    inputs = {one["name"]: (one["datatype"], one["shape"]) for one in found["inputs"]}
    assert inputs == {"text": ("BYTES", [-1]), "n": ("FP64", [-1]), "old": ("BOOL", [-1]),
                      "since": ("BYTES", [-1]), "more": ("BYTES", [-1])}  # fmt: skip
    kinds = {one["name"]: one["datatype"] for one in found["outputs"]}
    assert kinds == {"label": "BYTES", "value": "FP64", "sure": "BOOL", "parts": "BYTES",
                     "prediction_id": "BYTES"}  # fmt: skip


def test_other_models_and_versions_are_404(one: Live) -> None:
    for path in ("/v2/models/other", "/v2/models/lengths/versions/2", "/v2/models/other/ready"):
        answer = one.client.get(path)
        assert answer.status_code == 404 and "error" in answer.json()
    body = {"inputs": [TEXT, NUMBER]}
    assert one.client.post("/v2/models/other/infer", json=body).status_code == 404
    assert one.client.post("/v2/models/lengths/versions/2/infer", json=body).status_code == 404
    assert one.client.post("/v2/models/lengths/versions/3/infer", json=body).status_code == 200


def test_requests_are_counted_by_route_not_by_path(one: Live) -> None:
    infer(one)
    one.client.get("/v2/models/a-name-from-outside")
    text = one.client.get("/metrics").text
    assert 'route="/v2/models/lengths/infer",status="200"' in text
    assert 'route="/v2/models/{model}",status="404"' in text and "a-name-from-outside" not in text


def test_who_names_the_champions_version_gets_it_during_a_canary(tmp_path: Path) -> None:
    plan = ReleasePlan("run", "canary", 2, 0.5, "salt", time.time() + 60)
    registry = Versions(v1=Lengths(1), v2=Lengths(2))
    registry.wanted = DesiredState(1, plan)
    row = [tensor("text", "BYTES", "hello"), tensor("n", "FP64", 1)]
    with live(tmp_path, registry=registry) as server:
        wait_until("the canary", lambda: server.served.follower.current.candidate)

        def versions(path: str) -> set[str]:
            answers = (server.client.post(path, json={"inputs": row}) for _ in range(40))
            return {answer.json()["model_version"] for answer in answers}

        assert versions(INFER) == {"1", "2"}
        assert versions("/v2/models/lengths/versions/1/infer") == {"1"}


def texts(*cells: str) -> bytes:
    encoded = [cell.encode() for cell in cells]
    return b"".join(len(cell).to_bytes(4, "little") + cell for cell in encoded)


def infer_bytes(
    server: Live, *given: tuple[dict[str, Any], bytes], rest: bytes = b"", **fields: Any
) -> httpx.Response:
    """As Triton's client sends it: no Content-Type, bytes after the JSON."""
    inputs = [
        {name: value for name, value in one.items() if name != "data"}
        | {"parameters": {"binary_data_size": len(content)}}
        for one, content in given
    ]
    head = json.dumps({"inputs": inputs, **fields}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    body = head + b"".join(content for _, content in given) + rest
    return server.client.post(INFER, content=body, headers=headers)


NAMES, NUMBERS = texts("hello", "yöu"), struct.pack("<2d", 1.5, 4)


def test_tensors_as_bytes_are_answered_as_those_in_json(one: Live) -> None:
    answer = infer_bytes(one, (TEXT, NAMES), (NUMBER, NUMBERS), parameters={"key": "anna"})
    found = outputs(answer)
    assert found["label"]["data"] == ["hello", "yöu"] and found["value"]["data"] == [0.75, 2.0]
    assert log.find(one.state, found["prediction_id"]["data"][1]).key == "anna"


@pytest.mark.parametrize(
    ("datatype", "content", "cells"),
    [
        ("FP32", struct.pack("<2f", 1.5, 4), [1.5, 4]),
        ("FP16", struct.pack("<2e", 1.5, 4), [1.5, 4]),
        ("BF16", bytes.fromhex("c03f8040"), [1.5, 4]),
        ("INT8", b"\x01\x04", [1, 4]),
        ("INT64", struct.pack("<2q", 1, 4), [1, 4]),
        ("UINT16", struct.pack("<2H", 1, 4), [1, 4]),
    ],
)
def test_numbers_as_bytes_are_read(
    one: Live, datatype: str, content: bytes, cells: list[float]
) -> None:
    found = outputs(infer_bytes(one, (TEXT, NAMES), ({**NUMBER, "datatype": datatype}, content)))
    assert found["value"]["data"] == [cell / 2 for cell in cells]


def test_outputs_come_as_bytes_if_that_is_wanted(one: Live) -> None:
    wanted = [{"name": "label", "parameters": {"binary_data": False}}, {"name": "value"},
              {"name": "count"}, {"name": "long"}, {"name": "seen"}]  # fmt: skip
    fields = {"parameters": {"binary_data_output": True}, "outputs": wanted}
    answer = infer_bytes(one, (TEXT, NAMES), (NUMBER, NUMBERS), **fields)
    assert answer.headers["content-type"] == "application/octet-stream"
    length = int(answer.headers["inference-header-content-length"])
    found = {one["name"]: one for one in json.loads(answer.content[:length])["outputs"]}
    assert found["label"]["data"] == ["hello", "yöu"] and "data" not in found["value"]
    rest = struct.pack("<2d", 0.75, 2) + struct.pack("<2q", 5, 3) + b"\x01\x00"
    assert answer.content[length:].startswith(rest)
    sizes = [found[name]["parameters"]["binary_data_size"] for name in ("value", "count", "long")]
    assert sizes == [16, 16, 2]
    assert struct.unpack_from("<I", answer.content, length + len(rest))[0] > 20


def test_nan_as_bytes_is_a_missing_value(one: Live) -> None:
    nan = struct.pack("<2d", 1, float("nan"))
    answer = infer_bytes(one, (TEXT, NAMES), (NUMBER, nan))
    assert answer.status_code == 400 and "row 2 of 2: 'n' is empty" in answer.json()["error"]


@pytest.mark.parametrize(
    ("given", "rest", "reason"),
    [
        ((TEXT, NAMES[:-1]), b"", "the bytes of 'text' are not 'BYTES': a text of 4 bytes, and 3"),
        ((TEXT, b"\x02\x00"), b"", "the bytes of 'text' are not 'BYTES'"),
        ((TEXT, texts("a") + b"\x01\0\0\0\xff"), b"", "the bytes of 'text' are not 'BYTES'"),
        ((TEXT, NAMES), b"more", "4 bytes after the JSON belong to no tensor"),
        ((NUMBER, NUMBERS[:-1]), b"", "the bytes of 'n' are not 'FP64'"),
        ((NUMBER, NUMBERS[:8]), b"", "'n' has 1 cells, and shape [2]"),
    ],
)
def test_bytes_that_are_no_tensor_are_refused(
    one: Live, given: tuple[dict[str, Any], bytes], rest: bytes, reason: str
) -> None:
    answer = infer_bytes(one, given, rest=rest)
    assert answer.status_code == 400 and reason in answer.json()["error"], answer.text


@pytest.mark.parametrize("length", ["-1", "0", "many", "9" * 30, "1000000"])
def test_a_wrong_length_of_the_json_is_refused(one: Live, length: str) -> None:
    headers = {"Inference-Header-Content-Length": length}
    answer = one.client.post(INFER, json={"inputs": [TEXT, NUMBER]}, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("Inference-Header-Content-Length is ")


def test_no_page_of_a_stranger_asks_without_a_content_type(one: Live) -> None:
    body = json.dumps({"inputs": [TEXT, NUMBER]}).encode()
    assert one.client.post(INFER, content=body).status_code == 200
    for origin in ("null", "https://evil.example"):
        answer = one.client.post(INFER, content=body, headers={"Origin": origin})
        assert answer.status_code == 403
    plain = one.client.post(INFER, content=body, headers={"Content-Type": "text/plain"})
    assert plain.status_code == 415


def test_a_compressed_body_is_refused_by_name(one: Live) -> None:
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    for path in (INFER, "/predict"):
        answer = one.client.post(path, content=b"\x1f\x8b", headers=headers)
        assert answer.status_code == 415
        assert answer.json()["error"] == "Content-Encoding is 'gzip'; send the body as it is"


def test_an_output_of_several_kinds_is_text() -> None:
    assert datatype([1, 2.5]) == "FP64" and datatype([True, 1]) == "BYTES"
    assert datatype([None, 1]) == datatype([]) == datatype(["a", 1]) == "BYTES"
