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
from tests.serving.live import Live, live

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
@pytest.mark.parametrize("path", ["/predict", "/invocations", "/feedback"])
@pytest.mark.parametrize("mode", GenerationMode)
def test_requests_of_any_kind_get_a_documented_answer(
    rows: Live, path: str, mode: GenerationMode, data: Any
) -> None:
    hold(data.draw(operations(rows)[path].as_strategy(generation_mode=mode)))


@pytest.mark.parametrize(
    "path", ["/status", "/version", "/metrics", "/healthz", "/readyz", "/ping"]
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


def test_a_key_beyond_64_bits_is_no_key_as_described(rows: Live) -> None:
    asked = {"inputs": [{"kind": None, "more": None, "n": 1.0, "text": "0"}]}
    assert rows.client.post("/predict", json={**asked, "key": 7.0}).status_code == 200
    answer = rows.client.post("/predict", json={**asked, "key": 2**64})
    assert answer.status_code == 422
    assert "a whole number of 64 bits" in answer.text
