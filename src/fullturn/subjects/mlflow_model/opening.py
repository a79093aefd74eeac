"""Open a model: in this process, if it cannot run code, or in one of its own."""

from __future__ import annotations

from pathlib import Path

from fullturn.store.pyfunc import described, inputs_of, load_skops
from fullturn.subjects.mlflow_model import reference
from fullturn.subjects.mlflow_model.answers import Model
from fullturn.subjects.mlflow_model.environment import declared, python_of
from fullturn.subjects.mlflow_model.process import Limits, ModelProcess, affordable_mb
from fullturn.subjects.mlflow_model.reference import Reading


def opened(address: str, files: Path, reading: Reading) -> Model:
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
        python = python_of(address, declared(files, builds=reading.allow_pickle))
    limits = Limits(reading.timeout, reading.memory_mb or affordable_mb())
    inputs = inputs_of(described(files), reading.kinds)
    process = ModelProcess(address, files, inputs, limits, python)
    process.start()
    return process
