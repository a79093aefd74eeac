"""The surface keeps what its own description promises, whatever is sent to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy  # noqa: F401  hypothesis looks into it as soon as the server has half imported it
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from tests.serving import test_chat
from tests.serving.live import ROW, Live, live

pytestmark = pytest.mark.slow

CHECKS = (
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.status_code_conformance,
    checks.unsupported_method,
)
FUZZ = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server of rows."""
    with live(tmp_path_factory.mktemp("rows")) as server:
        yield server


@pytest.fixture(scope="module")
def chats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server of an assistant."""
    folder, contract = tmp_path_factory.mktemp("chats"), test_chat.CONTRACT
    with live(
        folder, test_chat.Echo(), contract=contract, text_of=lambda o: str(o.get("answer"))
    ) as server:
        yield server


def operations(server: Live) -> dict[str, Any]:
    schema = schemathesis.openapi.from_url(f"{server.address}/openapi.json")
    return {found.ok().path: found.ok() for found in schema.get_all_operations()}


def hold(case: Any) -> Any:
    answer = case.call()
    assert answer.status_code < 500 or answer.status_code == 503, answer.text
    case.validate_response(answer, checks=CHECKS)
    return answer


@FUZZ
@given(data=st.data())
@pytest.mark.parametrize(
    "path", ["/predict", "/invocations", "/feedback", "/log", "/v2/models/lengths/infer"]
)
@pytest.mark.parametrize("mode", GenerationMode)
def test_requests_of_any_kind_get_a_documented_answer(
    rows: Live, path: str, mode: GenerationMode, data: Any
) -> None:
    hold(data.draw(operations(rows)[path].as_strategy(generation_mode=mode)))


@pytest.mark.parametrize(
    "path",
    [
        "/status",
        "/version",
        "/metrics",
        "/healthz",
        "/readyz",
        "/ping",
        "/v2",
        "/v2/models/lengths",
    ],
)
def test_what_can_be_read_is_as_described(rows: Live, path: str) -> None:
    case = operations(rows)[path].Case()
    assert hold(case).status_code == 200


@FUZZ
@given(data=st.data())
@pytest.mark.parametrize("mode", GenerationMode)
def test_chats_of_any_kind_get_a_documented_answer(
    chats: Live, mode: GenerationMode, data: Any
) -> None:
    operation = operations(chats)["/v1/chat/completions"]
    hold(data.draw(operation.as_strategy(generation_mode=mode)))


@FUZZ
@given(data=st.data())
def test_rows_as_described_are_answered_or_break_the_contract(rows: Live, data: Any) -> None:
    operation = operations(rows)["/predict"]
    answer = hold(data.draw(operation.as_strategy(generation_mode=GenerationMode.POSITIVE)))
    assert answer.status_code in (200, 422)
    assert answer.status_code == 200 or answer.json()["ids"], "the form was as described"


def named(part: Any) -> Iterator[str]:
    """Names of schemas that a part of a document refers to."""
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"].removeprefix("#/components/schemas/")
        part = list(part.values())
    for one in part if isinstance(part, list) else []:
        yield from named(one)


def test_every_schema_has_a_name_and_every_operation_an_id(chats: Live) -> None:
    document = chats.client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert set(named(document)) == set(schemas)
    found = [one for item in document["paths"].values() for one in item.values()]
    ids = [one["operationId"] for one in found]
    assert len(set(ids)) == len(ids) > 15 and all(one.isidentifier() for one in ids)
    for one in found:
        bodies = [one["requestBody"], *one["responses"].values()] if "requestBody" in one else []
        for body in bodies or one["responses"].values():
            for kind, content in body.get("content", {}).items():
                assert kind != "application/json" or list(content["schema"]) == ["$ref"]


def parts(schema: Any) -> Iterator[dict[str, Any]]:
    """A schema and all that it contains."""
    if isinstance(schema, dict):
        yield schema
        schema = list(schema.values())
    for one in schema if isinstance(schema, list) else []:
        yield from parts(one)


def test_clients_can_be_generated_from_every_schema(chats: Live) -> None:
    """openapi-python-client writes wrong code for `const: false` and for several content types
    beside JSON that it knows, and no class for an object that has alternatives; openapi-typescript
    lets nothing into an object of which nothing is said. See scripts/clients.py."""
    document = chats.client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert "const" not in str(schemas) and "octet-stream" not in str(document)
    for schema in schemas.values():
        assert not {"anyOf", "properties"} <= schema.keys()
    for schema in parts(schemas):
        if "object" in (kind := schema.get("type", "")) and isinstance(kind, str | list):
            assert {"properties", "additionalProperties"} & schema.keys(), schema


UNKNOWN = {
    "PredictRequest": ("/predict", lambda r, i: {"inputs": [r], "x": 1}),
    "SplitTable": ("/invocations", lambda r, i: {
        "dataframe_split": {"columns": [*r], "data": [[*r.values()]], "x": 1}}),
    "Feedback": ("/feedback", lambda r, i: {"id": i, "score": 1, "x": 1}),
    "Expected": ("/feedback", lambda r, i: {"id": i, "expected": {"label": "long", "x": 1}}),
    "ExternalPrediction": ("/log", lambda r, i: {"input": r, "output": {}, "x": 1}),
}  # fmt: skip


def test_no_unknown_field_is_accepted_where_the_description_forbids_it(rows: Live) -> None:
    schemas = rows.client.get("/openapi.json").json()["components"]["schemas"]
    closed = {name for name, one in schemas.items() if one.get("additionalProperties") is False}
    assert closed == UNKNOWN.keys()
    number = rows.predict().json()["ids"][0]
    for path, body in UNKNOWN.values():
        answer = rows.client.post(path, json=body(ROW, number))
        assert answer.status_code in (400, 422) and "'x'" in answer.text


def test_a_key_beyond_64_bits_is_no_key_as_described(rows: Live) -> None:
    asked = {"inputs": [{"kind": None, "more": None, "n": 1.0, "text": "0"}]}
    assert rows.client.post("/predict", json={**asked, "key": 7.0}).status_code == 200
    answer = rows.client.post("/predict", json={**asked, "key": 2**64})
    assert answer.status_code == 422
    assert "a whole number of 64 bits" in answer.text
