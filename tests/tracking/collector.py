"""A collector of OpenTelemetry traces, on this machine."""

from __future__ import annotations

import gzip
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass
class Received:
    """What came."""

    url: str
    statuses: list[int] = field(default_factory=list)
    """What the next requests are answered with; 200 once there are none."""
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    """Path, headers and body."""

    @property
    def spans(self) -> list[Any]:
        """All spans, in order."""
        parsed = [ExportTraceServiceRequest.FromString(body) for _, _, body in self.requests]
        return [
            span
            for one in parsed
            for of_resource in one.resource_spans
            for of_scope in of_resource.scope_spans
            for span in of_scope.spans
        ]

    @property
    def ids(self) -> set[str]:
        """Of the traces."""
        return {span.trace_id.hex() for span in self.spans}


@contextmanager
def collecting(port: int = 0) -> Iterator[Received]:
    """Collect for the length of a `with` block."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            status = received.statuses.pop(0) if received.statuses else 200
            if status == 200:
                headers = {name.lower(): value for name, value in self.headers.items()}
                received.requests.append((self.path, headers, body))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Not in the tests' output."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        received = Received(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield received
        finally:
            server.shutdown()
