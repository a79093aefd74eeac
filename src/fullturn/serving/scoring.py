"""MLflow's scoring protocol: which bodies `/invocations` takes, and how it refuses others.

As in MLflow 3.17 (`mlflow/pyfunc/scoring_server`, `mlflow/utils/proto_json_utils`): the same forms,
content types, statuses and shape of errors. Where ours is stricter, a row would otherwise be
answered as something else than its sender meant; tests/serving/test_scoring.py names each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

import orjson

from fullturn.core.entities import Contract
from fullturn.core.wording import listed, shown
from fullturn.serving.inputs import FORMS, Malformed, key_of
from fullturn.serving.replies import Problem, Refusal, Reply, problem

Kind = Literal["json", "csv", "parquet"]
KINDS: Mapping[str, Kind] = {
    "application/json": "json",
    "text/csv": "csv",
    "application/vnd.apache.parquet": "parquet",
}
"""Content types of rows. A web page of a stranger may send none of them unasked: see `access`."""
_ERROR_CODES = {
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    413: "INVALID_PARAMETER_VALUE",
    422: "INVALID_PARAMETER_VALUE",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL_ERROR",
    503: "TEMPORARILY_UNAVAILABLE",
}
"""MLflow's names of errors, by our statuses; BAD_REQUEST for others."""
_PLAIN = b"text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a request, and the names of their columns if it says them apart from the rows."""

    rows: Sequence[Any]
    columns: Sequence[str] | None = None


def kind_of(header: bytes) -> Kind:
    """What a content type says that a body is.

    Raises:
        Refusal: 415 for another type, another charset than UTF-8, or other parameters.
    """
    if header == b"application/json":
        return "json"
    name, *parameters = (part.strip() for part in header.decode("latin-1").split(";"))
    kind = KINDS.get(name.lower())
    if kind is None:
        said = shown(name) if name else "missing"
        raise Refusal(415, f"Content-Type is {said}; send one of {', '.join(KINDS)}")
    for one in parameters:
        field, _, value = one.partition("=")
        if field.lower() != "charset":
            raise Refusal(415, f"the parameter {shown(field)} of Content-Type is not known")
        if value.strip('"').lower() != "utf-8":
            raise Refusal(415, f"the charset {shown(value)} is not supported; send UTF-8")
    return kind


def of_json(
    body: bytes,
    contract: Contract,
    *,
    by_place: bool = False,
    params: frozenset[str] = frozenset(),
) -> tuple[Table, str]:
    """One of MLflow's four forms, and optionally `key`; other fields are ignored, as MLflow does.

    `by_place` reads lists of cells, in the order of the contract: for a model of arrays. `params`
    are those of the model's signature, which nobody may set here: it answers everybody alike.

    Raises:
        Malformed: it is something else.
    """
    found = _object(body)
    if params and found.get("params") is not None:
        _require_defaults(found["params"], params)
    named = [form for form in FORMS if form in found]
    if len(named) != 1:
        raise Malformed(f"send exactly one of {', '.join(FORMS)}, not {named or list(found)[:5]}")
    (form,) = named
    content, key = found[form], key_of(found.get("key"))
    names = contract.names("input")
    if by_place:
        content = _named(content, names)
    if form == "dataframe_split":
        return _split(content, names), key
    if form == "dataframe_records":
        if not isinstance(content, list):
            raise Malformed(f"dataframe_records is {shown(content)}; send a list of rows")
    elif isinstance(content, dict):
        content = list(_columns(content, form))
    else:
        content = _values(content, form, names)
    if not content:
        raise Malformed(f"'{form}' contains no row; send at least one")
    return Table(content), key


def _require_defaults(given: Any, params: frozenset[str]) -> None:
    if not isinstance(given, dict):
        raise Malformed(f"params is {shown(given)}; send an object, or leave it out")
    if taken := params & given.keys():
        raise Malformed(
            f"params has {listed(sorted(taken))}: this server asks the model with the defaults of "
            "its signature; leave params out"
        )


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        found = _as_python_reads(body, str(error))
    if not isinstance(found, dict):
        raise Malformed(
            f"the body is {shown(found)}; send an object with one of {', '.join(FORMS)}"
        )
    return found


def _as_python_reads(body: bytes, reason: str) -> Any:
    """A body as Python's json reads it, which MLflow uses and most clients write: with a byte order
    mark, in UTF-16, with NaN for what is missing. Infinity becomes a text, and no number."""
    try:
        found = json.loads(body, parse_constant=lambda name: None if name == "NaN" else name)
        return orjson.loads(orjson.dumps(found))
    except (ValueError, TypeError, RecursionError):
        raise Malformed(f"the body is not JSON: {reason}; send an object", 400) from None


def _named(content: Any, names: Sequence[str]) -> Any:
    """Lists of cells as rows; a split's columns are numbered, or left out."""
    if isinstance(content, list):
        return [
            dict(zip(names, row, strict=True))
            if isinstance(row, list) and len(row) == len(names)
            else row
            for row in content
        ]
    if isinstance(content, dict) and "data" in content:
        numbered = content.get("columns") in (None, [*range(len(names))])
        return {**content, "columns": [*names]} if numbered else content
    return content


def _values(content: Any, form: str, names: Sequence[str]) -> Sequence[Any]:
    """A list of rows; for a model with a single column also of its values."""
    if not isinstance(content, list):
        raise Malformed(f"'{form}' is {shown(content)}; send a list of rows, each an object")
    if len(names) == 1 and content and not any(isinstance(one, dict) for one in content):
        return [{names[0]: one} for one in content]
    return content


def _split(content: Any, names: Sequence[str]) -> Table:
    """Rows of pandas' split form: column names beside lists of cells."""
    found = content if isinstance(content, dict) else {}
    columns, data, index = found.get("columns"), found.get("data"), found.get("index")
    for name in found:
        if name not in ("columns", "data", "index"):
            raise Malformed(f"dataframe_split has {shown(name)}; it takes columns, data, index")
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise Malformed(f"columns of dataframe_split are {shown(columns)}; send a list of names")
    if not isinstance(data, list):
        raise Malformed(f"data of dataframe_split is {shown(data)}; send a list of lists")
    if index is not None and not (isinstance(index, list) and len(index) == len(data)):
        raise Malformed(
            f"index of dataframe_split is {shown(index)}; send one for each row, or none"
        )
    require_distinct(columns, names)
    return Table([_row(columns, cells) for cells in data], columns)


def _row(columns: Sequence[str], cells: Any) -> Any:
    if isinstance(cells, dict):
        return cells
    if not isinstance(cells, list) or len(cells) != len(columns):
        raise Malformed(
            f"a row of dataframe_split is {shown(cells)}; it needs {len(columns)} cells"
        )
    return dict(zip(columns, cells, strict=True))


def require_distinct(columns: Sequence[str], names: Sequence[str]) -> None:
    """Refuse a table that has two columns of one of the contract's `names`: nobody knows which is
    meant. Other columns are ignored anyway.

    Raises:
        Malformed: it has.
    """
    twice = sorted(name for name in names if columns.count(name) > 1)
    if twice:
        raise Malformed(f"two columns are called {listed(twice)}; send each once")


def _columns(content: Mapping[str, Any], form: str) -> Iterator[dict[str, Any]]:
    """Rows from a list of cells for each column; a single cell is that of every row."""
    lengths = {len(cells) for cells in content.values() if isinstance(cells, list)}
    if len(lengths) > 1:
        raise Malformed(f"the columns of '{form}' are not equally long")
    count = lengths.pop() if lengths else min(len(content), 1)
    columns = [cells if isinstance(cells, list) else [cells] * count for cells in content.values()]
    for row in zip(*columns, strict=True):
        yield dict(zip(content, row, strict=True))


def refusal(error: Exception) -> Reply:
    """The reply that an error becomes, in MLflow's form: 400 for every fault of the request."""
    found = problem(error)
    if found.status == 415:
        return Reply(415, found.reason.encode(), _PLAIN, found.headers)
    body = {"error_code": _ERROR_CODES.get(found.status, "BAD_REQUEST"), "message": found.reason}
    status = 400 if found.status == 422 else found.status
    return Reply(status, orjson.dumps({**body, **_ids(found)}), headers=found.headers)


def _ids(found: Problem) -> dict[str, Any]:
    return {} if found.ids is None else {"ids": found.ids}


def mlflow_version() -> Reply:
    """What `/version` answers."""
    return Reply(200, version("mlflow").encode())
