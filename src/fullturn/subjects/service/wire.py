"""Requests and answers in the protocols of services; pure, no network.

json    the service's own: one row, or a list of rows, at `input`; answers at `answer`
mlflow  https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/ (`dataframe_split`)
openai  https://platform.openai.com/docs/api-reference/chat, one text for each request
kserve  https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fullturn.core.entities import Input
from fullturn.core.wording import shown
from fullturn.subjects.service.pointers import at, placed
from fullturn.subjects.service.reference import ServiceReference

_TENSORS = {"number": "FP64", "boolean": "BOOL"}
"""Kinds of columns that are no text, and what KServe calls them."""


def in_batches(reference: ServiceReference) -> bool:
    """Whether a request takes many rows."""
    return reference.batch if reference.protocol == "json" else reference.protocol != "openai"


def request(reference: ServiceReference, rows: Sequence[Input]) -> Any:
    """The body of a request for these rows; of one row, unless it is `in_batches`."""
    body = dict(reference.body)
    if reference.protocol == "mlflow":
        columns = list(reference.kinds)
        data = [[row.get(name) for name in columns] for row in rows]
        return {**body, "dataframe_split": {"columns": columns, "data": data}}
    if reference.protocol == "openai":
        return {"temperature": 0, **body, **_chat(reference, rows[0])}
    if reference.protocol == "kserve":
        return {**body, **_tensors(reference, rows)}
    listed = [dict(row) for row in rows]
    return placed(listed if reference.batch else listed[0], reference.input, body)


def answers(reference: ServiceReference, document: Any, count: int) -> list[Any]:
    """The answer to each of `count` rows, as the service wrote it.

    Raises:
        ValueError: the document has another form, or another number of answers.
    """
    if reference.protocol == "kserve":
        return _of_tensors(reference, document, count)
    if not in_batches(reference):
        where = reference.answer
        if reference.protocol == "openai":
            where = where or "/choices/0/message/content"
        return [at(document, where)]
    where = reference.answer or ("/predictions" if reference.protocol == "mlflow" else "")
    found = at(document, where)
    if not isinstance(found, list):
        raise ValueError(f"at '{where}' is {shown(found)}, not a list of answers")
    if len(found) != count:
        raise ValueError(f"it gave {len(found)} answers for {count} rows")
    return found


def usage(document: Any) -> dict[str, int]:
    """Tokens of a chat completion, if the service counts them."""
    given = document.get("usage") if isinstance(document, Mapping) else None
    names = ("prompt_tokens", "completion_tokens")
    counts = {name: given.get(name) for name in names} if isinstance(given, Mapping) else {}
    return {name: count for name, count in counts.items() if isinstance(count, int)}


def _chat(reference: ServiceReference, row: Input) -> dict[str, Any]:
    (column,) = reference.kinds
    system = [{"role": "system", "content": reference.system}] if reference.system else []
    return {
        "model": reference.model,
        "messages": [*system, {"role": "user", "content": str(row[column])}],
    }


def _tensors(reference: ServiceReference, rows: Sequence[Input]) -> dict[str, Any]:
    columns = list(reference.kinds)
    if reference.tensor:
        whole = {
            "name": reference.tensor,
            "shape": [len(rows), len(columns)],
            "datatype": "FP64",
            "data": [row[name] for row in rows for name in columns],
        }
        return {"inputs": [whole]}
    inputs = [_tensor(name, kind, [row.get(name) for row in rows])
              for name, kind in reference.kinds.items()]  # fmt: skip
    return {"parameters": {"content_type": "pd"}, "inputs": inputs}


def _tensor(name: str, kind: str, values: list[Any]) -> dict[str, Any]:
    """One column; `content_type` is how MLServer decodes text."""
    datatype = _TENSORS.get(kind, "BYTES")
    if datatype == "BOOL":
        values = [value if value is None else value == "true" for value in values]
    text = {"parameters": {"content_type": "str"}} if datatype == "BYTES" else {}
    return {"name": name, "shape": [len(values), 1], "datatype": datatype, "data": values, **text}


def _of_tensors(reference: ServiceReference, document: Any, count: int) -> list[Any]:
    """Of one output each row's value, of several a mapping by their names."""
    outputs = at(document, "/outputs")
    if not isinstance(outputs, list) or not outputs:
        raise ValueError(f"'outputs' is {shown(outputs)}, not a list of tensors")
    named = {str(at(one, "/name")): one for one in outputs}
    if reference.answer:
        named = {reference.answer: at(named, f"/{reference.answer.strip('/')}")}
    columns = {name: list(_rows_of(name, one, count)) for name, one in named.items()}
    if len(columns) == 1:
        return next(iter(columns.values()))
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def _rows_of(name: str, tensor: Any, count: int) -> Iterator[Any]:
    shape, data = at(tensor, "/shape"), at(tensor, "/data")
    is_shape = isinstance(shape, list) and all(isinstance(one, int) and one >= 0 for one in shape)
    if not is_shape or not shape or not isinstance(data, list):
        raise ValueError(f"output '{name}' has shape {shown(shape)}, which is none")
    if shape[0] != count:
        raise ValueError(f"output '{name}' has {shape[0]} answers for {count} rows")
    flat, width = _flat(data), math.prod(shape[1:])
    if len(flat) != count * width:
        raise ValueError(f"output '{name}' has {len(flat)} values for the shape {shape}")
    for start in range(0, len(flat), max(1, width)):
        yield flat[start] if len(shape) == 1 or width == 1 else flat[start : start + width]


def _flat(data: Any) -> list[Any]:
    if not isinstance(data, list):
        return [data]
    if not any(isinstance(one, list) for one in data):
        return data
    return [value for one in data for value in _flat(one)]
