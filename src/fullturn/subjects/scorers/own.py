"""Scorers of one's own: a function, or a scorer of MLflow's."""

from __future__ import annotations

import inspect
import math
from pathlib import Path
from typing import Any

from fullturn.core import plugins
from fullturn.core.errors import AppError
from fullturn.core.wording import shown
from fullturn.subjects.scorers.answer import Answer, Score

_WORDS = {"yes": 1.0, "pass": 1.0, "true": 1.0, "no": 0.0, "fail": 0.0, "false": 0.0}


def own(name: str, root: Path | None) -> Score:
    """The scorer `module:function`: `function(input, answer, expected)` returns a number in
    [0, 1], or whether the answer is right. A scorer of `mlflow.genai`, such as
    `mlflow.genai.scorers:Correctness` or one made with `@scorer`, is asked as MLflow does.

    Raises:
        SettingsError: there is no such function.
    """
    found: Any = plugins.from_module(name, root, "scorer")
    if inspect.isclass(found):
        found = plugins.created(f"scorer '{name}'", found)
    is_of_mlflow = callable(getattr(found, "run", None))

    def score(answer: Answer) -> float:
        if is_of_mlflow:
            expected = {"expected_response": answer.expected, "rubric": answer.rubric}
            given = plugins.asked(
                f"scorer '{name}'",
                lambda: found.run(
                    inputs=dict(answer.input),
                    outputs=answer.value,
                    expectations={key: one for key, one in expected.items() if one},
                ),
            )
        else:
            given = plugins.asked(
                f"scorer '{name}'", lambda: found(answer.input, answer.value, answer.expected)
            )
        return _number(given, name)

    return score


def _number(given: Any, name: str) -> float:
    """A score from what a scorer returned: a number, a truth value, yes or no, or MLflow's
    feedback with one of them."""
    value = given
    if hasattr(given, "value") and hasattr(given, "error"):
        if given.error is not None:
            raise AppError(f"scorer '{name}' failed: {given.error}; correct it, or its model")
        value = given.value
    value = getattr(value, "value", value)
    if isinstance(value, str):
        value = _WORDS.get(value.strip().casefold(), value)
    if isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= 1:
        return float(value)
    raise AppError(f"scorer '{name}' returned {shown(given)}; return a number within [0, 1]")
