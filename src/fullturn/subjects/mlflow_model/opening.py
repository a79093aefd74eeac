"""Open a model: in this process, if it cannot run code, or in one of its own.

A model process takes seconds to start, and a gate asks the same model several times: the last few
are used again, as long as the model's files are the same.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from pathlib import Path
from threading import Lock

from fullturn.core.errors import FullturnError
from fullturn.store.pyfunc import described, inputs_of, load_skops
from fullturn.subjects.mlflow_model import environment, reference
from fullturn.subjects.mlflow_model.answers import Model
from fullturn.subjects.mlflow_model.process import Limits, ModelProcess, affordable_mb
from fullturn.subjects.mlflow_model.reference import Reading

MOST = 2
"""Processes that wait to be used again: those of a candidate and a champion."""


class Opener:
    """Opens models, and has the processes of the last few run on for the next time."""

    def __init__(self) -> None:
        self._started: OrderedDict[Hashable, ModelProcess] = OrderedDict()
        self._lock = Lock()

    def opened(self, address: str, files: Path, reading: Reading) -> Model:
        """The model in a folder, loaded; `address` is what errors call it.

        Raises:
            BundleError: it may run code, and that is not allowed.
            AppError: it cannot be loaded, or its requirements cannot be installed.
            CouldNotEvaluate: uv is needed and not installed.
        """
        unsafe = reference.may_run_code(address, files, allow=reading.allow_pickle)
        if not unsafe and reading.env == "local":
            return load_skops(files, reading.kinds)
        python = None
        if reading.env == "isolated":
            needs = environment.declared(files, builds=reading.allow_pickle)
            python = environment.python_of(address, needs)
        limits = Limits(reading.timeout, reading.memory_mb or affordable_mb())
        inputs = inputs_of(described(files), reading.kinds)
        key = (address, _state(files), inputs, limits, python)
        with self._lock:
            process = self._started.pop(key, None)
            process = process or ModelProcess(address, files, inputs, limits, python)
            process.start()
            self._started[key] = process
            while len(self._started) > MOST:
                self._started.popitem(last=False)  # it ends once no predictor refers to it
        return process

    def forget(self) -> None:
        """Start every model again from now on: its answers owe nothing to earlier requests."""
        with self._lock:
            self._started.clear()


def prepare(address: str, files: Path, *, allow_pickle: bool) -> None:
    """Make the environment that a model declares and compile what it imports, so that opening it
    takes less time; what goes wrong is reported by `opened`."""
    needs = environment.declared(files, builds=allow_pickle)
    try:
        python = environment.python_of(address, needs)
    except FullturnError:
        return
    environment.compile_modules(python, ["mlflow.pyfunc", described(files).loader])


def _state(files: Path) -> Hashable:
    """Changes with every file of a folder."""
    found = ((path, path.stat()) for path in sorted(files.rglob("*")) if path.is_file())
    return files, tuple((path, stat.st_size, stat.st_mtime_ns) for path, stat in found)
