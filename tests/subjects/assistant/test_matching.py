"""Matching by words and by meaning."""

import math

import numpy as np
import pytest

from fullturn.subjects.assistant.matching import BM25, Bags, Topics, Vocabulary
from fullturn.subjects.assistant.text import Synonyms, stems
from fullturn.subjects.vectors import word_vectors

DOCUMENTS = [
    ["alarm", "detector", "drift", "alarm"],
    ["canary", "release", "traffic"],
    ["dataset", "digest", "release"],
    ["of"],
]


def bm25_by_hand(asked: list[str], document: list[str]) -> float:
    """Robertson's formula with Lucene's idf."""
    length = sum(map(len, DOCUMENTS)) / len(DOCUMENTS)
    total = 0.0
    for term in asked:
        holding = sum(term in other for other in DOCUMENTS)
        count = document.count(term)
        idf = math.log(1 + (len(DOCUMENTS) - holding + 0.5) / (holding + 0.5))
        total += idf * count / (count + 1.2 * (0.25 + 0.75 * len(document) / length))
    return total


@pytest.mark.parametrize("asked", [["alarm"], ["release", "canary"], ["nothing"], []])
def test_bm25_is_robertsons_formula(asked: list[str]) -> None:
    expected = [bm25_by_hand(asked, document) for document in DOCUMENTS]
    assert BM25(DOCUMENTS).scores(asked) == pytest.approx(expected, abs=1e-5)


def test_an_empty_document_is_never_found() -> None:
    assert BM25([["alarm"], []]).scores(["alarm"])[1] == 0


def vocabulary() -> Vocabulary:
    """The words of the documents; the last one has no content."""
    return Vocabulary(DOCUMENTS, word_vectors())


def test_the_rarer_a_stem_the_more_it_weighs() -> None:
    known = vocabulary()
    common, rare, unknown = known.rarity(["releas", "canari", "zebra"])
    assert common < rare < unknown
    assert known.rarity(["releas canari"])[0] == pytest.approx((common + rare) / 2)


def test_the_same_stem_matches_fully_and_a_synonym_a_little_less() -> None:
    known = vocabulary()
    terms = {"alert": "alert", "digest": "digest"}
    weights = known.rarity(terms)
    related = known.related(terms, Synonyms("alert, alarm"))
    similar = known.similar(terms, related, weights)
    without = known.similar(terms, [[], []], weights)
    assert similar[known.ids["digest"], 1] == 1
    assert without[known.ids["alarm"], 0] < similar[known.ids["alarm"], 0] <= 0.8
    assert similar.shape == (len(known.ids) + 1, 2)
    assert np.all(similar[-1] == 0)


def test_coverage_is_the_weighted_share_of_a_question_that_a_document_holds() -> None:
    known = vocabulary()
    bags = Bags([stems(document) for document in DOCUMENTS], known)
    terms = {"canari": "canary", "digest": "digest"}
    related = known.related(terms, Synonyms(""))
    found = bags.overlap(related, np.array([3.0, 1.0]))
    assert found.tolist() == [0, 0.75, 0.25, 0]
    soft = bags.coverage(known.similar(terms, related, known.rarity(terms)), np.array([3.0, 1.0]))
    assert np.all(soft >= found - 1e-6)
    assert soft[3] == 0


def test_a_question_without_content_matches_nothing() -> None:
    known = vocabulary()
    bags = Bags([stems(document) for document in DOCUMENTS], known)
    none = known.rarity([])
    assert bags.overlap([], none).tolist() == [0, 0, 0, 0]
    assert bags.coverage(known.similar({}, [], none), none).tolist() == [0, 0, 0, 0]


def test_a_rare_word_says_more_about_the_topic_than_a_common_one() -> None:
    documents = [["run", "canary"], ["run", "digest"], ["run", "seed"], ["run", "seed"]]
    topics = Topics([stems(d) for d in documents], Vocabulary(documents, word_vectors()))
    found = topics.cosines(stems(["run", "digest"]))
    assert found[1] == pytest.approx(1, abs=1e-5)
    assert all(found[other] < 0.2 for other in (0, 2, 3))


def test_topics_join_words_that_occur_together() -> None:
    documents = [["crash", "kill"], ["kill", "reaper"], ["bread", "flour"], ["bread", "oven"]]
    topics = Topics(documents, Vocabulary(documents, word_vectors()), count=2)
    assert topics.cosines(["crash"]) == pytest.approx([1, 1, 0, 0], abs=1e-5)
    assert topics.cosines(["unheard"]) == pytest.approx([0, 0, 0, 0])
