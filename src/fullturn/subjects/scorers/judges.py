"""Scorers that ask a model: by a rubric, or which of two answers is better."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fullturn.core.errors import AppError, SettingsError
from fullturn.core.parsing import from_json
from fullturn.core.wording import shown
from fullturn.llm import uncached
from fullturn.llm.template import Prompt, as_text
from fullturn.subjects.scorers.answer import Answer, Score

if TYPE_CHECKING:
    from fullturn.llm import LLM

KNOWN = ("input", "expected", "rubric", "answer")
"""What a rubric may name in double braces."""
_CASE = (
    "Input:\n{{input}}\n\nWhat is expected:\n{{expected}}\n{{rubric}}\n\n"
    "Answer to judge:\n{{answer}}"
)
_TWO = "Input:\n{{input}}\n\nAnswer A:\n{{a}}\n\nAnswer B:\n{{b}}"
_SCALE = 5
_GRADE = (
    'Reply with JSON: {"reason": "one sentence", "score": N}, where N is a whole number from 1 '
    f"(bad) to {_SCALE} (good)."
)
_CHOICE = 'Reply with JSON: {"reason": "one sentence", "better": "A"}, or "B", or "tie".'
_TOKENS = 256
_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Judge:
    """A model with a rubric; messages name the rubric's file."""

    llm: LLM
    rubric: Prompt
    name: str
    limited: bool = True

    def grade(self) -> Score:
        """(score - 1) ÷ 4 of the score from 1 to 5 that the model gives."""
        request = _completed(self.rubric, KNOWN, _CASE, _GRADE, self.name)
        form = _form("score", {"type": "integer", "minimum": 1, "maximum": _SCALE})

        def score(answer: Answer) -> float:
            return self._asked(request, _values(answer), form, _grade_in)

        return score

    def preference(self) -> Score:
        """How often the model prefers the answer to the expected one: 1, 0.5 for a tie, or 0, as a
        mean of both orders, as models prefer a place."""
        request = _completed(self.rubric, ("input", "a", "b"), _TWO, _CHOICE, self.name)
        form = _form("better", {"enum": ["A", "B", "tie"]})

        def score(answer: Answer) -> float:
            values = _values(answer)
            mine, theirs = values["answer"], values["expected"]
            first = self._asked(request, {**values, "a": mine, "b": theirs}, form, _choice_in)
            second = self._asked(request, {**values, "a": theirs, "b": mine}, form, _choice_in)
            return (first + 1 - second) / 2

        return score

    def _asked(
        self,
        request: Prompt,
        values: Mapping[str, Any],
        form: Mapping[str, Any],
        read: Callable[[Any], float | None],
    ) -> float:
        """What the model's reply says; asked once more, with another seed, if it says nothing."""
        text = ""
        for attempt in range(_ATTEMPTS):
            with uncached(False):  # a verdict on the same answer is the same verdict
                reply = self.llm.complete(
                    request.render(values),
                    _TOKENS,
                    seed=attempt,
                    options=form if self.limited else {},
                )
            text = reply.text
            if (found := read(_json_in(text))) is not None:
                return found
        raise AppError(
            f"the judge '{self.name}' replied {shown(text)}, which is no verdict; {_GRADE} Take a "
            "model that can, with [prompt] judge, or correct the rubric"
        )


def _completed(rubric: Prompt, known: Sequence[str], case: str, reply: str, name: str) -> Prompt:
    """The rubric with what it lacks: the case, and how to reply."""
    named = rubric.placeholders
    unknown = [one for one in named if one not in known]
    if unknown:
        raise SettingsError(
            f"the rubric '{name}' has the placeholder {{{{{unknown[0]}}}}}; known are "
            f"{', '.join(known)}"
        )
    *before, last = rubric.messages
    parts = [last["content"], *([] if named else [case]), reply]
    return Prompt((*before, {**last, "content": "\n\n".join(parts)}))


def _values(answer: Answer) -> dict[str, str]:
    inputs = answer.input
    one = next(iter(inputs.values())) if len(inputs) == 1 else dict(inputs)
    texts = {"input": one, "expected": answer.expected, "rubric": answer.rubric or None}
    return {**{name: as_text(value) for name, value in texts.items()}, "answer": answer.text}


def _form(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    whole = {
        "type": "object",
        "properties": {"reason": {"type": "string", "maxLength": 300}, name: schema},
        "required": ["reason", name],
        "additionalProperties": False,
    }
    named = {"name": "verdict", "schema": whole, "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def _json_in(text: str) -> Any:
    start, end = text.find("{"), text.rfind("}")
    try:
        return from_json(text[start : end + 1])
    except ValueError:
        return None


def _grade_in(verdict: Any) -> float | None:
    given = verdict.get("score") if isinstance(verdict, Mapping) else None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 1 <= given <= _SCALE:
        return None
    return (given - 1) / (_SCALE - 1)


def _choice_in(verdict: Any) -> float | None:
    """1 for the first of the two, 0 for the second."""
    given = verdict.get("better") if isinstance(verdict, Mapping) else None
    return {"A": 1.0, "B": 0.0, "tie": 0.5}.get(str(given))
