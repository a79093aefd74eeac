"""The description of the server in OpenAPI 3.1, generated from the contract.

Every schema has a name and every operation an id, so that generators of clients
(`openapi-python-client`, `openapi-typescript`) make types and functions with these names.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version

from fullturn.core.entities import Contract
from fullturn.serving import schemas
from fullturn.serving.schemas import Schema, ref
from fullturn.serving.scoring import KINDS

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
_TEXT: Schema = {"type": "string"}


def description(name: str, contract: Contract, *, chats: bool, token: bool) -> Schema:
    """The whole document; `chats` for assistants, `token` if one is required."""
    paths = {
        "/predict": _post("predict", "Answer rows.", "PredictRequest", "PredictReply"),
        "/invocations": _invocations(),
        "/feedback": _post("feedback", "Send labels or scores of answers.", "FeedbackRequest",
                           "FeedbackReply", 404),
        "/log": _post("log", "Log predictions that were made elsewhere.", "LogRequest", "LogReply"),
        "/status": _get("status", "What is served.", "Status"),
        "/healthz": _get("alive", "Whether the server runs.", "Alive"),
        "/readyz": _get("ready", "Whether it can answer.", "Ready", 503),
        "/openapi.json": _get("openapi", "This document.", "OpenAPI"),
        "/metrics": _get("metrics", "What Prometheus scrapes.", _TEXT, kind="text/plain"),
        "/version": _get("mlflow_version", "The version of MLflow, as text.", None),
        "/ping": _get("ping", "Whether it can answer, as MLflow asks.", None, 503),
        "/health": _get("health", "The same.", None, 503),
    }  # fmt: skip
    paths |= _inference(name)
    if chats:
        paths["/v1/chat/completions"] = _chat()
    document: Schema = {
        "openapi": "3.1.0",
        "info": {"title": f"fullturn: {name}", "version": version("fullturn")},
        "paths": paths,
        "components": {"schemas": schemas.of(contract, chats=chats)},
    }
    for path, item in paths.items():
        for operation in item.values():
            operation["tags"] = [_tag(path)]
    if token:
        _require_token(document)
    return document


def _tag(path: str) -> str:
    """The protocol of a path: generators make a module of each."""
    if path.startswith("/v1/"):
        return "openai"
    if path.startswith("/v2"):
        return "inference"
    return "mlflow" if path in ("/invocations", "/version", "/ping", "/health") else "fullturn"


PUBLIC = frozenset(
    {"/healthz", "/readyz", "/ping", "/health", "/v2/health/live", "/v2/health/ready"}
)
"""Paths that need no token."""


def _require_token(document: Schema) -> None:
    scheme = {"type": "http", "scheme": "bearer"}
    document["components"]["securitySchemes"] = {"token": scheme}
    document["security"] = [{"token": []}]
    for path, item in document["paths"].items():
        for operation in item.values():
            if path in PUBLIC:
                operation["security"] = []
            else:
                error = "ScoringError" if path == "/invocations" else "Error"
                operation["responses"]["401"] = _error(401, error)


def _post(name: str, about: str, body: str, answer: str, *more: int) -> Schema:
    responses = {200: _content("The answer.", ref(answer))}
    responses |= {status: _error(status) for status in sorted({*_BAD_BODY, *_STRANGERS, *more})}
    content = {"application/json": {"schema": ref(body)}}
    return {"post": {**_operation(name, about, responses),
                     "requestBody": {"required": True, "content": content}}}  # fmt: skip


def _invocations() -> Schema:
    """MLflow's route: a fault of the request is 400, a wrong content type has plain text."""
    whole = _post("invocations", "Answer rows, in MLflow's scoring protocol.",
                  "InvocationsRequest", "InvocationsReply")  # fmt: skip
    post = whole["post"]
    statuses = [status for status in (*_BAD_BODY, *_STRANGERS) if status not in (415, 422)]
    responses = {str(status): _error(status, "ScoringError") for status in sorted(statuses)}
    responses["400"]["description"] = _REASONS[422]
    responses["415"] = _content("The content type is not one of these.", _TEXT, "text/plain")
    post["responses"] = {"200": post["responses"]["200"], **responses}
    files = {kind: _TEXT if name == "csv" else _BYTES for kind, name in KINDS.items()}
    post["requestBody"]["content"] |= {
        kind: {"schema": schema} for kind, schema in files.items() if kind != "application/json"
    }
    return whole


_BYTES: Schema = {"type": "string", "format": "binary"}


def _get(
    name: str,
    about: str,
    answer: str | Schema | None,
    *more: int,
    kind: str = "application/json",
) -> Schema:
    """MLflow calls plain text JSON: without an `answer`, nothing is said of the body."""
    schema = ref(answer) if isinstance(answer, str) else answer
    found = _content("The answer.", schema, kind) if schema else {"description": "The answer."}
    refused = {status: _error(status) for status in sorted({*_STRANGERS, *more})}
    return {"get": _operation(name, about, {200: found, **refused})}


def _operation(name: str, about: str, responses: Mapping[int, Schema]) -> Schema:
    by_status = {str(status): one for status, one in responses.items()}
    return {"operationId": name, "summary": about, "responses": by_status}


def _content(about: str, schema: Schema, kind: str = "application/json") -> Schema:
    return {"description": about, "content": {kind: {"schema": schema}}}


def _error(status: int, name: str = "Error") -> Schema:
    return _content(_REASONS[status], ref(name))


def _inference(name: str) -> Schema:
    """KServe's routes: a fault of the request is 400.

    That both may be JSON and bytes is not said: openapi-python-client writes wrong code for it.
    """
    infer = _post("infer", "Answer rows, in the open inference protocol.",
                  "InferRequest", "InferReply", 404)  # fmt: skip
    responses = infer["post"]["responses"]
    responses["400"]["description"] = responses.pop("422")["description"]
    one = f"/v2/models/{name}"
    return {
        "/v2": _get("inference_server", "What the server is.", "InferenceServer"),
        "/v2/health/live": _get("inference_live", "Whether it runs.", "InferenceLive"),
        "/v2/health/ready": _get("inference_ready", "If it can answer.", "InferenceReady", 503),
        one: _get("inference_model", "The model's inputs and outputs.", "InferenceModel", 404),
        f"{one}/ready": _get("model_ready", "The same of the model.", "InferenceReady", 404, 503),
        f"{one}/infer": infer,
    }  # fmt: skip


def _chat() -> Schema:
    whole = _post("chat_completions", "Answer the last question of a chat, as OpenAI does.",
                  "ChatRequest", "ChatReply")  # fmt: skip
    events = {"type": "object", "properties": {"data": _TEXT}, "required": ["data"]}
    whole["post"]["responses"]["200"]["content"]["text/event-stream"] = {"schema": events}
    return whole
