"""The toy as an app that generates text, as if an LLM had written it. Test data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fullturn.core.entities import Input, Output
from fullturn.subjects.protocols import Predictor
from tests.verbs.toy import Toy


class Talker(Toy):
    """Says which subject it found."""

    def load(self, bundle: Path) -> Predictor:  # type: ignore[override]
        """Read the counts."""
        return _Talks(super().load(bundle))

    def load_with_canary(
        self, bundle: Path, canary: str, passages: Sequence[Mapping[str, str]]
    ) -> Predictor:
        """The same: there is no hidden context."""
        return self.load(bundle)

    def text_of(self, output: Output) -> str:
        """What a user reads."""
        return str(output["answer"])


class _Talks:
    def __init__(self, words: Predictor) -> None:
        self._words = words

    def predict(self, rows: Sequence[Input]) -> list[Output]:
        """A sentence for each row; those with a number cost an LLM call."""
        return [
            {**found, "answer": f"This is about {found['label']}.", "citations": [found["label"]],
             "prompt_tokens": 5, "completion_tokens": 4 if "nr" in row["text"] else 0}
            for row, found in zip(rows, self._words.predict(rows), strict=True)
        ]  # fmt: skip
