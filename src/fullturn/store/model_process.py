"""The inside of a model process: `PYTHON model_process.py FOLDER SPEC`.

This file runs on its own, in whatever environment a model needs: it imports mlflow, pandas and
pyarrow, and nothing of fullturn. It loads the model of a folder and answers requests that come
over standard input. `SPEC` is JSON: what `Inputs` has, and `memory_mb`.

A message is its length, 8 bytes, its kind, 1 byte, and a body: a batch in Arrow's stream format,
or JSON. The first one out says that the model is loaded, or why not. What the model prints goes to
standard error. The process ends when its standard input does, so that it does not outlive the
process that started it.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import struct
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

HEADER = struct.Struct(">QB")
JSON, ARROW = 0, 1
LOOK_EVERY = 2.0
"""Seconds between two checks whether the parent still runs."""
OUT_OF_MEMORY = 3
"""Exit code of a process that reached its memory limit."""
FEW_ROWS = 256
"""So many rows are predicted by one thread."""
_AS_JSON = b"json"
"""Metadata of a column whose values have no type of Arrow in common: each is JSON."""
_BITS = {"integer": 32, "long": 64}
_TRUTHS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


@dataclass(frozen=True, slots=True)
class ModelColumn:
    """An input of a model, as its signature has it; `type` as MLflow calls it."""

    name: str
    type: str
    required: bool


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a model reads: a table with these columns, or, if `tensor` is a type, an array."""

    columns: tuple[ModelColumn, ...]
    tensor: str | None = None
    method: str | None = None
    """Of a model of scikit-learn, its method that answers: called without MLflow's check of the
    inputs, which have the types of the signature already. None: whatever MLflow calls."""


class SignatureMismatch(ValueError):
    """A row has a value that a model's signature does not allow: its sender's fault."""


class LoadedModel:
    """A loaded model, which answers batches (`to_batch`)."""

    def __init__(self, inputs: Inputs, predict: Callable[[Any], Any], raw: Any) -> None:
        self._inputs, self._predict, self._raw = inputs, predict, raw
        self._pools = _thread_pools()

    def answer(self, batch: Any) -> dict[str, Any]:
        """`values`, one of each row; and, of a classifier that has them, `shares`, the
        probabilities of its `classes` in each row. Plain values, floats may be NaN."""
        table = to_frame(batch, self._inputs)
        with self._threads(batch.num_rows):
            found: dict[str, Any] = {"values": listed(self._predict(table))}
            shares = getattr(self._raw, "predict_proba", None)
            classes = getattr(self._raw, "classes_", None)
            if callable(shares) and classes is not None:
                found |= {"classes": listed(classes), "shares": listed(shares(table))}
        return found

    def _threads(self, rows: int) -> Any:
        """One thread of OpenMP and BLAS for a few rows: more of them wait for each other."""
        if rows > FEW_ROWS or self._pools is None:
            return contextlib.nullcontext()
        return self._pools.limit(limits=1)


def to_batch(rows: Sequence[Mapping[str, Any]], inputs: Inputs) -> Any:
    """Rows as an Arrow batch with the types of a model's signature.

    Raises:
        SignatureMismatch: a value does not fit its column's type.
    """
    import pyarrow as pa

    fields, arrays = [], []
    for column in inputs.columns:
        array, metadata = _array([row.get(column.name) for row in rows], column)
        fields.append(pa.field(column.name, array.type, metadata=metadata))
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def to_frame(batch: Any, inputs: Inputs) -> Any:
    """A batch as the model expects it: a DataFrame with the types of its signature, or an array."""
    import numpy as np
    import pandas as pd

    columns = [
        _series(batch.column(place), batch.schema.field(place), column)
        for place, column in enumerate(inputs.columns)
    ]
    if inputs.tensor is not None:
        values = [list(row) for row in zip(*columns, strict=True)]
        return np.array(values, dtype=inputs.tensor)
    return pd.DataFrame(
        {one.name: found for one, found in zip(inputs.columns, columns, strict=True)}
    )


def listed(predictions: Any) -> list[Any]:
    """What a model returned, as a list with a plain value, list or mapping for each row."""
    if hasattr(predictions, "toarray"):  # a sparse matrix
        predictions = predictions.toarray()
    if hasattr(predictions, "columns"):  # a DataFrame
        records = predictions.to_dict(orient="records")
        one = len(predictions.columns) == 1
        return [plain(next(iter(row.values())) if one else row) for row in records]
    if hasattr(predictions, "tolist"):  # an array, a Series
        predictions = predictions.tolist()
    if isinstance(predictions, str | bytes | Mapping) or not isinstance(predictions, Iterable):
        raise TypeError(
            f"predict() returned a {type(predictions).__name__}, not a value for each row"
        )
    return [plain(one[0] if _is_single(one) else one) for one in predictions]


def plain(value: Any) -> Any:
    """A value as JSON has it; what JSON does not have becomes text."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()  # as MLflow writes times
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)


def message(body: Mapping[str, Any]) -> bytes:
    """A message of JSON."""
    return _framed(JSON, json.dumps(body).encode())


def batch_message(batch: Any) -> bytes:
    """A message with a batch."""
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return _framed(ARROW, sink.getvalue().to_pybytes())


def answer_message(answer: Mapping[str, Any]) -> bytes:
    """A message with the answers of a model; what Arrow has no one type for goes as JSON."""
    import pyarrow as pa

    values, shares = answer["values"], answer.get("shares", [])
    if any(isinstance(value, Mapping | list) for value in values):
        return message(answer)
    try:
        arrays = {"value": pa.array(values)}
        if shares:
            arrays["shares"] = pa.array(shares, pa.list_(pa.float64(), len(shares[0])))
        batch = pa.RecordBatch.from_pydict(arrays)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        return message(answer)
    classes = {"classes": json.dumps(answer["classes"])} if shares else None
    return batch_message(batch.replace_schema_metadata(classes))


def decoded(kind: int, body: bytes) -> Any:
    """What a message contains: a batch, or what JSON says."""
    if kind == JSON:
        return json.loads(body)
    import pyarrow as pa

    with pa.ipc.open_stream(body) as reader:
        return reader.read_next_batch()


def decoded_answer(kind: int, body: bytes) -> dict[str, Any]:
    """The answers in a message of a model process, or its error."""
    found = decoded(kind, body)
    if kind == JSON:
        return found  # type: ignore[no-any-return]
    answer: dict[str, Any] = {"values": found.column("value").to_pylist()}
    metadata = found.schema.metadata or {}
    if b"classes" in metadata:
        shares = found.column("shares")
        table = shares.flatten().to_numpy().reshape(len(shares), -1)
        answer |= {"classes": json.loads(metadata[b"classes"]), "shares": table.tolist()}
    return answer


def main(folder: str, spec: str) -> None:
    """Load, then answer until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends this one
    requests, out = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    threading.Thread(target=_end_with_input, args=(os.getppid(),), daemon=True).start()
    described = json.loads(spec)
    columns = tuple(ModelColumn(**one) for one in described["columns"])
    try:
        _limit_memory(described["memory_mb"])
        inputs = Inputs(columns, described["tensor"], described["method"])
        model = _load(folder, inputs)
    except BaseException as error:  # noqa: BLE001  their code may raise anything
        _send(out, message({"error": f"loading raised {error!r}"}))
        return
    _send(out, message({"ready": True}))
    with contextlib.suppress(EOFError):
        while True:
            _send(out, _answered(model, _received(requests), out))


def _load(folder: str, inputs: Inputs) -> LoadedModel:
    """Load whatever MLflow can; this may run any code."""
    import mlflow

    loaded: Any = mlflow.pyfunc.load_model(folder)
    try:
        raw = loaded.get_raw_model()
    except Exception:  # noqa: BLE001  a custom model, or a flavour without a raw model
        raw = None
    direct = getattr(raw, inputs.method, None) if inputs.method else None
    return LoadedModel(inputs, direct or loaded.predict, raw)


def _answered(model: LoadedModel, request: tuple[int, bytes], out: BinaryIO) -> bytes:
    try:
        return answer_message(model.answer(decoded(*request)))
    except MemoryError:
        _send(out, message({"error": "predict() needs more memory than it may use", "full": True}))
        os._exit(OUT_OF_MEMORY)  # what is left is in pieces
    except Exception as error:  # noqa: BLE001  their code may raise anything
        return message({"error": f"predict() raised {error!r}"})


def _thread_pools() -> Any:
    """Of the libraries that are loaded; None if nothing here can limit them."""
    try:
        from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]
    except ImportError:
        return None
    return ThreadpoolController()


def _limit_memory(megabytes: int | None) -> None:
    """Refuse more memory than this: the model gets a MemoryError, or is ended, and nothing else."""
    import resource

    if megabytes is not None:
        resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20))


def _end_with_input(parent: int) -> None:
    """In a thread: end the process with its input, or its parent, whatever the model is doing.

    It is not woken by requests: those are read by the thread that answers them, so that none waits
    for one thread to wake another.
    """
    closed = select.poll()
    closed.register(0, 0)  # nothing but the end of the input
    while not closed.poll(LOOK_EVERY * 1000) and os.getppid() == parent:
        pass
    os._exit(0)


def _received(stream: BinaryIO) -> tuple[int, bytes]:
    """The next message: its kind and its body."""
    length, kind = HEADER.unpack(_exactly(stream, HEADER.size))
    return kind, _exactly(stream, length)


def _send(out: BinaryIO, data: bytes) -> None:
    out.write(data)
    out.flush()


def _framed(kind: int, body: bytes) -> bytes:
    return HEADER.pack(len(body), kind) + body


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _is_single(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 1


def _array(values: list[Any], column: ModelColumn) -> tuple[Any, Any]:
    """One column, with the type that MLflow's check of the signature requires, and metadata."""
    import pyarrow as pa

    if column.type in ("double", "float"):
        kind = {"double": pa.float64(), "float": pa.float32()}[column.type]
        return pa.array([None if one is None else float(one) for one in values], kind), None
    if column.type in ("long", "integer"):
        kind = {64: pa.int64(), 32: pa.int32()}[_BITS[column.type]]
        return pa.array([_whole(one, column) for one in values], kind), None
    if column.type == "boolean":
        return pa.array([_truth(one, column) for one in values], pa.bool_()), None
    if all(one is None or isinstance(one, str) for one in values):
        return pa.array(values, pa.string()), None
    return pa.array([json.dumps(one) for one in values], pa.string()), {_AS_JSON: b"1"}


def _series(array: Any, field: Any, column: ModelColumn) -> Any:
    import pandas as pd

    if column.type in ("double", "float", "long", "integer", "boolean"):
        return array.to_numpy(zero_copy_only=False)  # None becomes NaN
    values = array.to_pylist()
    if field.metadata and _AS_JSON in field.metadata:
        values = [json.loads(one) for one in values]
    if column.type != "datetime":
        return pd.Series(values, dtype=object)
    return _times(values, column)


def _times(values: list[Any], column: ModelColumn) -> Any:
    """Times without a zone, in UTC: MLflow's type `datetime` has none."""
    import pandas as pd

    try:
        times = pd.to_datetime(pd.Series(values), utc=True, format="ISO8601")
    except (ValueError, TypeError):
        try:
            times = pd.to_datetime(pd.Series(values), utc=True)
        except (ValueError, TypeError) as error:
            raise ValueError(f"'{column.name}' is no time: {error}") from None
    return times.dt.tz_localize(None).astype("datetime64[ns]")


def _whole(value: Any, column: ModelColumn) -> int:
    bits = _BITS[column.type]
    if value is None or not float(value).is_integer() or not -1 <= int(value) >> (bits - 1) <= 0:
        raise SignatureMismatch(
            f"'{column.name}' = {value!r}: the model's signature has whole numbers of {bits} bits"
        )
    return int(value)


def _truth(value: Any, column: ModelColumn) -> bool:
    if str(value).lower() not in _TRUTHS:
        raise SignatureMismatch(
            f"'{column.name}' = {value!r}: the model's signature has true and false"
        )
    return _TRUTHS[str(value).lower()]


if __name__ == "__main__":
    main(*sys.argv[1:])
