"""The description of the server in OpenAPI 3.1, generated from the contract."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from fullturn.core.entities import Column, Contract
from fullturn.serving.feedback import LABEL_ROLES, MOST, SOURCE_LENGTH
from fullturn.serving.inputs import KEY_LENGTH

_Schema = dict[str, Any]
_TEXT: _Schema = {"type": "string"}
_KEY: _Schema = {
    "description": "The entity that asks: in a release it always gets the same version.",
    "anyOf": [
        {"type": "string", "maxLength": KEY_LENGTH},
        {"type": "integer", "minimum": -(2**63), "maximum": 2**64 - 1},
        {"type": "null"},
    ],
}
_IDS: _Schema = {"type": "array", "items": {"type": "string", "pattern": "^[0-9a-f]{32}$"}}
_ABOUT: _Schema = {
    "ids": _IDS,
    "version": {"type": "integer"},
    "arm": {"enum": ["champion", "baseline", "canary"]},
    "logged": {"const": False, "description": "Only there if the prediction was not logged."},
}
_ERROR: _Schema = {
    "type": "object",
    "properties": {"error": _TEXT, "ids": _IDS},
    "required": ["error"],
}
_REASONS = {
    400: "The body is not JSON.",
    401: "The token is missing or wrong.",
    403: "Sent by a web page of another origin.",
    404: "Not found.",
    408: "The body did not arrive in time.",
    413: "The body or the number of rows is too large.",
    415: "The body is not declared as JSON.",
    421: "The server has no such name.",
    422: "The body has another form, or a row breaks the contract.",
    429: "The queue is full.",
    503: "Not answered in time, or not logged; try again.",
}
_BAD_BODY = (400, 408, 413, 415, 422, 429, 503)
_STRANGERS = (403, 421)


def description(name: str, contract: Contract, *, chats: bool, token: bool) -> _Schema:
    """The whole document; `chats` for assistants, `token` if one is required."""
    paths = {
        "/predict": _post("Answer rows.", _predict(contract), _answer("outputs")),
        "/invocations": _post("Answer rows, in MLflow's scoring protocol.",
                              _invocations(contract), _answer("predictions")),
        "/feedback": _post("Send labels or scores of answers.", _feedback(contract),
                           {"anyOf": [_STORED, _list(_STORED)]}, 404),
        "/healthz": _get("Whether the server runs.", {"alive": {"const": True}}),
        "/readyz": _get("Whether it can answer.",
                        {"ready": {"const": True}, "version": {"type": "integer"}}, 503),
        "/version": _get("What is served.", {"model": _TEXT, "version": {"type": "integer"}}),
        "/openapi.json": _get("This document.", {"openapi": _TEXT}),
        "/metrics": {"get": _operation("What Prometheus scrapes.", {
            200: {"description": "Metrics.", "content": {"text/plain": {"schema": _TEXT}}}})},
    }  # fmt: skip
    if chats:
        paths["/v1/chat/completions"] = _chat()
    document: _Schema = {
        "openapi": "3.1.0",
        "info": {"title": f"fullturn: {name}", "version": version("fullturn")},
        "paths": paths,
    }
    if token:
        _require_token(document)
    return document


def _require_token(document: _Schema) -> None:
    scheme = {"type": "http", "scheme": "bearer"}
    document["components"] = {"securitySchemes": {"token": scheme}}
    document["security"] = [{"token": []}]
    for path, item in document["paths"].items():
        for operation in item.values():
            if path in ("/healthz", "/readyz"):
                operation["security"] = []
            else:
                operation["responses"]["401"] = _error(401)


def _post(about: str, body: _Schema, answer: _Schema, *more: int) -> _Schema:
    responses = {200: _content("The answer.", answer)}
    responses |= {status: _error(status) for status in sorted({*_BAD_BODY, *_STRANGERS, *more})}
    content = {"application/json": {"schema": body}}
    return {"post": {**_operation(about, responses),
                     "requestBody": {"required": True, "content": content}}}  # fmt: skip


def _get(about: str, properties: _Schema, *more: int) -> _Schema:
    answer = {"type": "object", "properties": properties, "required": list(properties)}
    responses = {200: _content("The answer.", answer)}
    refused = {status: _error(status) for status in sorted({*_STRANGERS, *more})}
    return {"get": _operation(about, responses | refused)}


def _operation(about: str, responses: Mapping[int, _Schema]) -> _Schema:
    return {"summary": about, "responses": {str(k): one for k, one in responses.items()}}


def _content(about: str, schema: _Schema) -> _Schema:
    return {"description": about, "content": {"application/json": {"schema": schema}}}


def _error(status: int) -> _Schema:
    return _content(_REASONS[status], _ERROR)


def _list(items: _Schema, most: int | None = None) -> _Schema:
    bounds = {"maxItems": most} if most else {}
    return {"type": "array", "items": items, "minItems": 1, **bounds}


def _answer(rows: str) -> _Schema:
    properties = {rows: {"type": "array", "items": {"type": "object"}}, **_ABOUT}
    required = [rows, "ids", "version", "arm"]
    return {"type": "object", "properties": properties, "required": required}


def _row(contract: Contract) -> _Schema:
    columns = [column for column in contract.columns if column.role == "input"]
    return {
        "type": "object",
        "properties": {column.name: _cell(column) for column in columns},
        "required": [column.name for column in columns],
        "additionalProperties": False,
    }


def _cell(column: Column) -> _Schema:
    schema: _Schema = {"type": "string", "minLength": 1, "maxLength": column.max_length}
    if column.kind == "number":
        bounds = {"minimum": column.minimum, "maximum": column.maximum}
        schema = {"type": "number"} | {k: v for k, v in bounds.items() if v is not None}
    elif column.kind == "boolean":
        schema = {"type": ["boolean", "string", "integer"]}
    elif column.kind == "json":
        schema = {"type": ["array", "object"]}
    elif column.allowed:
        schema = {"enum": list(column.allowed)}
    return schema if column.required else {"anyOf": [schema, {"type": "null"}]}


def _object(properties: _Schema, *required: str) -> _Schema:
    return {"type": "object", "properties": properties, "required": list(required)}


def _predict(contract: Contract) -> _Schema:
    whole = _object({"inputs": _list(_row(contract)), "key": _KEY}, "inputs")
    return {**whole, "additionalProperties": False}


def _invocations(contract: Contract) -> _Schema:
    row = _row(contract)
    columns = {name: _list(cell) for name, cell in row["properties"].items()}
    by_column = {**_object(columns, *row["required"]), "additionalProperties": False}
    cells = {"type": "array", "minItems": len(columns), "maxItems": len(columns)}
    names = {"const": row["required"]}
    split = _object({"columns": names, "data": _list(cells)}, "columns", "data")
    forms = {
        "dataframe_split": split,
        "dataframe_records": _list(row),
        "instances": {"anyOf": [_list(row), by_column]},
        "inputs": {"anyOf": [_list(row), by_column]},
    }
    rest = {"key": _KEY, "params": {"type": "object", "description": "Not read."}}
    return {
        "anyOf": [
            {**_object({form: schema, **rest}, form), "additionalProperties": False}
            for form, schema in forms.items()
        ]
    }


_STORED: _Schema = _object({"id": _TEXT, "replaced": {"type": "boolean"}}, "id", "replaced")


def _feedback(contract: Contract) -> _Schema:
    labels = [column for column in contract.columns if column.role in LABEL_ROLES]
    one = {
        "type": "object",
        "properties": {
            "id": {"type": "string", "minLength": 1, "description": "As it came with the answer."},
            "expected": {
                "type": "object",
                "properties": {
                    column.name: {**_cell(column), "description": column.role} for column in labels
                },
                "description": "The right answer; slices and group, if a training row has them.",
                "additionalProperties": False,
                "minProperties": 1,
            },
            "score": {"type": "number", "minimum": 0, "maximum": 1},
            "source": {"type": "string", "maxLength": SOURCE_LENGTH},
        },
        "required": ["id"],
        "anyOf": [{"required": ["expected"]}, {"required": ["score"]}],
        "additionalProperties": False,
    }
    return {"anyOf": [one, _list(one, MOST)]}


def _chat() -> _Schema:
    message = _object({"role": {"enum": ["system", "user", "assistant"]}, "content": _TEXT},
                      "role", "content")  # fmt: skip
    properties = {
        "model": _TEXT,
        "messages": _list(message),
        "stream": {"type": ["boolean", "null"]},
        "user": _KEY,
    }
    answer = _object(
        {"id": _TEXT, "choices": {"type": "array"}, "citations": {"type": "array"}},
        "id", "choices", "citations",
    )  # fmt: skip
    whole = _post("Answer the last question of a chat, as OpenAI does.",
                  _object(properties, "messages"), answer)  # fmt: skip
    whole["post"]["responses"]["200"]["content"]["text/event-stream"] = {
        "schema": _object({"data": _TEXT}, "data")
    }
    return whole
