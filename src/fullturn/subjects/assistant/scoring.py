"""How good one answer is."""

from __future__ import annotations

from collections.abc import Sequence

from fullturn.core.entities import Example, Output, Scores
from fullturn.subjects.assistant.answering import WORD_LIMIT, ungrounded
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
