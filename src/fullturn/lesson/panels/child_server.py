"""`fullturn serve` as a child process that stops when its parent ends, even if killed.

The operating system closes the child's standard input when the parent ends; the server then stops
as it does on SIGTERM.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path

from fullturn.core.errors import FullturnError
from fullturn.verbs.serve import Opened, serve
from fullturn.verbs.workspace import Workspace


def main(root: Path) -> None:
    """Serve the project on a free port; the first output line is the address or an error."""
    threading.Thread(target=_hold, daemon=True).start()
    try:
        serve(Workspace.open(root), "127.0.0.1", 0, _say)
    except FullturnError as error:
        _write({"error": str(error)})


def _hold() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _say(opened: Opened) -> None:
    _write({"address": opened.address})


def _write(line: dict[str, str]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
