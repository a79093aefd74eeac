"""The project server used by the panels: started on first use, stopped with the lesson."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import dataclass, field

from fullturn.core.errors import CouldNotEvaluate
from fullturn.verbs.workspace import Workspace

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
        words = [sys.executable, "-m", f"{__package__}.child_server", str(self.project.root)]
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
        said = json.loads(line) if line else {"error": f"see {self.project.state / LOG}"}
        if "error" in said:
            raise CouldNotEvaluate(f"the project's server did not start: {said['error']}")
        return str(said["address"])
