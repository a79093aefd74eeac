"""uvicorn's connection, with bounds on the head of a request, which uvicorn leaves open.

Without them a client that sends a byte of a header now and then holds its connection for ever, and
one that never ends its headers fills the memory. (The body is bounded in `http`.)
"""

from __future__ import annotations

import asyncio
from math import inf
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024


class BoundedProtocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers are late, or too long."""

    head_seconds: ClassVar[float] = 30.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._head_begun, self._head_bytes = self.loop.time(), 0
        self._looking = self.loop.call_later(self.head_seconds, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._looking.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came; refuse a head without end."""
        super().data_received(data)
        if self._head_begun != inf:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response(f"The headers are larger than {HEAD_BYTES} bytes.")

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._head_begun, self._head_bytes = self.loop.time(), 0

    def on_headers_complete(self) -> Any:
        """Its head is whole."""
        self._head_begun = inf
        return super().on_headers_complete()

    def _look(self) -> None:
        if self.loop.time() - self._head_begun >= self.head_seconds:
            self.transport.close()
        else:
            self._looking = self.loop.call_later(self.head_seconds, self._look)
