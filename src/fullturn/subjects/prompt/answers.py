"""From what a model completed to an output (label, JSON, text), and how it is limited to it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fullturn.core.entities import Output
from fullturn.core.parsing import from_json

if TYPE_CHECKING:
    from fullturn.llm import Completion

NO_LABEL = "(none)"
"""The label of an answer that names none, or more than one."""
_ALTERNATIVES = 20
"""As many first tokens as an API shows at most."""
_OUTCOMES = {"length": "cut off", "content_filter": "filtered"}
_FENCE = re.compile(r"\A\s*```\w*\s*\n(?P<body>.*?)\n?```\s*\Z", re.DOTALL)


def limits(
    labels: Sequence[str], schema: Mapping[str, Any] | None, prefill: str, *, embedded: bool
) -> dict[str, Any]:
    """Fields of a request, by which the model can answer nothing else.

    The embedded LLM takes a grammar, and shows how probable the labels were; other APIs take a JSON
    schema (`response_format`), and a label is asked for as text: what is no label is counted as
    wrong.
    """
    if schema is not None:
        named = {"name": "answer", "schema": schema, "strict": True}
        return {"response_format": {"type": "json_schema", "json_schema": named}}
    if labels and embedded:
        space = " " if prefill and not prefill[-1].isspace() else ""
        choices = " | ".join(json.dumps(space + label, ensure_ascii=False) for label in labels)
        return {"grammar": f"root ::= {choices}", "logprobs": True, "top_logprobs": _ALTERNATIVES}
    return {}


def output_of(
    found: Completion, labels: Sequence[str], schema: Mapping[str, Any] | None, prefill: str
) -> dict[str, Any]:
    """What a predictor answers: `label` with its probabilities where they are known, `json` and
    `text`, or `text`; and `outcome` where it is no whole answer."""
    text = found.text.removeprefix(prefill).strip()
    output: dict[str, Any] = {}
    if labels:
        output = {"label": label_of(text, labels), **_probabilities(found, labels)}
        if output["label"] == NO_LABEL:
            output["text"] = text
    elif schema is not None:
        output = {"json": json_of(text), "text": text}
    else:
        output = {"text": text}
    if found.tool_calls:
        output["tool_calls"] = [dict(one) for one in found.tool_calls]
    if found.refusal:
        output |= {"outcome": "refused", "text": found.refusal}
    elif not found.is_whole:
        output["outcome"] = _OUTCOMES.get(found.finish, "empty")
    output["prompt_tokens"] = found.prompt_tokens
    output["completion_tokens"] = found.completion_tokens
    return output


def label_of(text: str, labels: Sequence[str]) -> str:
    """The label that a text is, or else the only one that is a word of it; NO_LABEL otherwise."""
    bare = text.strip().strip("\"'`*.!").casefold()
    for label in labels:
        if bare == label.casefold():
            return label
    found = [
        label
        for label in labels
        if re.search(rf"(?<!\w){re.escape(label.casefold())}(?!\w)", text.casefold())
    ]
    longest = [one for one in found if not any(one != other and one in other for other in found)]
    return longest[0] if len(longest) == 1 else NO_LABEL


def json_of(text: str) -> Any:
    """The JSON value in a text, also inside a code fence; None if it is none."""
    fence = _FENCE.match(text)
    try:
        return from_json(fence["body"] if fence else text)
    except ValueError:
        return None


def text_of(output: Output) -> str:
    """The answer as a person reads it."""
    if "label" in output:
        return str(output["label"])
    if output.get("json") is not None:
        return json.dumps(output["json"], ensure_ascii=False)
    return str(output.get("text", ""))


def _probabilities(found: Completion, labels: Sequence[str]) -> dict[str, Any]:
    """How probable each label is among the labels, by the first token; nothing if that decides
    nothing, or the API says nothing. A label that is not among the most probable tokens gets what
    the least probable of those has."""
    if not found.first_tokens:
        return {}
    least = min(found.first_tokens.values())
    weights = dict.fromkeys(labels, 0.0)
    for token, logprob in found.first_tokens.items():
        begun = token.strip()
        meant = [label for label in labels if begun and label.startswith(begun)]
        if len(meant) == 1:
            weights[meant[0]] += math.exp(logprob)
    weights = {label: weight or math.exp(least) for label, weight in weights.items()}
    total = sum(weights.values())
    shares = {label: round(weight / total, 6) for label, weight in weights.items()}
    label = label_of(found.text, labels)
    if label == NO_LABEL or shares[label] < max(shares.values()):
        return {}
    return {"confidence": shares[label], "probabilities": shares}
