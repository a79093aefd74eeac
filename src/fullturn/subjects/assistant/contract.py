"""What the assistant's rows look like, and how they become passages and questions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fullturn.core.entities import Column, Contract, Dataset, Split
from fullturn.core.errors import DataError

if TYPE_CHECKING:
    from fullturn.subjects.assistant.index import Index, Passage
    from fullturn.subjects.assistant.retrieval import Labelled

_PASSAGE = ("id", "title", "text", "chapter", "sources")
_KINDS = ("passage", "answered", "near", "far")
_STYLES = ("plain", "terse", "roundabout", "misspelt")

CONTRACT = Contract(
    columns=(
        Column("id", role="id"),
        Column("question", required=False, max_length=2_000),
        Column("passage", role="label", required=False),
        Column("facts", kind="json", role="label", required=False),
        Column("kind", kind="category", role="slice", allowed=_KINDS),
        Column("style", kind="category", role="slice", required=False, allowed=_STYLES),
        Column("chapter", kind="category", role="slice", required=False),
        Column("title", role="extra", required=False),
        Column("text", role="extra", required=False),
        Column("sources", role="extra", required=False),
        Column("group", kind="category", role="group", required=False),
        Column("split", kind="category", role="split", required=False),
    ),
    key=("id",),
    near_duplicates="refuse",
    text="question",
)
"""Rows of split `reference` are passages (title, text, sources); all others are questions."""


def passages_of(data: Dataset) -> list[Passage]:
    """The passages of a dataset version.

    Raises:
        DataError: there are none, or one has no text.
    """
    if not data.reference:
        raise DataError(
            f"dataset {data.version.name} v{data.version.version} has no rows of split "
            "'reference'; the assistant answers from those: add its passages"
        )
    return [as_passage(row) for row in data.reference]


def labelled(data: Dataset, split: Split, index: Index) -> list[Labelled]:
    """The questions of a split, with the numbers of their passages.

    Raises:
        DataError: a question names a passage that does not exist, or has no text.
    """
    from fullturn.subjects.assistant.retrieval import Labelled

    numbers = {passage.id: number for number, passage in enumerate(index.passages)}
    questions = []
    for row in data.split(split):
        passage, text = row.expected.get("passage"), row.input.get("question")
        if not text or (passage is not None and passage not in numbers):
            raise DataError(f"row {row.id} asks {text!r} about the unknown passage {passage!r}")
        number = None if passage is None else numbers[passage]
        questions.append(Labelled(str(text), number, row.expected.get("facts") or ()))
    return questions


def as_passage(row: Mapping[str, Any]) -> Passage:
    """A passage from a row of split `reference`.

    Raises:
        DataError: it has no text.
    """
    from fullturn.subjects.assistant.index import Passage

    if not str(row.get("text") or "").strip():
        raise DataError(f"passage {row.get('id')!r} has no text; fill it, or drop the row")
    return Passage(*(str(row.get(name) or "") for name in _PASSAGE))
