"""Traces for any OpenTelemetry collector, beside those in MLflow: OTLP over HTTP, in protobuf.

The usual environment variables decide (https://opentelemetry.io/docs/specs/otel/protocol/exporter):
OTEL_EXPORTER_OTLP_ENDPOINT or …_TRACES_ENDPOINT, …_HEADERS, …_PROTOCOL, …_COMPRESSION, …_TIMEOUT,
…_CERTIFICATE, …_CLIENT_CERTIFICATE, …_CLIENT_KEY, OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES,
OTEL_TRACES_EXPORTER, OTEL_SDK_DISABLED. The id of a trace is that of its prediction. Traces wait in
a journal while the collector is away; secrets are masked.
"""

from __future__ import annotations

import gzip
import json
import logging
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from fullturn.core import proxies, redaction
from fullturn.core.errors import CouldNotEvaluate, SettingsError
from fullturn.core.journal import Drain
from fullturn.core.records import Span, Traced
from fullturn.core.redaction import redacted, redacted_tags, redacted_values
from fullturn.tracking.traces import Spool, decode

if TYPE_CHECKING:
    from opentelemetry.proto.trace.v1 import trace_pb2

PROTOCOL = "http/protobuf"
LARGEST = 2**26
"""Bytes of traces that may wait for the collector; further ones are dropped."""
_BATCH = 200
SECONDS = 10.0
_LATER = frozenset({429, 502, 503, 504})
"""Statuses after which a batch is sent again; others mean that it never will be taken."""
_log = logging.getLogger("fullturn.serving")


@dataclass(frozen=True, slots=True)
class Collector:
    """Where traces go."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    resource: Mapping[str, str] = field(default_factory=dict)
    is_compressed: bool = False
    timeout: float = SECONDS
    """Seconds for a request."""
    certificate: str = ""
    """File of the authorities that vouch for the collector; empty for the usual ones."""
    client: tuple[str, str] = ("", "")
    """Files of the certificate and the key by which the collector recognises its clients."""

    @property
    def verify(self) -> ssl.SSLContext | bool:
        """What TLS connections are checked with.

        Raises:
            OSError: a file cannot be read.
        """
        certificate, key = self.client
        if not self.certificate and not certificate:
            return True
        context = ssl.create_default_context(cafile=self.certificate or None)
        if certificate:
            context.load_cert_chain(certificate, key or None)
        return context


def collector(environment: Mapping[str, str], name: str) -> Collector | None:
    """What the environment asks for; None if it names no collector. `name` is the service's.

    Raises:
        SettingsError: it asks for another protocol than `http/protobuf`.
    """

    def of(part: str) -> str:
        both = (f"OTEL_EXPORTER_OTLP_TRACES_{part}", f"OTEL_EXPORTER_OTLP_{part}")
        return next((found for one in both if (found := environment.get(one, "").strip())), "")

    is_off = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    exporters = environment.get("OTEL_TRACES_EXPORTER", "otlp").split(",")
    url = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").strip()
    base = environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip()
    if is_off or "otlp" not in [one.strip() for one in exporters] or not (url or base):
        return None
    if of("PROTOCOL") not in ("", PROTOCOL):
        raise SettingsError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL is '{of('PROTOCOL')}', and traces are sent by {PROTOCOL} "
            "only: set it to that, and the endpoint to the collector's HTTP port, often 4318"
        )
    headers = _pairs(of("HEADERS"))
    for value in headers.values():
        redaction.note(value)
        redaction.note(value.rpartition(" ")[2])  # without "Bearer"
    resource = {"service.name": name, **_pairs(environment.get("OTEL_RESOURCE_ATTRIBUTES", ""))}
    if service := environment.get("OTEL_SERVICE_NAME"):
        resource["service.name"] = service
    whole = url or f"{base.rstrip('/')}/v1/traces"
    return Collector(
        whole,
        headers,
        resource,
        of("COMPRESSION").lower() == "gzip",
        _seconds(of("TIMEOUT")),
        of("CERTIFICATE"),
        (of("CLIENT_CERTIFICATE"), of("CLIENT_KEY")),
    )


def _seconds(text: str) -> float:
    """Of a number of milliseconds; what is none means the default, as the specification says."""
    return int(text) / 1000 if text.isdecimal() and int(text) else SECONDS


def _pairs(text: str) -> dict[str, str]:
    """`a=1,b=2`, with escapes as in a URL."""
    parts = (part.partition("=") for part in text.split(",") if "=" in part)
    return {unquote(name.strip()): unquote(value.strip()) for name, _, value in parts}


class CollectorSpool(Spool):
    """Traces on their way to a collector."""

    def __init__(self, path: Path, target: Collector) -> None:
        drain = Drain(path, CollectorSink(target), batch=_BATCH, retries=2**31)
        super().__init__(path, drain, seconds=5, private=True)
        self._path = path
        self.dropped = 0
        """Traces that found no room."""

    def append_traces(self, traces: Iterable[Traced]) -> None:
        """Add these traces, unless too many wait already."""
        found = list(traces)
        if self._waiting_bytes() > LARGEST:
            self.dropped += len(found)
            if self.dropped == len(found):
                _log.warning("traces are dropped: the collector has not taken any for too long")
            return
        super().append_traces(found)

    def _waiting_bytes(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:  # all was delivered, and a new journal begins
            return 0


@dataclass(frozen=True, slots=True)
class CollectorSink:
    """The receiving end: sends a batch in one request."""

    target: Collector

    def __call__(self, payloads: Sequence[bytes]) -> None:
        """Send these traces.

        Raises:
            CouldNotEvaluate: the collector is away, or asks to be sent them later.
        """
        import httpx

        target = self.target
        body = request([decode(payload) for payload in payloads], target.resource)
        headers = {"content-type": "application/x-protobuf", **target.headers}
        if target.is_compressed:
            body, headers["content-encoding"] = gzip.compress(body), "gzip"
        try:
            options = {"timeout": target.timeout, "verify": target.verify}
            with proxies.client(target.url, **options) as client:
                status = client.post(target.url, content=body, headers=headers).status_code
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise CouldNotEvaluate(f"the collector {target.url} is unreachable: {error}") from None
        if status in _LATER:
            raise CouldNotEvaluate(f"the collector {target.url} answers {status}; sent again later")
        if status >= 300:
            shown, count = redacted(target.url), len(payloads)
            _log.warning("the collector %s refuses %d traces (%d); they are lost", shown, count,
                         status)  # fmt: skip


def request(traces: Sequence[Traced], resource: Mapping[str, str]) -> bytes:
    """An ExportTraceServiceRequest: https://github.com/open-telemetry/opentelemetry-proto"""
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

    found = trace_service_pb2.ExportTraceServiceRequest()
    spans = found.resource_spans.add()
    _set(spans.resource.attributes, resource)
    scope = spans.scope_spans.add()
    scope.scope.name, scope.scope.version = "fullturn", version("fullturn")
    for one in traces:
        for number, step in enumerate(one.spans):
            _write(scope.spans.add(), one, number, step)
    return bytes(found.SerializeToString())


def _write(span: trace_pb2.Span, trace: Traced, number: int, step: Span) -> None:
    """A span; its attributes are those that MLflow reads, too."""
    span.trace_id, span.span_id = bytes.fromhex(trace.id), (number + 1).to_bytes(8)
    span.name = step.name
    span.start_time_unix_nano, span.end_time_unix_nano = step.start, step.end
    span.kind = span.SPAN_KIND_INTERNAL if number else span.SPAN_KIND_SERVER
    span.status.code = span.status.STATUS_CODE_ERROR if step.error else span.status.STATUS_CODE_OK
    span.status.message = redacted(step.error)
    attributes: dict[str, Any] = {
        "mlflow.spanType": json.dumps(step.kind),
        "mlflow.spanInputs": json.dumps(redacted_values(step.inputs), default=str),
        "mlflow.spanOutputs": json.dumps(redacted_values(step.outputs), default=str),
    }
    if number:
        span.parent_span_id = (1).to_bytes(8)
    else:
        attributes |= redacted_tags(trace.tags)
    if step.kind == "LLM":
        attributes |= _usage(step)
    _set(span.attributes, attributes)


def _usage(step: Span) -> dict[str, int]:
    """https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/"""
    names = {"prompt_tokens": "gen_ai.usage.input_tokens",
             "completion_tokens": "gen_ai.usage.output_tokens"}  # fmt: skip
    counts = {names[name]: step.outputs.get(name) for name in names}
    return {name: int(count) for name, count in counts.items() if isinstance(count, int | float)}


def _set(attributes: Any, values: Mapping[str, str | int]) -> None:
    for name, value in values.items():
        one = attributes.add()
        one.key = name
        if isinstance(value, int):
            one.value.int_value = value
        else:
            one.value.string_value = value
