"""Quoting, writing and guarding."""

import pytest

from fullturn.core.settings import LLMSettings
from fullturn.llm import LLM
from fullturn.subjects.assistant.answering import (
    ABSTENTION,
    MAX_TOKENS,
    WORD_LIMIT,
    Draft,
    extract,
    generate,
    guard,
)
from fullturn.subjects.assistant.index import Index, Passage
from fullturn.subjects.assistant.retrieval import Ranking
from fullturn.subjects.assistant.text import Synonyms
from tests.llm.peer import good, serving

LONG = " ".join(["word"] * 45) + "."
FIRST = Passage("a", "A", "One is first. Two is second. Three is third.")
SECOND = Passage("b", "B", f"Four is fourth. {LONG.capitalize()} {LONG.capitalize()}")
INDEX = Index([FIRST, SECOND], Synonyms(""))
TEMPLATE = "[user]\n{{text}} {{question}}"


def ranked(*sentences: int, passages: tuple[int, ...] = (0, 1)) -> Ranking:
    """A ranking with these sentences in front."""
    return Ranking(passages, sentences, 1.0)


def test_quotes_stand_in_reading_order_with_the_better_passage_first() -> None:
    draft = extract(INDEX, ranked(3, 2, 0, 1, passages=(1, 0)), 2, 3)
    assert draft.text == "Four is fourth.\nOne is first. Three is third."
    assert [passage.id for passage in draft.passages] == ["b", "a"]


def test_only_the_best_passages_are_quoted() -> None:
    draft = extract(INDEX, ranked(3, 2, 0), 1, 3)
    assert draft.text == "One is first. Three is third."
    assert draft.passages == (FIRST,)


def test_an_answer_has_at_most_eighty_words() -> None:
    draft = extract(INDEX, ranked(4, 5, 0, 1, 2, 3), 2, 9)
    assert len(draft.text.split()) <= WORD_LIMIT
    assert "One is first." in draft.text


def test_of_a_sentence_that_is_too_long_the_beginning_is_quoted() -> None:
    index = Index([Passage("a", "A", "Endless " + "word " * 99 + "end.")], Synonyms(""))
    draft = extract(index, ranked(0, passages=(0,)), 1, 1)
    assert draft.text.startswith("Endless word")
    assert len(draft.text.split()) == WORD_LIMIT


def asked(content: str) -> tuple[Draft, dict[str, object]]:
    """What becomes of an LLM's words, and what it was sent; a test peer plays the LLM."""
    reply = good(choices=[{"message": {"content": content}}])
    quoted = Draft("One is first.", (FIRST, SECOND))
    with serving(reply) as peer, LLM(LLMSettings(base_url=peer.base_url)) as llm:
        draft = generate(llm.complete, TEMPLATE, "Which?", quoted, "hidden")
    return draft, peer.asked[0]


def test_the_llm_sees_the_quoted_text_the_question_and_the_hidden_context() -> None:
    _, sent = asked("One.")
    assert sent["messages"] == [
        {"role": "system", "content": "hidden"},
        {"role": "user", "content": "One is first. Which?"},
    ]
    assert sent["max_tokens"] == MAX_TOKENS


def test_what_the_llm_writes_cites_the_passages_that_support_it() -> None:
    draft, _ = asked("Four is fourth.")
    assert (draft.text, draft.passages) == ("Four is fourth.", (SECOND,))
    assert (draft.prompt_tokens, draft.completion_tokens) == (7, 2)


def test_what_no_passage_supports_cites_what_was_shown() -> None:
    draft, _ = asked("Elephants fly.")
    assert draft.passages == (FIRST, SECOND)


def test_long_winded_answers_are_cut() -> None:
    draft, _ = asked("word " * 200)
    assert len(draft.text.split()) == WORD_LIMIT


@pytest.mark.parametrize("refusal", [ABSTENTION, "Sorry, the handbook does not cover this!", " "])
def test_a_refusal_is_an_abstention(refusal: str) -> None:
    draft, _ = asked(refusal)
    assert (draft.text, draft.passages) == ("", ())


QUOTED = Draft("One is first.", (FIRST,))


def test_a_grounded_answer_passes_the_guard() -> None:
    written = Draft("Two is second.", (FIRST,), 5, 6)
    assert guard(written, QUOTED) is written


@pytest.mark.parametrize("text", ["Two is 22.", "Two is second. Elephants fly.", ""])
def test_an_ungrounded_or_missing_answer_falls_back_to_the_quote(text: str) -> None:
    assert guard(Draft(text, (FIRST,), 5, 6), QUOTED) == Draft("One is first.", (FIRST,), 5, 6)
