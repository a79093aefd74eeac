"""Traces reach a collector as its environment variables say, once it is there, without secrets."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from fullturn.core import redaction
from fullturn.core.errors import CouldNotEvaluate, SettingsError
from fullturn.tracking import otlp
from fullturn.tracking.otlp import Collector, CollectorSink, CollectorSpool, collector
from fullturn.tracking.traces import encode, traced
from tests.conftest import free_port
from tests.tracking.collector import collecting
from tests.waiting import wait_until

BASE = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318/"}
OUTPUT = {"answer": "It is.", "citations": ["7"], "prompt_tokens": 90, "completion_tokens": 4}


def a_trace(number: int = 1, **inputs: str):  # type: ignore[no-untyped-def]
    asked = {"question": "why?", **inputs}
    return traced(asked, OUTPUT, 0.5, {"fullturn.version": "3"}, "run", f"{number:032x}")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, Collector("http://127.0.0.1:4318/v1/traces", {}, {"service.name": "bot"})),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://a/b"},
         Collector("http://a/b", {}, {"service.name": "bot"})),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "a=1, b%20c=x%3Dy", "OTEL_SERVICE_NAME": "shop",
          "OTEL_RESOURCE_ATTRIBUTES": "env=prod,service.name=no",
          "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"},
         Collector("http://127.0.0.1:4318/v1/traces", {"a": "1", "b c": "x=y"},
                   {"service.name": "shop", "env": "prod"}, is_compressed=True)),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
          "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"},
         Collector("http://127.0.0.1:4318/v1/traces", {}, {"service.name": "bot"})),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "2500", "OTEL_EXPORTER_OTLP_CERTIFICATE": "ca.pem",
          "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE": "me.pem",
          "OTEL_EXPORTER_OTLP_CLIENT_KEY": "me.key"},
         Collector("http://127.0.0.1:4318/v1/traces", {}, {"service.name": "bot"}, timeout=2.5,
                   certificate="ca.pem", client=("me.pem", "me.key"))),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "soon"},
         Collector("http://127.0.0.1:4318/v1/traces", {}, {"service.name": "bot"})),
        ({"OTEL_SDK_DISABLED": "true"}, None),
        ({"OTEL_TRACES_EXPORTER": "none"}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, None),
    ],
)  # fmt: skip
def test_the_usual_variables_decide(more: dict[str, str], expected: Collector | None) -> None:
    assert collector({**BASE, **more}, "bot") == expected


def test_another_protocol_is_named() -> None:
    with pytest.raises(SettingsError, match="is 'grpc', and traces are sent by http/protobuf"):
        collector({**BASE, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "bot")


def test_a_trace_has_its_steps_tokens_and_resource(tmp_path: Path) -> None:
    with collecting() as received:
        target = Collector(f"{received.url}/v1/traces", {"x-team": "ml"}, {"env": "prod"}, True)
        CollectorSink(target)([encode(a_trace(1)), encode(a_trace(2))])
    [(path, headers, _)] = received.requests
    assert (path, headers["content-type"]) == ("/v1/traces", "application/x-protobuf")
    assert (headers["x-team"], headers["content-encoding"]) == ("ml", "gzip")
    assert received.ids == {f"{1:032x}", f"{2:032x}"}
    whole, retrieve, complete = received.spans[:3]
    assert [span.name for span in (whole, retrieve, complete)] == ["answer", "retrieve", "complete"]
    assert retrieve.parent_span_id == complete.parent_span_id == whole.span_id
    assert not whole.parent_span_id and len(whole.span_id) == 8
    assert whole.end_time_unix_nano - whole.start_time_unix_nano == 500_000_000
    values = {one.key: one.value for one in whole.attributes}
    assert values["fullturn.version"].string_value == "3"
    assert json.loads(values["mlflow.spanInputs"].string_value) == {"question": "why?"}
    tokens = {one.key: one.value.int_value for one in complete.attributes}
    assert tokens["gen_ai.usage.input_tokens"] == 90
    assert tokens["gen_ai.usage.output_tokens"] == 4


def test_a_failure_is_a_span_with_the_status_of_an_error() -> None:
    failed = traced({"question": "why?"}, {}, 0.5, {}, "run", f"{7:032x}", error="version 3 failed")
    with collecting() as received:
        CollectorSink(Collector(received.url))([encode(failed), encode(a_trace())])
    statuses = [(span.status.code, span.status.message) for span in received.spans[:2]]
    assert statuses == [(2, "version 3 failed"), (1, "")]


def test_an_authority_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    target = Collector("https://127.0.0.1:1/v1/traces", certificate=str(tmp_path / "ca.pem"))
    with pytest.raises(CouldNotEvaluate, match="collector https://127.0.0.1:1.*No such file"):
        CollectorSink(target)([])


def test_no_secret_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_noted", "_compiled"):  # what this test masks, the next one may show
        known = getattr(redaction, name)
        monkeypatch.setattr(redaction, name, type(known)(known))
    headers = {**BASE, "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20a-secret-of-collector"}
    found = collector(headers, "bot")
    assert found
    body = otlp.request([a_trace(token="Bearer a-secret-of-collector")], found.resource)
    assert b"a-secret-of-collector" not in body
    with pytest.raises(CouldNotEvaluate) as raised:
        CollectorSink(Collector(f"http://127.0.0.1:{free_port()}/a-secret-of-collector"))([])
    assert "is unreachable" in str(raised.value) and "a-secret-of" not in str(raised.value)


def test_traces_wait_until_the_collector_takes_them(tmp_path: Path) -> None:
    port = free_port()
    target = Collector(f"http://127.0.0.1:{port}/v1/traces")
    with CollectorSpool(tmp_path / "otlp", target) as spool:
        spool.append_traces([a_trace(1)])
        with collecting(port) as received:
            received.statuses[:] = [503, 429]
            spool.append_traces([a_trace(2)])
            wait_until("both traces", lambda: len(received.ids) == 2)
    assert not (tmp_path / "otlp").exists()


def test_what_a_collector_refuses_is_lost_and_said(caplog: pytest.LogCaptureFixture) -> None:
    with collecting() as received, caplog.at_level(logging.WARNING):
        received.statuses[:] = [400]
        CollectorSink(Collector(received.url))([encode(a_trace())])
        CollectorSink(Collector(received.url))([encode(a_trace(2))])
        assert received.ids == {f"{2:032x}"}
    assert "refuses 1 traces (400); they are lost" in caplog.text


def test_traces_beyond_the_limit_are_dropped_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(otlp, "LARGEST", 10_000)
    target = Collector(f"http://127.0.0.1:{free_port()}/v1/traces")
    spool = CollectorSpool(tmp_path / "otlp", target)
    for number in range(100):
        spool.append_traces([a_trace(number)])
    assert 50 < spool.dropped < 100 and caplog.text.count("traces are dropped") == 1
