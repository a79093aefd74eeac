"""Prompts, and traces of answered questions."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fullturn.core.errors import NotFound
from fullturn.core.records import Span, Traced
from fullturn.core.redaction import redacted, redacted_tags, redacted_values
from fullturn.store.connection import Connection
from fullturn.store.errors import guarded

if TYPE_CHECKING:
    from fullturn.store.client import entities


class Traces(Connection):
    """Prompts and traces of one project."""

    @guarded
    def prompt(self, run_id: str, name: str, template: str) -> str:
        """Link a run to this prompt's version with this text, registered if the text is new.

        Returns its `prompts:/…` address.
        """
        from fullturn.store.retries import retried

        found = retried(_prompt, self.uri, name, redacted(template))
        self._client.link_prompt_version_to_run(run_id, found)
        return str(found.uri)

    @guarded
    def trace(self, traced: Traced) -> None:
        """Write one answered question; writing it twice changes nothing.

        Goes to the server directly: MLflow's own exporter only logs a warning when it fails.
        """
        from fullturn.store.client import TracingClient
        from fullturn.store.retries import retried

        whole, *steps = [_without_secrets(span) for span in traced.spans]
        client = TracingClient(self.uri)
        shown = replace(traced, spans=(whole, *steps), tags=redacted_tags(traced.tags))
        retried(client.start_trace, _trace_info(shown, self.experiment_id))
        root = _span(traced.id, 0, whole)
        spans = [root, *(_span(traced.id, n, step) for n, step in enumerate(steps, 1))]
        retried(client.log_spans, self.experiment_id, spans)

    @guarded
    def answer(self, trace_id: str) -> Traced:
        """The whole of an answer that was traced, without its steps; `trace_id` without `tr-`.

        Raises:
            NotFound: there is no such trace.
        """
        from fullturn.store.client import TracingClient

        found = TracingClient(self.uri).get_trace(f"tr-{trace_id}")
        whole = next((span for span in found.data.spans if span.parent_id is None), None)
        if whole is None:
            raise NotFound(f"trace 'tr-{trace_id}' has no spans in MLflow")
        ends = int(whole.start_time_ns), int(whole.end_time_ns or whole.start_time_ns)
        span = Span(whole.name, whole.span_type, whole.inputs, whole.outputs, *ends)
        run = found.info.trace_metadata.get("mlflow.sourceRun", "")
        return Traced(trace_id, (span,), dict(found.info.tags), run)

    @guarded
    def traces(self, limit: int = 100) -> list[dict[str, Any]]:
        """The newest traces of this project: id, tags, request and response previews."""
        from fullturn.store.client import pointed_at

        found = pointed_at(self.uri).search_traces(
            locations=[self.experiment_id], max_results=limit, return_type="list"
        )
        return [_trace(trace) for trace in found]


def _without_secrets(span: Span) -> Span:
    inputs, outputs = redacted_values(span.inputs), redacted_values(span.outputs)
    return replace(span, inputs=inputs, outputs=outputs)


def _prompt(uri: str, name: str, template: str) -> Any:
    from fullturn.store.client import pointed_at

    genai = pointed_at(uri).genai
    latest = genai.load_prompt(f"prompts:/{name}@latest", allow_missing=True)
    if latest is None or latest.template != template:
        latest = genai.register_prompt(name, template)
    return latest


def _trace_info(traced: Traced, experiment_id: str) -> entities.TraceInfo:
    from fullturn.store.client import entities

    whole = traced.spans[0]
    return entities.TraceInfo(
        trace_id=f"tr-{traced.id}",
        trace_location=entities.TraceLocation.from_experiment_id(experiment_id),
        request_time=whole.start // 1_000_000,
        state=entities.TraceState.OK,
        request_preview=json.dumps(whole.inputs, ensure_ascii=False)[:1000],
        response_preview=json.dumps(whole.outputs, ensure_ascii=False, default=str)[:1000],
        execution_duration=(whole.end - whole.start) // 1_000_000,
        tags={"mlflow.traceName": whole.name, **traced.tags},
        trace_metadata={"mlflow.sourceRun": traced.run_id, "mlflow.trace_schema.version": "3"},
    )


def _span(trace_id: str, number: int, span: Span) -> entities.Span:
    """A span as MLflow stores it: ids in base64, attributes in JSON."""
    from fullturn.store.client import entities

    attributes = {
        "mlflow.traceRequestId": f"tr-{trace_id}",
        "mlflow.spanType": span.kind,
        "mlflow.spanInputs": span.inputs,
        "mlflow.spanOutputs": span.outputs,
    }
    first, own = (base64.b64encode(n.to_bytes(8)).decode() for n in (1, number + 1))
    return entities.Span.from_dict(
        {
            "trace_id": base64.b64encode(bytes.fromhex(trace_id)).decode(),
            "span_id": own,
            "parent_span_id": first if number else None,
            "name": span.name,
            "start_time_unix_nano": span.start,
            "end_time_unix_nano": span.end,
            "events": [],
            "status": {"code": "STATUS_CODE_OK", "message": ""},
            "attributes": {key: json.dumps(v, default=str) for key, v in attributes.items()},
        }
    )


def _trace(trace: Any) -> dict[str, Any]:
    return {
        "id": trace.info.trace_id,
        "tags": dict(trace.info.tags),
        "request": trace.info.request_preview,
        "response": trace.info.response_preview,
        "spans": [span.name for span in trace.data.spans],
    }
