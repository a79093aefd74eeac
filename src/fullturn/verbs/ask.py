"""Ask the champion of an assistant a question."""

from __future__ import annotations

from fullturn.core.errors import UsageError
from fullturn.verbs.predict import Answered, predict
from fullturn.verbs.workspace import Workspace


def ask(project: Workspace, question: str) -> Answered:
    """The answer of an assistant's champion; see `predict`.

    Raises:
        UsageError: the project's app is no assistant.
        NotFound: there is no champion.
    """
    column = project.subject.text_column
    if column is None or not project.subject.can("generated text"):
        raise UsageError("`ask` is only for assistants; use `fullturn predict name=value`")
    return predict(project, [{column: question}])[0]
