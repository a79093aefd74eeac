from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fullturn.subjects.service import wire
from fullturn.subjects.service.answers import output_of
from fullturn.subjects.service.reference import ServiceReference

KINDS = {"age": "number", "city": "category", "member": "boolean"}
REFERENCE = ServiceReference("http://x/p", "json", "churn", "classification", KINDS)
ROW = {"age": 41.0, "city": "Bern", "member": "true"}
OTHER = {"age": 20.5, "city": None, "member": "false"}


def having(**changes: Any) -> ServiceReference:
    return replace(REFERENCE, **changes)


@pytest.mark.parametrize(
    ("url", "protocol", "endpoint"),
    [
        ("http://x/p/", "json", "http://x/p/"),
        ("http://x/{model}/p", "json", "http://x/churn/p"),
        ("http://x", "mlflow", "http://x/invocations"),
        ("http://x/invocations", "mlflow", "http://x/invocations"),
        ("http://x/v1/", "openai", "http://x/v1/chat/completions"),
        ("http://x", "kserve", "http://x/v2/models/churn/infer"),
        ("http://x/v2/models/a/infer", "kserve", "http://x/v2/models/a/infer"),
    ],
)
def test_the_endpoint_is_the_url_completed_by_the_protocol(
    url: str, protocol: str, endpoint: str
) -> None:
    assert having(url=url, protocol=protocol).endpoint == endpoint


def test_a_request_of_its_own_protocol_has_the_row_where_the_settings_say() -> None:
    found = having(input="/features", body={"v": 3})
    assert wire.request(found, [ROW]) == {"v": 3, "features": ROW}
    assert wire.request(having(batch=True), [ROW, OTHER]) == [ROW, OTHER]


def test_mlflow_gets_a_split_frame_in_the_order_of_the_contract() -> None:
    mixed = {"member": "true", "city": "Bern", "age": 41.0}
    assert wire.request(having(protocol="mlflow"), [mixed, OTHER]) == {
        "dataframe_split": {
            "columns": ["age", "city", "member"],
            "data": [[41.0, "Bern", "true"], [20.5, None, "false"]],
        }
    }


def test_kserve_gets_a_tensor_for_each_column_or_one_for_all() -> None:
    tensors = wire.request(having(protocol="kserve"), [ROW, OTHER])["inputs"]
    assert [(one["datatype"], one["shape"], one["data"]) for one in tensors] == [
        ("FP64", [2, 1], [41.0, 20.5]),
        ("BYTES", [2, 1], ["Bern", None]),
        ("BOOL", [2, 1], [True, False]),
    ]
    numbers = having(protocol="kserve", kinds={"a": "number", "b": "number"}, tensor="x")
    assert wire.request(numbers, [{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 4.0}]) == {
        "inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP64", "data": [1.0, 2.0, 3.0, 4.0]}]
    }


def test_a_chat_is_one_text_after_the_system_message() -> None:
    found = having(
        protocol="openai", kinds={"q": "text"}, system="Be brief.", body={"max_tokens": 9}
    )
    assert wire.request(found, [{"q": "Why?"}]) == {
        "temperature": 0,
        "max_tokens": 9,
        "model": "churn",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Why?"},
        ],
    }


@pytest.mark.parametrize("data", [[0.9, 0.1, 0.2, 0.8], [[0.9, 0.1], [0.2, 0.8]]])
def test_tensors_of_kserve_are_read_flat_or_nested(data: list[Any]) -> None:
    tensor = {"name": "p", "shape": [2, 2], "datatype": "FP64", "data": data}
    found = wire.answers(having(protocol="kserve"), {"outputs": [tensor]}, 2)
    assert found == [[0.9, 0.1], [0.2, 0.8]]


def test_several_tensors_become_one_answer_with_their_names() -> None:
    label = {"name": "label", "shape": [2], "data": ["yes", "no"]}
    sure = {"name": "confidence", "shape": [2, 1], "data": [0.7, 0.8]}
    found = wire.answers(having(protocol="kserve"), {"outputs": [label, sure]}, 2)
    assert found == [{"label": "yes", "confidence": 0.7}, {"label": "no", "confidence": 0.8}]
    chosen = having(protocol="kserve", answer="/label")
    assert wire.answers(chosen, {"outputs": [label, sure]}, 2) == ["yes", "no"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"predictions": ["yes"]}, "1 answers for 2 rows"),
        ({"predictions": "yes"}, "not a list"),
        ({"prediction": []}, "nothing at '/predictions'"),
        ([1, 2], "nothing at '/predictions'"),
    ],
)
def test_answers_of_another_form_or_number_are_refused(document: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        wire.answers(having(protocol="mlflow"), document, 2)


@pytest.mark.parametrize(
    "tensor",
    [
        {"name": "p", "shape": [3], "data": [1, 2, 3]},
        {"name": "p", "shape": [2], "data": [1]},
        {"name": "p", "shape": ["2"], "data": [1, 2]},
        {"name": "p", "data": [1, 2]},
        {"shape": [2], "data": [1, 2]},
    ],
)
def test_tensors_that_do_not_fit_the_rows_are_refused(tensor: Any) -> None:
    with pytest.raises(ValueError, match=r"answers for|values for|which is none|nothing at"):
        wire.answers(having(protocol="kserve"), {"outputs": [tensor]}, 2)


BOTH = {"no": 0.25, "yes": 0.75}


@pytest.mark.parametrize(
    ("answer", "output"),
    [
        ("yes", {"label": "yes"}),
        (1.0, {"label": "1"}),
        (True, {"label": "true"}),
        ([0.25, 0.75], {"label": "yes", "confidence": 0.75, "probabilities": BOTH}),
        (0.75, {"label": "yes", "confidence": 0.75, "probabilities": BOTH}),
        ({"label": " yes ", "confidence": 0.9}, {"label": "yes", "confidence": 0.9}),
        (
            {"label": "no", "probabilities": BOTH},
            {"label": "no", "confidence": 0.25, "probabilities": BOTH},
        ),
    ],
)
def test_a_classification_is_a_label_or_probabilities(answer: Any, output: Any) -> None:
    classes = ("no", "yes") if isinstance(answer, list) or answer == 0.75 else ()
    assert output_of(having(classes=classes), answer) == output


def test_fields_say_where_in_an_answer_the_label_is() -> None:
    found = having(fields={"label": "/class/name", "confidence": "/p"})
    assert output_of(found, {"class": {"name": "yes"}, "p": 0.5}) == {
        "label": "yes",
        "confidence": 0.5,
    }
    with pytest.raises(ValueError, match="no 'p'"):
        output_of(found, {"class": {"name": "yes"}})


def test_a_regression_is_a_number_and_a_chat_a_text() -> None:
    regression = having(task="regression")
    assert [output_of(regression, a) for a in (2, [2.0], {"y": 2.0}, {"value": 2, "u": 1})] == [
        {"value": 2.0}
    ] * 4
    assert output_of(having(task="text"), "Hello") == {"text": "Hello"}


@pytest.mark.parametrize(
    ("task", "answer", "said"),
    [
        ("regression", float("nan"), "no finite number"),
        ("regression", "2", "no finite number"),
        ("regression", {"a": 1, "b": 2}, "fields"),
        ("classification", None, "no label"),
        ("classification", float("nan"), "no label"),
        ("classification", {"class": "yes"}, "fields"),
        ("classification", [0.1, 0.9], "classes"),
        ("text", None, "no text"),
    ],
)
def test_an_answer_that_is_missing_or_of_another_form_is_refused(
    task: str, answer: Any, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        output_of(having(task=task), answer)
