"""The parameters of a prompt's candidates."""

from __future__ import annotations

from collections.abc import Mapping

from fullturn.core.entities import Params, Scalar
from fullturn.core.errors import UsageError
from fullturn.core.wording import shown

OF_PROMPT = "prompt's"
"""The value of a parameter that the prompt's file decides."""
DEFAULTS: Params = {
    "prompt": "",
    "model": "",
    "temperature": OF_PROMPT,
    "max_tokens": OF_PROMPT,
    "shots": 0,
}
"""`prompt` is a file; an empty `model` is that of the file, or of [llm]; `shots` are examples from
the train split."""
_OTHERWISE: Mapping[str, Scalar] = {"temperature": 0.0, "max_tokens": 128}
_MOST: Mapping[str, float] = {"temperature": 2.0, "max_tokens": 100_000, "shots": 100}


def check(params: Params) -> None:
    """Raises UsageError: a value is not allowed."""
    for name, most in _MOST.items():
        value = params[name]
        if value == OF_PROMPT and name != "shots":
            continue
        whole = name != "temperature"
        kinds = (int,) if whole else (int, float)
        least = 1 if name == "max_tokens" else 0
        if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:
            kind = "a whole number" if whole else "a number"
            raise UsageError(f"{name} = {shown(value)}: allowed is {kind} from {least} to {most:g}")


def of(params: Params, prompt: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """How the model is asked: the parameters, else the prompt's, else the defaults."""
    own = {name: params[name] for name in _OTHERWISE if params[name] != OF_PROMPT}
    return {**_OTHERWISE, **prompt, **own}
