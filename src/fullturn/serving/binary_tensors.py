"""Tensors as bytes: the extension `binary_tensor_data` of the open inference protocol.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md:
the header `Inference-Header-Content-Length` says how long the JSON is that a body begins with; the
bytes of its tensors follow in their order, little-endian, each as long as its parameter
`binary_data_size` says. A text (BYTES) has its length, four bytes, before it. Clients of Triton and
KServe send this unless they are asked for JSON.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fullturn.core.wording import shown
from fullturn.serving.inputs import Malformed

HEADER = b"inference-header-content-length"
SIZE, WANTED, ALL_WANTED = "binary_data_size", "binary_data", "binary_data_output"
"""Parameters: of a tensor, of an output that is wanted, and of a request."""
_FORMATS: Mapping[str, str] = {
    "BOOL": "?", "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q", "UINT8": "B",
    "UINT16": "H", "UINT32": "I", "UINT64": "Q", "FP16": "e", "FP32": "f", "FP64": "d",
}  # fmt: skip
"""How the module struct writes a cell, by datatype."""


def parts(body: bytes, header: bytes | None) -> tuple[bytes, memoryview]:
    """The JSON of a request, and the bytes of its tensors.

    Raises:
        Malformed: the header is no length within the body.
    """
    if header is None:
        return body, memoryview(b"")
    length = int(header) if header.isdigit() and len(header) < 20 else -1
    if not 0 < length <= len(body):
        raise Malformed(
            f"Inference-Header-Content-Length is {shown(header.decode('latin-1'))}; send the "
            f"number of bytes of JSON that the body of {len(body)} bytes begins with"
        )
    return body[:length], memoryview(body)[length:]


class Tail:
    """The bytes that follow the JSON of a request, taken tensor by tensor."""

    def __init__(self, content: memoryview) -> None:
        self._content, self._at = content, 0

    def cells(self, name: str, tensor: Mapping[str, Any]) -> list[Any] | None:
        """The cells of a tensor that is sent as bytes; None if it is not. NaN is a missing value.

        Raises:
            Malformed: there are not so many bytes, or they are no cells of its datatype.
        """
        given = tensor.get("parameters")
        size = given.get(SIZE) if isinstance(given, dict) else None
        if size is None:
            return None
        end = self._at + size if isinstance(size, int) and not isinstance(size, bool) else -1
        if not self._at <= end <= len(self._content):
            raise Malformed(
                f"{SIZE} of '{name}' is {shown(size)}, and {len(self._content) - self._at} bytes "
                "follow; send Inference-Header-Content-Length, and the bytes after the JSON"
            )
        content = self._content[self._at : end]
        self._at = end
        try:
            return list(_read(str(tensor.get("datatype")), content))
        except (struct.error, UnicodeDecodeError) as error:
            kind = shown(tensor.get("datatype"))
            raise Malformed(f"the bytes of '{name}' are not {kind}: {error}") from None

    def require_end(self) -> None:
        """Make sure that every byte belonged to a tensor.

        Raises:
            Malformed: some did not.
        """
        if self._at < len(self._content):
            rest = len(self._content) - self._at
            raise Malformed(f"{rest} bytes after the JSON belong to no tensor; send {SIZE} of each")


def _read(datatype: str, content: memoryview) -> Iterator[Any]:
    if datatype == "BYTES":
        yield from _texts(content)
    elif datatype == "BF16":  # the upper half of a FP32
        for (half,) in struct.iter_unpack("<H", content):
            yield _known(struct.unpack("<f", struct.pack("<I", half << 16))[0])
    elif datatype in _FORMATS:
        for (cell,) in struct.iter_unpack(f"<{_FORMATS[datatype]}", content):
            yield _known(cell)


def _texts(content: memoryview) -> Iterator[str]:
    at = 0
    while at < len(content):
        (length,) = struct.unpack_from("<I", content, at)
        at += 4
        if length > len(content) - at:
            raise struct.error(f"a text of {length} bytes, and {len(content) - at} follow")
        yield str(content[at : at + length], "utf-8")
        at += length


def _known(cell: Any) -> Any:
    return None if cell != cell else cell  # noqa: PLR0124  NaN


def written(datatype: str, cells: Sequence[Any]) -> bytes:
    """The bytes of an output.

    Raises:
        struct.error: a cell does not fit into its datatype.
    """
    if datatype != "BYTES":
        return struct.pack(f"<{len(cells)}{_FORMATS[datatype]}", *cells)
    texts = [cell.encode() for cell in cells]
    return b"".join(struct.pack("<I", len(text)) + text for text in texts)
