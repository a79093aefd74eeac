"""The project server used by the panels: started on first use, stopped with the lesson.

`python -m fullturn.lesson.panels.server FOLDER` is that server: `fullturn serve` in a child process
that stops when its parent ends, even if killed. The operating system closes the child's standard
input when the parent ends; the server then stops as it does on SIGTERM.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fullturn.core.errors import CouldNotEvaluate, FullturnError
from fullturn.verbs.workspace import Workspace

if TYPE_CHECKING:
    from fullturn.verbs.serve import Opened

LOG = "lesson-server.log"
PATIENCE = 20.0
"""Timeout for stopping, in seconds."""


@dataclass
class Server:
    """One process that serves a project; restarted if it died."""

    project: Workspace
    _process: subprocess.Popen[str] | None = None
    _address: str = ""
    _stopped: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Start it without waiting until it is ready."""
        with self._lock:
            self._start()

    def address(self) -> str:
        """The address, once it listens.

        Raises:
            CouldNotEvaluate: it did not start, or was stopped.
        """
        with self._lock:
            self._start()
            if not self._address:
                self._address = self._first_line()
            return self._address

    def stop(self) -> None:
        """Stop it for good."""
        with self._lock:
            self._stopped = True
            process, self._process, self._address = self._process, None, ""
        if process is None:
            return
        process.terminate()
        try:
            process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()

    @property
    def pid(self) -> int | None:
        """Its process id while it is running."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if running and self._process else None

    def _start(self) -> None:
        if self._stopped:
            raise CouldNotEvaluate("the project's server was stopped")
        if self.pid is not None:
            return
        words = [sys.executable, "-m", f"{__package__}.server", str(self.project.root)]
        pipe = subprocess.PIPE
        with (self.project.state / LOG).open("ab") as log:
            self._process = subprocess.Popen(
                words, stdin=pipe, stdout=pipe, stderr=log, text=True, start_new_session=True
            )
        self._address = ""

    def _first_line(self) -> str:
        process = self._process
        assert process is not None and process.stdout is not None
        line = process.stdout.readline()
        found = json.loads(line) if line else {"error": f"see {self.project.state / LOG}"}
        if "error" in found:
            raise CouldNotEvaluate(f"the project's server did not start: {found['error']}")
        return str(found["address"])


def main(root: Path) -> None:
    """Serve the project on a free port; the first output line is the address or an error."""
    from fullturn.verbs.serve import serve

    threading.Thread(target=_stop_with_parent, daemon=True).start()
    try:
        serve(Workspace.open(root), "127.0.0.1", 0, _report_address)
    except FullturnError as error:
        _write({"error": str(error)})


def _stop_with_parent() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _report_address(opened: Opened) -> None:
    _write({"address": opened.address})


def _write(line: dict[str, str]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
