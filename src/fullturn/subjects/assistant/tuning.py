"""Choosing from which confidence on the assistant answers."""

from __future__ import annotations

from collections.abc import Sequence

from fullturn.subjects.assistant.answering import extract
from fullturn.subjects.assistant.retrieval import Labelled, Retriever
from fullturn.subjects.assistant.scoring import share_of_facts

UNTUNED = 0.5


def tune_threshold(
    retriever: Retriever, questions: Sequence[Labelled], passages: int, sentences: int
) -> float:
    """The threshold with the most questions handled right, quotes being the answers.

    A question that has an answer is handled right when it is answered with all its facts,
    the others when they are declined. 0.5 without questions.
    """
    cases = []
    for question in questions:
        ranking = retriever.rank(question.text)
        quoted = extract(retriever.index, ranking, passages, sentences)
        is_right = share_of_facts(quoted.text, question.facts) == 1
        gain = -1 if question.passage is None else int(is_right)
        cases.append((ranking.confidence, gain))
    return best_threshold(cases)


def best_threshold(cases: Sequence[tuple[float, int]]) -> float:
    """The cut on confidence with the largest total gain of the cases at or above it.

    A gain is 1 where answering is right, -1 where declining is right, 0 where neither is.
    """
    if not cases:
        return UNTUNED
    ordered = sorted(cases, reverse=True)
    best, chosen, total = 0, 1.0, 0
    for number, (confidence, gain) in enumerate(ordered):
        total += gain
        following = ordered[number + 1][0] if number + 1 < len(ordered) else 0.0
        if total >= best and following < confidence:
            best, chosen = total, (confidence + following) / 2
    return round(chosen, 6)
