"""The open inference protocol, version 2 (KServe, Triton, Seldon): a tensor for each column.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol; over HTTP, with
tensors in JSON or as bytes (`binary_tensors`). A tensor has shape [rows] or [rows, 1]. Outputs are
the fields of the answers, and `prediction_id`, which feedback needs; `parameters.key` names the
entity that asks.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from fullturn.core.entities import Contract, Output
from fullturn.core.wording import listed, nearest, shown
from fullturn.serving import binary_tensors
from fullturn.serving.access import require_json
from fullturn.serving.answering import Work
from fullturn.serving.binary_tensors import ALL_WANTED, WANTED, Tail
from fullturn.serving.deployment import Deployment
from fullturn.serving.inputs import Checked, Malformed, fields, key_of
from fullturn.serving.replies import Reply, as_json, error_body, problem

PREDICTION_ID = "prediction_id"
_DATATYPES: Mapping[str, str] = {"number": "FP64", "boolean": "BOOL"}
"""By the kind of a column; BYTES, a text, for the others."""
_BYTES = re.compile(rb"\s*application/octet-stream\s*(?:;.*)?", re.IGNORECASE)
_WHOLE = ("INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
_REAL = ("FP16", "FP32", "FP64", "BF16")


def _is_whole(cell: Any) -> bool:
    return isinstance(cell, int) and not isinstance(cell, bool)


def _is_number(cell: Any) -> bool:
    return isinstance(cell, int | float) and not isinstance(cell, bool)


DATATYPES: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(_WHOLE, _is_whole),
    **dict.fromkeys(_REAL, _is_number),
    "BOOL": lambda cell: isinstance(cell, bool),
    "BYTES": lambda cell: isinstance(cell, str),
}
"""What a cell may be, by the datatype of its tensor."""


@dataclass(frozen=True, slots=True)
class Inference:
    """What a request asks."""

    rows: Sequence[Any]
    key: str = ""
    id: str | None = None
    outputs: Mapping[str, bool] = field(default_factory=dict)
    """The outputs that are wanted, and whether as bytes; all if none is named."""
    wants_bytes: bool = False
    """Whether outputs for which nothing else is said are wanted as bytes."""


def require_tensors(kind: bytes) -> None:
    """Make sure that a body is declared as JSON, or as bytes after JSON.

    Without a Content-Type it is JSON: Triton's client sends none. That lets no page of a stranger
    in: a browser names the Origin of every such request, which is checked first.

    Raises:
        Refusal: 415 if it is something else.
    """
    if kind and not _BYTES.fullmatch(kind):
        require_json(kind)


def of_body(body: bytes, header: bytes | None = None) -> Inference:
    """The rows of a request's tensors; `header` is the length of the JSON, if bytes follow it.

    Raises:
        Malformed: it is something else, or its tensors are not equally long.
    """
    content, rest = binary_tensors.parts(body, header)
    found = fields(content)
    name, parameters = found.get("id"), found.get("parameters") or {}
    if name is not None and not isinstance(name, str):
        raise Malformed(f"id = {shown(name)}; send a text")
    if not isinstance(parameters, dict):
        raise Malformed(f"parameters = {shown(parameters)}; send an object")
    tail = Tail(rest)
    tensors = _tensors(found.get("inputs"), tail)
    tail.require_end()
    if len({len(cells) for cells in tensors.values()}) > 1:
        raise Malformed("the tensors are not equally long; each needs a cell for every row")
    rows = [dict(zip(tensors, row, strict=True)) for row in zip(*tensors.values(), strict=True)]
    if not rows:
        raise Malformed("the tensors contain no row; send at least one")
    wants_bytes = parameters.get(ALL_WANTED) is True
    wanted = _wanted(found.get("outputs"), wants_bytes)
    return Inference(rows, key_of(parameters.get("key")), name, wanted, wants_bytes)


def _tensors(inputs: Any, tail: Tail) -> dict[str, list[Any]]:
    if not isinstance(inputs, list) or not inputs:
        raise Malformed(f"inputs = {shown(inputs)}; send a list of tensors, one for each column")
    tensors: dict[str, list[Any]] = {}
    for one in inputs:
        name = one.get("name") if isinstance(one, dict) else None
        if not isinstance(name, str):
            raise Malformed(f"an input is {shown(one)}; send name, shape, datatype and data")
        if name in tensors:
            raise Malformed(f"two inputs are called '{name}'; send each once")
        tensors[name] = _cells(name, one, tail.cells(name, one))
    return tensors


def _cells(name: str, tensor: Mapping[str, Any], sent: list[Any] | None) -> list[Any]:
    """The cells of a tensor: those in its JSON, or what was `sent` as bytes."""
    shape, kind, data = tensor.get("shape"), tensor.get("datatype"), tensor.get("data")
    data = data if sent is None else sent
    rows = shape[0] if isinstance(shape, list) and shape and _is_whole(shape[0]) else None
    if rows is None or shape not in ([rows], [rows, 1]):
        raise Malformed(f"shape of '{name}' is {shown(shape)}; send [rows] or [rows, 1]")
    matches = DATATYPES.get(kind) if isinstance(kind, str) else None
    if matches is None:
        raise Malformed(
            f"datatype of '{name}' is {shown(kind)}; send one of {listed([*DATATYPES], 20)}"
        )
    if not isinstance(data, list):
        raise Malformed(f"data of '{name}' is {shown(data)}; send a list of cells")
    cells = [one[0] if isinstance(one, list) and len(one) == 1 else one for one in data]
    if len(cells) != rows:
        raise Malformed(f"'{name}' has {len(cells)} cells, and shape {shape}")
    wrong = next((cell for cell in cells if cell is not None and not matches(cell)), None)
    if wrong is not None:
        raise Malformed(f"'{name}' contains {shown(wrong)}, which is not {kind}")
    return cells


def _wanted(outputs: Any, as_bytes: bool) -> dict[str, bool]:
    names: dict[str, bool] = {}
    for one in outputs if isinstance(outputs, list) else [] if outputs is None else [outputs]:
        name = one.get("name") if isinstance(one, dict) else None
        if not isinstance(name, str):
            raise Malformed(f"outputs = {shown(outputs)}; send a list of objects with a name")
        parameters = one.get("parameters")
        said = parameters.get(WANTED) if isinstance(parameters, dict) else None
        names[name] = said if isinstance(said, bool) else as_bytes
    return names


def reply(asked: Inference, work: Work, found: Checked, model: str) -> Reply:
    """The answer to a request.

    Raises:
        Malformed: it wants an output that there is not.
    """
    tensors = _outputs([one.output or {} for one in work.predictions], work.ids)
    for name in asked.outputs:
        if name not in tensors:
            raise Malformed(
                f"no output '{name}'{nearest(name, [*tensors])}; there are {listed([*tensors], 20)}"
            )
    parameters: dict[str, Any] = {"arm": work.arm}
    if not work.logged:
        parameters["logged"] = False
    if found.extended:
        parameters["extended_rows"] = found.extended
    body: dict[str, Any] = {
        "model_name": model,
        "model_version": str(work.version),
        "parameters": parameters,
    }
    if asked.id is not None:
        body = {"id": asked.id, **body}
    wanted = asked.outputs or dict.fromkeys(tensors, asked.wants_bytes)
    content: list[bytes] = []
    body["outputs"] = [
        _as_bytes(tensors[name], content) if wanted[name] else tensors[name] for name in wanted
    ]
    made = as_json(body)
    if not content:
        return made
    assert isinstance(made.body, bytes)
    length = (binary_tensors.HEADER, str(len(made.body)).encode())
    return Reply(200, b"".join([made.body, *content]), b"application/octet-stream", [length])


def _as_bytes(tensor: Mapping[str, Any], content: list[bytes]) -> Mapping[str, Any]:
    """A tensor without its data, which is added to `content`; in JSON if it does not fit."""
    try:
        data = binary_tensors.written(tensor["datatype"], tensor["data"])
    except struct.error:  # a whole number of more than 64 bits
        return tensor
    content.append(data)
    size = {"parameters": {binary_tensors.SIZE: len(data)}}
    return {name: value for name, value in tensor.items() if name != "data"} | size


def _outputs(answers: Sequence[Output], ids: Sequence[str]) -> dict[str, Any]:
    """A tensor for each field of the answers, by name."""
    names = dict.fromkeys(name for answer in answers for name in answer)
    columns = {str(name): [answer.get(name) for answer in answers] for name in names}
    columns.setdefault(PREDICTION_ID, list(ids))
    return {name: _tensor(name, cells) for name, cells in columns.items()}


def _tensor(name: str, cells: Sequence[Any]) -> dict[str, Any]:
    kind = datatype(cells)
    known = kind != "BYTES" or all(isinstance(cell, str) for cell in cells)
    data = cells if known else [_text(cell) for cell in cells]
    return {"name": name, "shape": [len(cells)], "datatype": kind, "data": data}


def _text(cell: Any) -> str:
    return cell if isinstance(cell, str) else as_json(cell).body.decode()  # type: ignore[union-attr]


def datatype(cells: Iterable[Any]) -> str:
    """Of the cells of an output: BYTES unless all of them are of one simpler kind."""
    known = [cell.item() if hasattr(cell, "item") else cell for cell in cells]
    kinds: tuple[tuple[str, Callable[[Any], bool]], ...] = (
        ("BOOL", lambda cell: isinstance(cell, bool)),
        ("INT64", _is_whole),
        ("FP64", _is_number),
    )
    return next((name for name, matches in kinds if known and all(map(matches, known))), "BYTES")


def server() -> Reply:
    """What the server is."""
    return as_json(
        {"name": "fullturn", "version": version("fullturn"), "extensions": ["binary_tensor_data"]}
    )


def metadata(name: str, contract: Contract, deployment: Deployment) -> Reply:
    """What the model is: its inputs, and its outputs as far as an answer of it is stored."""
    columns = [column for column in contract.columns if column.role == "input"]
    inputs = [
        {"name": c.name, "datatype": _DATATYPES.get(c.kind, "BYTES"), "shape": [-1]}
        for c in columns
    ]  # fmt: skip
    example = deployment.champion.example
    outputs = _outputs([example], [""]) if example else {}
    return as_json(
        {
            "name": name,
            "versions": [str(number) for number in deployment.versions],
            "platform": "fullturn",
            "inputs": inputs,
            "outputs": [{**one, "shape": [-1]} for one in map(_described, outputs.values())],
        }
    )


def _described(tensor: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in tensor.items() if name != "data"}


def refusal(error: Exception) -> Reply:
    """The reply that an error becomes: 400 for every fault of the request."""
    found = problem(error)
    status = 400 if found.status == 422 else found.status
    return Reply(status, error_body(found.reason, found.ids), headers=found.headers)
