"""The named schemas of the server's description."""

from __future__ import annotations

from typing import Any

from fullturn.core.entities import Column, Contract
from fullturn.serving.external import (
    LARGEST_VERSION,
    LATEST,
    LONGEST_ERROR,
    LONGEST_ID,
    SLOWEST,
)
from fullturn.serving.feedback import LABEL_ROLES, MOST, SOURCE_LENGTH
from fullturn.serving.inference import DATATYPES
from fullturn.serving.inputs import KEY_LENGTH

Schema = dict[str, Any]
_TEXT: Schema = {"type": "string"}
_WHOLE: Schema = {"type": "integer"}
_TRUTH: Schema = {"type": "boolean"}
_ANY_OBJECT: Schema = {"type": "object", "additionalProperties": True}
_ARMS: Schema = {"type": "string", "enum": ["champion", "baseline", "canary"]}
_IDS: Schema = {"type": "array", "items": {"type": "string", "pattern": "^[0-9a-f]{32}$"}}


def ref(name: str) -> Schema:
    """A reference to a named schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def of(contract: Contract, *, chats: bool) -> dict[str, Schema]:
    """All of them, by name; `chats` for assistants."""
    found = {
        "Row": _row(contract),
        "Key": _KEY,
        "Error": _object({"error": _TEXT, "ids": _IDS}, "error"),
        "PredictRequest": _closed({"inputs": _rows(ref("Row")), "key": ref("Key")}, "inputs"),
        "PredictReply": _answer("outputs"),
        **_scoring(contract),
        **_feedback(contract),
        **_STATES,
        **_INFERENCE,
    }
    return found | _CHATS if chats else found


_KEY: Schema = {
    "description": "The entity that asks: in a release it always gets the same version.",
    "anyOf": [
        {"type": "string", "maxLength": KEY_LENGTH},
        {"type": "integer", "minimum": -(2**63), "maximum": 2**64 - 1},
        {"type": "null"},
    ],
}


def _object(properties: Schema, *required: str) -> Schema:
    whole = {"type": "object", "properties": properties}
    return {**whole, "required": list(required)} if required else whole


def _closed(properties: Schema, *required: str) -> Schema:
    """An object whose other fields are refused."""
    return {**_object(properties, *required), "additionalProperties": False}


def _rows(items: Schema, most: int | None = None) -> Schema:
    bounds = {"maxItems": most} if most else {}
    return {"type": "array", "items": items, "minItems": 1, **bounds}


def _answer(rows: str) -> Schema:
    ignored = {
        "type": "object",
        "additionalProperties": _WHOLE,
        "description": "Columns that the contract lacks, and the number of rows that have them.",
    }
    logged = {**_TRUTH, "description": "Only there, and false, if it was not logged."}
    properties = {
        rows: {"type": "array", "items": _ANY_OBJECT}, "ids": _IDS, "version": _WHOLE,
        "arm": _ARMS, "ignored": ignored, "logged": logged,
    }  # fmt: skip
    return _object(properties, rows, "ids", "version", "arm")


def _row(contract: Contract) -> Schema:
    columns = [column for column in contract.columns if column.role == "input"]
    cells = {column.name: _cell(column) for column in columns}
    required = [column.name for column in columns if column.required]
    return {
        **_object(cells, *required),
        "description": "A value for each column. Columns that are not known are ignored.",
    }


def _cell(column: Column) -> Schema:
    schema: Schema = {"type": "string", "minLength": 1, "maxLength": column.max_length}
    if column.kind == "number":
        bounds = {"minimum": column.minimum, "maximum": column.maximum}
        schema = {"type": "number"} | {k: v for k, v in bounds.items() if v is not None}
    elif column.kind == "json":
        schema = {"anyOf": [{"type": "array", "items": {}}, _ANY_OBJECT]}
    elif column.kind == "boolean":
        schema = {"type": "boolean"}
    elif column.kind == "date":
        schema = {"type": "string", "description": "A date or a time, ISO 8601."}
    elif column.allowed:
        schema = {"type": "string", "enum": list(column.allowed)}
    return schema if column.required else {"anyOf": [schema, {"type": "null"}]}


def _scoring(contract: Contract) -> dict[str, Schema]:
    """MLflow's protocol: unknown fields are ignored, as MLflow does."""
    row = ref("Row")
    names = [column.name for column in contract.columns if column.role == "input"]
    cells = {"type": "array", "items": {}, "minItems": len(names), "maxItems": len(names)}
    columns = {"type": "array", "items": _TEXT, "description": "Of each cell of a row, its column."}
    split = _object({"columns": columns, "data": {"type": "array", "items": cells},
                     "index": {"type": "array", "items": {}}}, "columns", "data")  # fmt: skip
    by_column = {
        "type": "object",
        "additionalProperties": {"type": "array", "items": {}},
        "description": "A list of cells for each column.",
    }
    forms: dict[str, Schema] = {
        "dataframe_split": ref("SplitTable"),
        "dataframe_records": _rows(row),
        "instances": {"anyOf": [_rows(row), ref("ColumnTable")]},
        "inputs": {"anyOf": [_rows(row), ref("ColumnTable")]},
    }
    requests = ("SplitRequest", "RecordsRequest", "InstancesRequest", "InputsRequest")
    rest = {
        "key": ref("Key"),
        "params": {"description": "Not read; refused if the model's signature has such."},
    }
    return {
        "SplitTable": {**split, "additionalProperties": False},
        "ColumnTable": by_column,
        **{
            name: _object({form: schema, **rest}, form)
            for name, (form, schema) in zip(requests, forms.items(), strict=True)
        },
        "InvocationsRequest": {"anyOf": [ref(name) for name in requests]},
        "InvocationsReply": _answer("predictions"),
        "ScoringError": _object({"error_code": _TEXT, "message": _TEXT, "ids": _IDS},
                                "error_code", "message"),
    }  # fmt: skip


def _feedback(contract: Contract) -> dict[str, Schema]:
    labels = [column for column in contract.columns if column.role in LABEL_ROLES]
    expected = {
        **_closed({c.name: {**_cell(c), "description": c.role} for c in labels}),
        "description": "The right answer; slices and group, if a training row has them.",
        "minProperties": 1,
    }
    one = {
        **_closed({
            "id": {"type": "string", "minLength": 1, "description": "As it came with the answer."},
            "expected": ref("Expected"),
            "score": {"type": "number", "minimum": 0, "maximum": 1},
            "source": {"type": "string", "maxLength": SOURCE_LENGTH},
        }, "id"),
        "description": "`expected`, `score`, or both: one of them is needed.",
    }  # fmt: skip
    stored = _object({"id": _TEXT, "replaced": {"type": "boolean"}}, "id", "replaced")
    return {
        **_external(),
        "Expected": expected,
        "Feedback": one,
        "FeedbackRequest": {"anyOf": [ref("Feedback"), _rows(ref("Feedback"), MOST)]},
        "Stored": stored,
        "FeedbackReply": {"anyOf": [ref("Stored"), _rows(ref("Stored"))]},
    }


def _external() -> dict[str, Schema]:
    """Predictions that were made elsewhere: an input that breaks the contract is logged, too."""
    one = _closed({
        "input": {**_ANY_OBJECT, "description": "The row, a value by column."},
        "output": {"type": ["object", "null"], "additionalProperties": True,
                   "description": "The answer; null if there is none."},
        "id": {"type": "string", "minLength": 1, "maxLength": LONGEST_ID,
               "description": "Of your choice; a second one of the same id is not logged."},
        "error": {"type": "string", "minLength": 1, "maxLength": LONGEST_ERROR},
        "key": ref("Key"),
        "version": {"type": "integer", "minimum": 1, "maximum": LARGEST_VERSION,
                    "description": "Default: the champion."},
        "time": {"type": "integer", "minimum": 0, "maximum": LATEST,
                 "description": "Milliseconds since 1970; default: now."},
        "latency": {"type": "number", "minimum": 0, "maximum": SLOWEST, "description": "Seconds."},
        "expected": ref("Expected"),
        "score": {"type": "number", "minimum": 0, "maximum": 1},
        "source": {"type": "string", "maxLength": SOURCE_LENGTH},
    }, "input")  # fmt: skip
    stored = _object(
        {"id": _TEXT, "repeated": {"type": "boolean"},
         "broken": {"type": "string", "description": "How the input breaks the contract."}},
        "id", "repeated",
    )  # fmt: skip
    return {
        "ExternalPrediction": one,
        "LogRequest": {
            "anyOf": [ref("ExternalPrediction"), _rows(ref("ExternalPrediction"), MOST)]
        },
        "Logged": stored,
        "LogReply": {"anyOf": [ref("Logged"), _rows(ref("Logged"))]},
    }


_RELEASE = _object(
    {"stage": _TEXT, "version": _WHOLE, "share": {"type": "number"}, "run": _TEXT},
    "stage", "version", "share", "run",
)  # fmt: skip
_NAMED: Schema = {"anyOf": [_TEXT, {"type": "null"}]}
_STATES: dict[str, Schema] = {
    "Alive": _object({"alive": _TRUTH}, "alive"),
    "Ready": _object({"ready": _TRUTH, "version": _WHOLE}, "ready", "version"),
    "Release": _RELEASE,
    "Status": _object(
        {
            "model": _TEXT,
            "version": _WHOLE,
            "run": _TEXT,
            "release": {"anyOf": [ref("Release"), {"type": "null"}]},
            "swaps": _WHOLE,
            "not_loaded": {"type": "object", "additionalProperties": _TEXT},
            "release_problem": _NAMED,
            "foreign_alias": _NAMED,
            "registry": _TEXT,
            "log": _TEXT,
        },
        "model", "version", "run", "release", "swaps", "not_loaded", "registry", "log",
    ),
    "OpenAPI": _object({"openapi": _TEXT}, "openapi"),
}  # fmt: skip
_SHAPE: Schema = {"type": "array", "items": _WHOLE, "minItems": 1, "maxItems": 2}
_PARAMETERS = {"type": "object", "additionalProperties": True}
_INFERENCE: dict[str, Schema] = {
    "InferenceServer": _object(
        {"name": _TEXT, "version": _TEXT, "extensions": {"type": "array", "items": _TEXT}},
        "name", "version", "extensions",
    ),
    "InferenceLive": _object({"live": _TRUTH}, "live"),
    "InferenceReady": _object({"name": _TEXT, "ready": _TRUTH}, "ready"),
    "InferenceModel": _object(
        {
            "name": _TEXT,
            "versions": {"type": "array", "items": _TEXT},
            "platform": _TEXT,
            "inputs": {"type": "array", "items": ref("TensorDescription")},
            "outputs": {"type": "array", "items": ref("TensorDescription")},
        },
        "name", "versions", "platform", "inputs", "outputs",
    ),
    "TensorDescription": _object(
        {"name": _TEXT, "datatype": _TEXT, "shape": _SHAPE}, "name", "datatype", "shape"
    ),
    "Tensor": _object(
        {
            "name": _TEXT,
            "shape": _SHAPE,
            "datatype": {"type": "string", "enum": list(DATATYPES)},
            "data": {"type": "array", "items": {}},
            "parameters": _PARAMETERS,
        },
        "name", "shape", "datatype", "data",
    ),
    "InferRequest": _object(
        {
            "id": _TEXT,
            "parameters": _object({"key": ref("Key")}),
            "inputs": _rows(ref("Tensor")),
            "outputs": {"type": "array", "items": _object({"name": _TEXT}, "name")},
        },
        "inputs",
    ),
    "InferReply": _object(
        {
            "id": _TEXT,
            "model_name": _TEXT,
            "model_version": _TEXT,
            "parameters": _PARAMETERS,
            "outputs": {"type": "array", "items": ref("Tensor")},
        },
        "model_name", "model_version", "outputs",
    ),
}  # fmt: skip
_CHATS: dict[str, Schema] = {
    "ChatMessage": _object(
        {
            "role": {"type": "string", "enum": ["system", "user", "assistant"]},
            "content": _TEXT,
        },
        "role", "content",
    ),
    "ChatRequest": _object(
        {
            "model": _TEXT,
            "messages": _rows(ref("ChatMessage")),
            "stream": {"type": ["boolean", "null"]},
            "user": ref("Key"),
        },
        "messages",
    ),
    "ChatChoice": _object(
        {"index": _WHOLE, "message": ref("ChatMessage"), "finish_reason": _TEXT},
        "index", "message", "finish_reason",
    ),
    "ChatReply": _object(
        {
            "id": _TEXT,
            "model": _TEXT,
            "created": _WHOLE,
            "choices": {"type": "array", "items": ref("ChatChoice")},
            "citations": {"type": "array", "items": {}},
            "version": _WHOLE,
            "arm": _ARMS,
        },
        "id", "choices", "citations",
    ),
}  # fmt: skip
