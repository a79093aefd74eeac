"""Groups of words that people use for one another: a small thesaurus of the field."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from importlib.resources import files

from fullturn.subjects.assistant.text import stem, words

_LONGEST = 3


class Synonyms:
    """Which stems a word or a phrase of a question also stands for."""

    def __init__(self, text: str) -> None:
        """`text` has one group a line, its members apart by commas; `#` begins a comment."""
        self.text = text
        self._related: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for line in text.splitlines():
            if line.strip() and not line.startswith("#"):
                self._add([tuple(map(stem, words(member))) for member in line.split(",")])

    def of(self, term: str) -> set[str]:
        """The stems related to a stem, or to a phrase of stems apart by spaces."""
        return self._related.get(tuple(term.split()), set())

    def phrases(self, stems: Sequence[str]) -> list[str]:
        """The known phrases of two or three neighbouring stems."""
        return [
            " ".join(stems[start : start + length])
            for length in range(2, _LONGEST + 1)
            for start in range(len(stems) - length + 1)
            if tuple(stems[start : start + length]) in self._related
        ]

    def _add(self, members: Iterable[tuple[str, ...]]) -> None:
        group = list(members)
        single = {member[0] for member in group if len(member) == 1}
        for member in group:
            self._related[member] |= single - set(member)


def of_the_field() -> str:
    """The groups that come with fullturn, about models in operation."""
    return (files("fullturn.subjects.assistant") / "synonyms.txt").read_text("utf-8")
