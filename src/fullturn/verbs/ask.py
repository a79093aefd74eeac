"""Ask the champion a question: predict one row with one text column."""

from __future__ import annotations

from fullturn.core.errors import UsageError
from fullturn.verbs.predict import Answered, predict
from fullturn.verbs.workspace import Workspace


def ask(project: Workspace, question: str) -> Answered:
    """The champion's answer; see `predict`.

    Raises:
        UsageError: the subject has no text column.
        NotFound: there is no champion.
    """
    column = project.subject.text_column
    if column is None:
        raise UsageError("`ask` needs a text column; use `fullturn predict name=value`")
    return predict(project, [{column: question}])[0]
