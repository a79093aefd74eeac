"""The assistant's parameters, checked, and the prompts that they name."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal, get_args

from fullturn.core.entities import Params, Scalar
from fullturn.core.errors import BundleError, UsageError
from fullturn.core.wording import shown

if TYPE_CHECKING:
    from fullturn.llm import Message


AnswerKind = Literal["extractive", "zero-shot", "few-shot", "guarded"]
Retrieval = Literal["bm25", "vectors", "fused"]
MAX_TOKENS = 120
TUNED = "tuned"
_MOST = 10
_MOST_TOKENS = 500
DEFAULTS: Params = {
    "retrieval": "fused",
    "passages": 3,
    "sentences": 4,
    "answer": "extractive",
    "prompt": "copy",
    "tokens": MAX_TOKENS,
    "threshold": TUNED,
}
SPACE: Mapping[str, Sequence[Scalar]] = {
    "retrieval": get_args(Retrieval),
    "passages": (1, 2, 3),
    "sentences": (2, 3, 4),
}


def parse(params: Params) -> dict[str, Scalar]:
    """All parameters; the defaults where nothing is given.

    Raises:
        UsageError: a parameter is unknown or has a value that is not allowed.
    """
    unknown = sorted(params.keys() - DEFAULTS.keys())
    if unknown:
        raise UsageError(
            f"the assistant has no parameter '{unknown[0]}'; known: {', '.join(DEFAULTS)}"
        )
    chosen = {**DEFAULTS, **params}
    _one_of(chosen, "retrieval", get_args(Retrieval))
    _one_of(chosen, "answer", get_args(AnswerKind))
    for name in ("passages", "sentences"):
        _one_of(chosen, name, range(1, _MOST + 1))
    _one_of(chosen, "tokens", range(1, _MOST_TOKENS + 1))
    threshold = chosen["threshold"]
    number = isinstance(threshold, int | float) and 0 <= threshold <= 1
    if threshold != TUNED and not number:
        raise UsageError(f"threshold = {shown(threshold)}: allowed are '{TUNED}' and 0 to 1")
    return chosen


def _one_of(chosen: Params, name: str, allowed: Sequence[Scalar]) -> None:
    if chosen[name] not in allowed or isinstance(chosen[name], bool):
        whole = isinstance(allowed, range)
        listed = f"{allowed[0]} to {allowed[-1]}" if whole else ", ".join(map(str, allowed))
        raise UsageError(f"{name} = {shown(chosen[name])}: allowed are {listed}")


_ROLE = re.compile(r"^\[(system|user|assistant)\]$", re.MULTILINE)
_PLACE = re.compile(r"\{\{(text|question)\}\}")

_RULE = "You answer questions about MLOps. Use only the text that is given."
_DECLINE = 'If the text does not answer the question, reply "The handbook does not cover this."'
_ASK = "[user]\nText:\n{{text}}\n\nQuestion: {{question}}\n"
_SMOKE = """[user]
Text:
A smoke test asks a new server a handful of questions before any user does. It takes about ten \
seconds. A smoke test says nothing about quality.

Question: how long does a quick check of a fresh server take
[assistant]
It takes about ten seconds.
"""
_BACKUP = """[user]
Text:
Backups run every night at two. A backup that nobody has restored is only a hope. The team \
restores one backup a month on a spare machine.

Question: We copy our database each night. How do I find out whether the copies are any good?
[assistant]
A backup that nobody has restored is only a hope. The team restores one backup a month on a \
spare machine.
"""
_WALLS = """[user]
Text:
A pager wakes one engineer at a time. The rota changes on Mondays.

Question: what colour should the office walls have
[assistant]
The handbook does not cover this.
"""
_COPY = """[system]
You copy sentences.
[user]
{{text}}

Copy the two or three sentences from the text above that answer this question, word for word: \
{{question}}
"""

_ZERO_SHOT = {
    "copy": _COPY,
    "brief": f"[system]\n{_RULE} Answer in one or two short sentences. {_DECLINE}\n{_ASK}",
}
_FEW_SHOT = {
    "copy": f"[system]\n{_RULE} Answer with sentences copied from the text.\n"
    f"{_SMOKE}{_BACKUP}{_ASK}",
    "brief": f"[system]\n{_RULE} Answer with sentences copied from the text. {_DECLINE}\n"
    f"{_SMOKE}{_BACKUP}{_WALLS}{_ASK}",
}
PROMPTS: Mapping[str, Mapping[str, str]] = {
    "zero-shot": _ZERO_SHOT,
    "few-shot": _FEW_SHOT,
    "guarded": _ZERO_SHOT,
}
"""Templates by kind of answer and by name. Only `brief` offers to decline."""


def checked(template: str, name: str) -> str:
    """A template that somebody wrote, fit to be filled.

    Raises:
        UsageError: it has no role at its beginning, or lacks a place to fill.
    """
    try:
        render(template, "", "")
    except BundleError as error:
        raise UsageError(f"{name}: {error}") from None
    for place in ("text", "question"):
        if f"{{{{{place}}}}}" not in template:
            raise UsageError(f"{name} has no place {{{{{place}}}}}: the LLM would not see it")
    return template


def render(template: str, question: str, text: str, context: str = "") -> list[Message]:
    """The messages of a template; `context` goes into the system message.

    Raises:
        BundleError: the template does not begin with a role.
    """
    values = {"question": question, "text": text}
    before, *parts = _ROLE.split(template)
    if before.strip() or not parts:
        raise BundleError(f"a prompt must begin with [system] or [user], not {template[:40]!r}")
    # One pass over the template: what a user writes is never expanded again.
    messages = [
        {"role": role, "content": _PLACE.sub(lambda found: values[found[1]], body.strip())}
        for role, body in zip(parts[0::2], parts[1::2], strict=True)
    ]
    if context and messages[0]["role"] == "system":
        messages[0]["content"] += f"\n{context}"
    elif context:
        messages.insert(0, {"role": "system", "content": context})
    return list(messages)
