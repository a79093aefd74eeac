"""A prompt: messages with placeholders, and how the model is asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from fullturn.core.entities import Scalar
from fullturn.core.errors import UsageError
from fullturn.core.wording import listed, nearest, shown

ROLES = ("system", "developer", "user", "assistant")
PARAMETERS: Mapping[str, tuple[type, ...]] = {
    "temperature": (int, float),
    "max_tokens": (int,),
}
"""Parameters that a prompt may set, with their types."""
_PLACEHOLDER = re.compile(r"\{\{\s*([\w.-]+)\s*\}\}")
_BRACES = re.compile(r"\{\{.*?(?:\}\}|$)|\{%.*?(?:%\}|$)", re.DOTALL)

Chat = list[dict[str, str]]
"""Messages as an API takes them."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Messages with `{{placeholders}}`; single braces are text. An assistant's message at the end
    begins the answer."""

    messages: Sequence[Mapping[str, str]]
    model: str = ""
    """The model that it is written for; empty: that of [llm]."""
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    tools: Sequence[Mapping[str, Any]] = ()
    """Tools that the model may call, as an OpenAI-compatible API takes them."""

    @property
    def placeholders(self) -> tuple[str, ...]:
        """Names in double braces, in order."""
        texts = (message["content"] for message in self.messages)
        return tuple(dict.fromkeys(name for text in texts for name in _PLACEHOLDER.findall(text)))

    @property
    def prefill(self) -> str:
        """The beginning of the answer, if the last message is the assistant's."""
        last = self.messages[-1]
        return last["content"] if last["role"] == "assistant" else ""

    def with_input(self, column: str) -> Prompt:
        """Itself, or, without any placeholder, with a user's message that is this column: then a
        text without roles is the system message."""
        if self.placeholders:
            return self
        first, *others = self.messages
        if not others and first["role"] == "user":
            first = {**first, "role": "system"}
        asked = {"role": "user", "content": f"{{{{{column}}}}}"}
        return replace(self, messages=(first, *others, asked))

    def render(self, values: Mapping[str, Any], before: Sequence[Mapping[str, str]] = ()) -> Chat:
        """The messages with these values, none for a placeholder that has no value; `before` are
        messages after those of the system, such as examples."""

        def value(match: re.Match[str]) -> str:
            return as_text(values.get(match[1]))

        filled = [
            {**message, "content": _PLACEHOLDER.sub(value, message["content"])}
            for message in self.messages
        ]
        start = next((n for n, one in enumerate(filled) if one["role"] == "user"), len(filled))
        return [*filled[:start], *map(dict, before), *filled[start:]]


def as_text(value: Any) -> str:
    """A value as a prompt shows it: text as it is, anything else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def check(prompt: Prompt, columns: Sequence[str], where: str) -> None:
    """Refuse a placeholder that no column of the cases fills.

    Raises:
        UsageError: names the placeholder, and the nearest column.
    """
    for name in prompt.placeholders:
        if name not in columns:
            raise UsageError(
                f"{where} has the placeholder {{{{{name}}}}}, and no case has such a column"
                f"{nearest(name, list(columns))}; columns: {listed(list(columns))}"
            )


def parse(value: Any, where: str) -> Prompt:
    """A prompt from what a YAML or JSON file contains: a list of messages, or a mapping with
    `messages`, and perhaps `model`, `parameters` and `tools`.

    Raises:
        UsageError: it is something else; names what is wrong.
    """
    table = {"messages": value} if isinstance(value, list) else value
    if not isinstance(table, Mapping) or not isinstance(table.get("messages"), list):
        raise UsageError(
            f"{where} contains {shown(value)}: write `messages`, a list with a role and a content "
            "each, or a plain text"
        )
    unknown = [str(name) for name in table if name not in ("messages", *_OTHERS)]
    if unknown:
        raise UsageError(
            f"{where}: unknown '{unknown[0]}'{nearest(unknown[0], list(_OTHERS))}; a prompt has "
            f"messages, {', '.join(_OTHERS)}"
        )
    messages = tuple(_messages(table["messages"], where))
    if not messages:
        raise UsageError(f"{where} has no message; write what the model is asked")
    for message in messages:
        _check_braces(message["content"], where)
    return Prompt(
        messages,
        str(table.get("model") or ""),
        _parameters(table.get("parameters") or {}, where),
        _tools(table.get("tools") or [], where),
    )


_OTHERS = ("model", "parameters", "tools", "labels", "json_schema")
"""`labels` and `json_schema` are for `fullturn init`, which writes them into [prompt]."""


def _messages(given: Sequence[Any], where: str) -> Iterator[Mapping[str, str]]:
    for number, one in enumerate(given, start=1):
        if not isinstance(one, Mapping) or not isinstance(one.get("content"), str):
            raise UsageError(
                f"{where}: message {number} is {shown(one)}; it needs a role and a content, a text"
            )
        role = str(one.get("role"))
        if role not in ROLES:
            raise UsageError(
                f"{where}: message {number} has the role '{role}'{nearest(role, list(ROLES))}; "
                f"known: {', '.join(ROLES)}"
            )
        yield {"role": role, "content": one["content"]}


def _check_braces(text: str, where: str) -> None:
    for found in _BRACES.findall(text):
        if not _PLACEHOLDER.fullmatch(found):
            raise UsageError(
                f"{where} has {shown(found)}, which is no placeholder: write {{{{name}}}}, the "
                "name of a column; other templates of Jinja are not filled in"
            )


def _parameters(given: Any, where: str) -> dict[str, Scalar]:
    if not isinstance(given, Mapping):
        raise UsageError(f"{where}: parameters is {shown(given)}; write a mapping")
    for name, value in given.items():
        if name not in PARAMETERS:
            raise UsageError(
                f"{where}: unknown parameter '{name}'{nearest(str(name), list(PARAMETERS))}; "
                f"known: {', '.join(PARAMETERS)}"
            )
        kinds = PARAMETERS[name]
        if isinstance(value, bool) or not isinstance(value, kinds) or float(value) < 0:  # type: ignore[arg-type]
            raise UsageError(f"{where}: {name} = {shown(value)} is no such number")
    return dict(given)


def _tools(given: Any, where: str) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(given, list) or not all(isinstance(one, Mapping) for one in given):
        raise UsageError(f"{where}: tools is {shown(given)}; write a list of tools")
    return tuple(given)
