"""The inside of a model process: `python -m fullturn.store.model_process FOLDER KINDS`.

It loads the model of a folder and answers requests that come over standard input. A message is its
length, 8 bytes, and JSON. The first one out says that the model is loaded, or why not. What the
model prints goes to standard error. It ends when its standard input does, so that it does not
outlive the process that started it.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import struct
import sys
import threading
from pathlib import Path
from typing import Any, BinaryIO

from fullturn.store.pyfunc import load_any

HEADER = struct.Struct(">Q")
LOOK_EVERY = 2.0
"""Seconds between two checks whether the parent still runs."""


def encoded(message: Any) -> bytes:
    """A message with its length in front."""
    body = json.dumps(message).encode()
    return HEADER.pack(len(body)) + body


def received(stream: BinaryIO) -> Any:
    """The next message.

    Raises:
        EOFError: there is none.
    """
    (length,) = HEADER.unpack(_exactly(stream, HEADER.size))
    return json.loads(_exactly(stream, length))


def main(folder: str, kinds: str) -> None:
    """Load, then answer until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    requests, out = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    waiting: queue.Queue[Any] = queue.Queue()
    threading.Thread(target=_receive, args=(requests, waiting), daemon=True).start()
    try:
        model = load_any(Path(folder), json.loads(kinds))
    except BaseException as error:  # noqa: BLE001  their code may raise anything
        _send(out, {"error": f"loading raised {error!r}"})
        return
    _send(out, {"ready": True})
    parent = os.getppid()
    while os.getppid() == parent:
        try:
            request = waiting.get(timeout=LOOK_EVERY)
        except queue.Empty:
            continue
        try:
            _send(out, model.answer(request["rows"]))
        except Exception as error:  # noqa: BLE001  their code may raise anything
            _send(out, {"error": f"predict() raised {error!r}"})


def _receive(stream: BinaryIO, waiting: queue.Queue[Any]) -> None:
    """In a thread: the end of the input ends the process, whatever the model is doing."""
    try:
        while True:
            waiting.put(received(stream))
    except (EOFError, OSError):
        os._exit(0)


def _send(out: BinaryIO, message: Any) -> None:
    out.write(encoded(message))
    out.flush()


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


if __name__ == "__main__":
    main(*sys.argv[1:])
