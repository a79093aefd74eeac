"""How good an answer is, and from which confidence on the assistant answers."""

from __future__ import annotations

from collections.abc import Sequence

from fullturn.core.entities import Example, Output, Scores
from fullturn.subjects.assistant.answering import WORD_LIMIT, extract, ungrounded
from fullturn.subjects.assistant.retrieval import Labelled, Retriever
from fullturn.subjects.assistant.text import contains, first_words


def score(row: Example, output: Output) -> Scores:
    """Scores of one output, all in [0, 1].

    accuracy             answerable: all key facts within the first 80 words, every sentence
                         grounded in one cited passage; unanswerable: abstained
    recall_at_1, _3      the question's passage is among the first 1 or 3; 1 where there is none
    facts                share of key facts within the first 80 words; 1 where there are none
    grounded             every sentence is supported by one cited passage; 1 for an abstention
    abstention_accuracy  abstained exactly where there is no answer
    """
    passage, facts = row.expected.get("passage"), row.expected.get("facts") or ()
    abstained = bool(output["abstained"])
    stated = share_of_facts(str(output["answer"]), facts)
    grounded = abstained or not ungrounded(
        str(output["answer"]), [passage["text"] for passage in output["passages"]]
    )
    accurate = not abstained and stated == 1 and grounded if passage else abstained
    return {
        "accuracy": float(accurate),
        "recall_at_1": _recall(passage, output, 1),
        "recall_at_3": _recall(passage, output, 3),
        "facts": stated,
        "grounded": float(grounded),
        "abstention_accuracy": float(abstained == (passage is None)),
    }


def share_of_facts(text: str, facts: Sequence[Sequence[str]]) -> float:
    """Share of the facts that the first 80 words state, each in one of its wordings."""
    if not facts:
        return 1.0
    read = first_words(text, WORD_LIMIT)
    return sum(contains(read, wordings) for wordings in facts) / len(facts)


def _recall(passage: object, output: Output, first: int) -> float:
    return float(passage is None or passage in list(output["retrieved"])[:first])


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
