"""From what a service answers to outputs, as the task has them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fullturn.core.entities import Output
from fullturn.core.wording import shown
from fullturn.subjects.mlflow_model.answers import as_label
from fullturn.subjects.service.pointers import at
from fullturn.subjects.service.reference import ServiceReference

_SHARE_DIGITS = 6
"""Further ones differ between batch sizes and machines."""


def output_of(reference: ServiceReference, answer: Any) -> Output:
    """The output of one row.

    Classification: `label`, and if the service gives them `confidence` and `probabilities`.
    Regression: `value`. Text: `text`.

    Raises:
        ValueError: it is missing, NaN, or of another form.
    """
    if reference.fields:
        answer = {name: at(answer, pointer) for name, pointer in reference.fields.items()}
    if reference.task == "regression":
        return {"value": _number(_only(answer, "value"))}
    if reference.task == "text":
        return {"text": _text(_only(answer, "text"))}
    if isinstance(answer, Mapping):
        return _of_mapping(answer, reference.classes)
    if isinstance(answer, list) or (reference.classes and isinstance(answer, float)):
        return _of_shares(answer, reference.classes)
    return {"label": _label(answer)}


def _of_mapping(answer: Mapping[str, Any], classes: tuple[str, ...]) -> Output:
    shares = answer.get("probabilities")
    if isinstance(shares, Mapping):
        classes, shares = tuple(map(_label, shares)), list(shares.values())
    if shares is not None:
        found = dict(_of_shares(shares, classes))
        if "label" in answer:
            label = _label(answer["label"])
            found |= {"label": label, "confidence": found["probabilities"].get(label, 0.0)}
        return found
    if "label" not in answer:
        names = ", ".join(map(str, answer))
        raise ValueError(
            f"an answer has no 'label', only {names or 'nothing'}; say where it is in [service] "
            "fields, such as { label = '/class' }"
        )
    output: dict[str, Any] = {"label": _label(answer["label"])}
    if answer.get("confidence") is not None:
        output["confidence"] = _number(answer["confidence"])
    return output


def _of_shares(answer: Any, classes: tuple[str, ...]) -> Output:
    """The likeliest of the classes; of one number, the second of two."""
    shares = [_number(one) for one in answer] if isinstance(answer, list) else [_number(answer)]
    if len(shares) == 1 and len(classes) == 2:
        shares = [1 - shares[0], shares[0]]
    if len(shares) != len(classes):
        raise ValueError(
            f"an answer has {len(shares)} numbers: name the labels that they are probabilities "
            "of, in this order, in [service] classes"
        )
    by_label = {
        name: round(share, _SHARE_DIGITS) for name, share in zip(classes, shares, strict=True)
    }
    label = max(by_label, key=lambda name: by_label[name])
    return {"label": label, "confidence": by_label[label], "probabilities": by_label}


def _only(answer: Any, name: str) -> Any:
    """The field of this name, or of a mapping with one field that one."""
    if not isinstance(answer, Mapping):
        return answer[0] if isinstance(answer, list) and len(answer) == 1 else answer
    if name in answer:
        return answer[name]
    if len(answer) == 1:
        return next(iter(answer.values()))
    raise ValueError(
        f"an answer has no '{name}', only {', '.join(map(str, answer)) or 'nothing'}; say where it "
        f"is in [service] fields, such as {{ {name} = '/result' }}"
    )


def _label(value: Any) -> str:
    is_nan = isinstance(value, float) and math.isnan(value)
    if value is None or is_nan or isinstance(value, dict | list):
        raise ValueError(f"the answer {shown(value)} is no label")
    return as_label(value).strip()


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"the answer {shown(value)} is no text")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"the answer {shown(value)} is no finite number")
    return float(value)
