"""Records in a file of bytes: how one is framed, and what is whole behind damage.

A record is its length (u32), the CRC-32 of length and payload (u32), and the payload, all
little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from zlib import crc32

LARGEST = 16 * 2**20
"""Bytes of the largest record, its header included."""
U32 = struct.Struct("<I")
HEADER = struct.Struct("<II")
_SECTOR = 512
"""Bytes that a disk writes or does not: a power loss leaves at least so many zeros before whole
records."""


def framed(payload: bytes) -> bytes:
    """A payload as a record."""
    length = U32.pack(len(payload))
    return length + U32.pack(crc32(payload, crc32(length))) + payload


def intact(data: bytes, start: int = 0) -> Iterator[tuple[bytes, int]]:
    """Payloads of the whole records from `start` on, each with where it ends in `data`."""
    while len(data) - start >= HEADER.size:
        length, checksum = HEADER.unpack_from(data, start)
        body = start + HEADER.size
        end = body + length
        if end > len(data) or crc32(data[body:end], crc32(data[start : start + 4])) != checksum:
            return
        yield data[body:end], end
        start = end


@dataclass(frozen=True, slots=True)
class Torn:
    """Bytes that an interrupted write or a power loss left where a record should begin."""

    size: int
    """How many there are; what comes after them is whole."""
    lost: bool
    """Whether records may be among them that were written in full: a power loss zeroed them."""


def torn(rest: bytes) -> Torn | None:
    """The damage at the beginning of `rest`, where no whole record begins.

    None if it is not such damage. An interrupted write leaves less than a record. A power loss
    leaves zeros: to the end of the file, from anywhere inside a record, or in whole sectors before
    records that are whole. Anything else means that bytes were changed.
    """
    used = len(rest.rstrip(b"\0"))
    whole = next((start for start in range(1, used) for _ in intact(rest, start)), None)
    if whole is not None:
        return Torn(whole, lost=True) if bytes(_SECTOR) in rest[:whole] else None
    frame = HEADER.size + int.from_bytes(rest[: U32.size], "little")
    if len(rest) < HEADER.size or len(rest) < frame <= LARGEST:
        return Torn(len(rest), lost=False)
    return Torn(len(rest), lost=True) if used < min(frame, len(rest)) else None
