"""Scorers of texts and numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from fullturn.core.errors import DataError, SettingsError
from fullturn.core.values import as_label
from fullturn.core.wording import shown
from fullturn.subjects.scorers.answer import Answer, Score
from fullturn.subjects.task_scores import text_scores

_NUMBER = re.compile(r"[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?")


def accuracy() -> Score:
    """1 where the label is the expected one."""
    return lambda answer: float(as_label(answer.value) == as_label(answer.expected))


def exact_match() -> Score:
    """1 where the text is the expected one, but for case and spacing."""
    return lambda answer: _text_score(answer, "exact_match")


def token_f1() -> Score:
    """F1 of the words that the answer and the expected text have."""
    return lambda answer: _text_score(answer, "token_f1")


def contains(text: str | None = None) -> Score:
    """1 where the answer contains the expected text, or this one, but for case and spacing; of a
    list of texts, the share that it contains."""
    return lambda answer: _share(answer.text, _texts(answer.expected if text is None else text))


def regex(pattern: str) -> Score:
    """1 where this pattern matches somewhere in the answer."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise SettingsError(
            f"scorer 'regex({pattern})' has no regular expression: {error}"
        ) from None
    return lambda answer: float(bool(compiled.search(answer.text)))


def number(tolerance: str = "0") -> Score:
    """1 where the answer's number is the expected one within a tolerance: `0.5`, or `1%` of the
    expected number. The last number of a text is its answer."""
    within = _tolerance(tolerance)

    def score(answer: Answer) -> float:
        expected, found = number_in(answer.expected), number_in(answer.value)
        if expected is None:
            raise DataError(f"the case expects {shown(answer.expected)}, which has no number")
        return float(found is not None and abs(found - expected) <= within(expected))

    return score


def number_in(value: Any) -> float | None:
    """A number, or the last one in a text; None if there is none."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    found = _NUMBER.findall(str(value))
    return float(found[-1].replace(",", "").replace("−", "-")) if found else None


def similarity() -> Score:
    """Cosine of the meanings of the answer and the expected text, by sentence vectors; 0 where it
    is negative, or the answer is empty."""

    def score(answer: Answer) -> float:
        from fullturn.subjects.vectors import sentence_vectors

        if not answer.text.strip():
            return 0.0
        one, other = sentence_vectors([answer.text, str(answer.expected)])
        return min(1.0, max(0.0, float(one @ other)))

    return score


def _text_score(answer: Answer, name: str) -> float:
    return text_scores({"text": answer.text}, answer.expected)[name]


def _share(text: str, wanted: Sequence[str]) -> float:
    bare = _bare(text)
    return sum(_bare(one) in bare for one in wanted) / len(wanted) if wanted else 1.0


def _texts(value: Any) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]


def _bare(text: str) -> str:
    return " ".join(text.casefold().split())


def _tolerance(given: str) -> Callable[[float], float]:
    share = given.endswith("%")
    try:
        amount = float(given.removesuffix("%"))
    except ValueError:
        amount = math.nan
    if not 0 <= amount < math.inf:
        raise SettingsError(f"scorer 'number({given})': write a tolerance such as 0.5 or 1%")
    return (lambda expected: abs(expected) * amount / 100) if share else (lambda _: amount)
