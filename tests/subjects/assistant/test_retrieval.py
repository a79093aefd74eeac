"""Ranking: learned weights, and what they find."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from fullturn.core.errors import DataError
from fullturn.subjects.assistant.app import labelled, passages_of
from fullturn.subjects.assistant.index import FEATURES, Index, Passage
from fullturn.subjects.assistant.parameters import SPACE
from fullturn.subjects.assistant.retrieval import (
    RETRIEVALS,
    FusionWeights,
    Labelled,
    Retriever,
    fit,
    fit_choice,
    fit_yes_no,
    sigmoid,
    softmax,
)
from fullturn.subjects.assistant.text import Synonyms, builtin_synonyms
from tests.subjects.assistant.samples import PASSAGES, dataset

DATA = dataset()
INDEX = Index(passages_of(DATA), Synonyms(builtin_synonyms()))
NAMES = list(PASSAGES)


def column(question: str, name: str) -> list[float]:
    """One feature of every sentence."""
    return [float(x) for x in INDEX.match(question).features[:, FEATURES.index(name)]]


def test_there_is_a_row_for_each_sentence_and_a_column_for_each_feature() -> None:
    features = INDEX.match("seeds").features
    assert features.shape == (len(INDEX.sentences), len(FEATURES))
    assert np.isfinite(features).all()


def test_a_neighbours_features_are_those_of_the_sentence_before_and_after() -> None:
    own, before, after = (column("noise of seeds", f"{p}match") for p in ("", "before_", "after_"))
    assert before[:3] == [0, own[0], own[1]]
    assert after[:3] == [own[1], own[2], 0]
    assert own[2] > 0 == before[3]


def test_a_misspelt_question_matches_like_the_right_one() -> None:
    right, wrong = (INDEX.match(text) for text in ("reaper of killed runs", "reapr of kiled runs"))
    assert right.features == pytest.approx(wrong.features)


def test_a_synonym_is_related() -> None:
    assert max(column("erased", "related")) == 1
    assert max(column("erased", "bm25")) == 0


def test_numbers_matter_only_to_questions_that_ask_for_them() -> None:
    assert sum(column("how many days", "number")) > 0
    assert sum(column("what is a canary", "number")) == 0


@pytest.mark.parametrize(
    ("question", "asks"),
    [
        ("What is a canary?", True),
        ("define canary", True),
        ("so what does canary mean", True),
        ("how does a canary start", False),
        ("what share of users sees a canary", False),
    ],
)
def test_a_question_for_a_definition_looks_at_first_sentences(question: str, asks: bool) -> None:
    first = [float(x) for x in column("x", "first")]
    assert column(question, "definition") == (first if asks else [0.0] * len(first))


def test_a_title_is_compared_on_its_own() -> None:
    title = INDEX.passages[0].title
    of_title = column(title, "title_match")
    assert of_title[0] == pytest.approx(1) and of_title[0] == max(of_title)
    assert min(of_title) < 1


def test_known_is_the_share_of_words_that_the_passages_use() -> None:
    assert INDEX.match("canary traffic").known == 1
    assert 0 < INDEX.match("canary pancakes").known < 1
    assert INDEX.match("pancakes").known == 0


@pytest.mark.parametrize("question", ["", "?", "the of and", "日本語"])
def test_a_question_without_known_words_is_ranked_without_fuss(question: str) -> None:
    weights = fit(INDEX, labelled(DATA, "train", INDEX), "fused")
    ranking = Retriever(INDEX, weights).rank(question)
    assert sorted(ranking.passages) == list(range(len(PASSAGES)))
    assert 0 <= ranking.confidence <= 1


def test_a_search_tries_every_way_of_ranking() -> None:
    assert set(SPACE["retrieval"]) == set(RETRIEVALS)


@pytest.mark.parametrize("retrieval", sorted(RETRIEVALS))
def test_every_way_of_ranking_finds_plain_questions(retrieval: str) -> None:
    weights = fit(INDEX, labelled(DATA, "train", INDEX), retrieval)
    retriever = Retriever(INDEX, weights)
    assert set(weights.sentence) == set(RETRIEVALS[retrieval])
    for question, passage in [
        ("which seeds show the noise", "runs/seeds"),
        ("what does a shadow receive", "release/shadow"),
        ("digest of a dataset version", "data/versions"),
    ]:
        assert NAMES[retriever.rank(question).passages[0]] == passage


def test_questions_with_an_answer_are_more_confident() -> None:
    weights = fit(INDEX, labelled(DATA, "train", INDEX), "fused")
    retriever = Retriever(INDEX, weights)
    answered = retriever.rank("what does the reaper close").confidence
    assert answered > 0.5 > retriever.rank("how do i cook rice").confidence


def test_whoever_never_saw_an_unanswerable_question_always_answers() -> None:
    questions = [q for q in labelled(DATA, "train", INDEX) if q.passage is not None]
    retriever = Retriever(INDEX, fit(INDEX, questions, "fused"))
    assert retriever.rank("how do i cook rice").confidence > 0.9


def test_fitting_is_deterministic() -> None:
    questions = labelled(DATA, "train", INDEX)
    assert fit(INDEX, questions, "fused") == fit(INDEX, questions, "fused")


def test_nothing_to_learn_from_is_said() -> None:
    with pytest.raises(DataError, match="answered questions to learn from"):
        fit(INDEX, [Labelled("pancakes", None, ())], "fused")


def test_a_fact_that_only_another_passage_states_teaches_nothing() -> None:
    elsewhere = Labelled("reaper", NAMES.index("runs/seeds"), [["reaper"]])
    with pytest.raises(DataError, match="answered questions to learn from"):
        fit(INDEX, [elsewhere], "fused")


def test_one_passage_is_enough() -> None:
    index = Index([Passage("a", "A", "Only this.")], Synonyms(""))
    ranking = Retriever(index, FusionWeights({"bm25": 1.0}, {})).rank("only")
    assert ranking.passages == (0,)


def test_yes_no_is_scikit_learns_logistic_regression() -> None:
    draw = np.random.default_rng(0)
    features = draw.normal(size=(300, 3)) * [1.0, 10.0, 0.1]
    labels = (features @ [1.0, 0.1, 0.0] + draw.logistic(size=300) > 0.5).tolist()
    ours = fit_yes_no(features, labels, penalty=2.0)
    scaled = features / features.std(axis=0)
    oracle = LogisticRegression(C=0.5, tol=1e-8).fit(scaled, labels)
    expected = [*(oracle.coef_[0] / features.std(axis=0)), oracle.intercept_[0]]
    assert ours == pytest.approx(expected, rel=2e-3, abs=2e-3)


def test_a_choice_between_two_is_a_logistic_regression_of_their_difference() -> None:
    draw = np.random.default_rng(1)
    pairs = [draw.normal(size=(2, 2)) for _ in range(200)]
    first = [bool((p[0] - p[1]) @ [2.0, -1.0] + draw.logistic() > 0) for p in pairs]
    right = [np.array([won, not won]) for won in first]
    scale = np.concatenate(pairs).std(axis=0)
    ours = fit_choice(pairs, right, penalty=1.0) * scale
    differences = np.stack([(p[0] - p[1]) / scale for p in pairs])
    oracle = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-8).fit(differences, first)
    assert ours == pytest.approx(oracle.coef_[0], rel=2e-3, abs=2e-3)


def test_several_right_candidates_share_the_credit() -> None:
    case = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    weights = fit_choice([case] * 5, [np.array([True, True, False])] * 5)
    assert weights[0] == pytest.approx(weights[1], abs=1e-4)
    assert softmax(case @ weights)[:2].sum() > 2 / 3


def test_no_other_weights_make_the_right_candidates_more_probable() -> None:
    draw = np.random.default_rng(3)
    cases = [draw.normal(size=(5, 2)) for _ in range(40)]
    right = [draw.permutation([True, True, False, False, False]) for _ in range(40)]
    scale = np.concatenate(cases).std(axis=0)

    def loss(weights: NDArray[np.float64]) -> float:
        shares = (softmax(c @ (weights / scale)) @ r for c, r in zip(cases, right, strict=True))
        return float(weights @ weights / 2 - sum(np.log(share) for share in shares))

    found = fit_choice(cases, right, penalty=1.0) * scale
    for step in ([0.01, 0], [-0.01, 0], [0, 0.01], [0, -0.01]):
        assert loss(found) < loss(found + step)


def test_fitting_again_gives_the_same_bits() -> None:
    draw = np.random.default_rng(2)
    cases = [draw.normal(size=(4, 3)) for _ in range(20)]
    right = [np.arange(4) == draw.integers(4) for _ in range(20)]
    assert fit_choice(cases, right).tobytes() == fit_choice(cases, right).tobytes()


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9))
def test_softmax_is_a_distribution_in_the_order_of_the_scores(scores: list[float]) -> None:
    found = softmax(np.array(scores))
    assert found.sum() == pytest.approx(1)
    assert found[np.argmax(scores)] == found.max()


@settings(deadline=None)
@given(st.floats(-1e6, 1e6))
def test_sigmoid_is_a_probability_and_symmetric(score: float) -> None:
    assert 0 <= sigmoid(score) <= 1
    assert sigmoid(score) + sigmoid(-score) == pytest.approx(1)
