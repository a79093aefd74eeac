from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel

from fullturn.core.errors import UsageError
from fullturn.subjects.text.features import as_sentence
from fullturn.subjects.text.fitting import fit
from fullturn.subjects.text.parameters import parse
from fullturn.subjects.vectors import sentence_vectors
from tests.subjects.text.questions import questions

RECIPE, _ = parse({})
SHUFFLED = [questions()[place] for place in np.random.default_rng(3).permutation(300)]
TEXTS = [as_sentence(text) for text, _ in SHUFFLED[:80]]
LABELS = [label for _, label in SHUFFLED[:80]]
ASKED = [as_sentence(text) for text, _ in SHUFFLED[80:120]]


def ridge(texts: list[str], labels: list[str], asked: list[str]) -> np.ndarray:
    """Scores of the same model by scikit-learn."""
    wording = TfidfVectorizer(analyzer="char", ngram_range=(3, 5), sublinear_tf=True, min_df=2).fit(
        [f" {text} " for text in TEXTS]
    )

    def alike(some: list[str]) -> np.ndarray:
        words = [wording.transform([f" {text} " for text in part]) for part in (some, texts)]
        near = rbf_kernel(sentence_vectors(some), sentence_vectors(texts), gamma=RECIPE.gamma)
        return near + RECIPE.ngrams * (words[0] @ words[1].T).toarray()

    names = np.unique(LABELS)
    targets = (np.array(labels)[:, None] == names) - 1 / len(names)
    oracle = KernelRidge(alpha=RECIPE.penalty, kernel="precomputed").fit(alike(texts), targets)
    return np.asarray(oracle.predict(alike(asked)))


def lead(scores: np.ndarray) -> np.ndarray:
    ordered = np.sort(scores, axis=1)
    return np.asarray(ordered[:, -1] - ordered[:, -2])


def test_answers_are_those_of_scikit_learns_kernel_ridge() -> None:
    model = fit(TEXTS, LABELS, RECIPE).model
    scores = ridge(TEXTS, LABELS, [model.speller.correct(text) for text in ASKED])
    slope, intercept = model.platt
    answers = list(model.answer(ASKED))
    assert [label for label, _ in answers] == list(np.unique(LABELS)[scores.argmax(axis=1)])
    expected = 1 / (1 + np.exp(-(slope * lead(scores) + intercept)))
    np.testing.assert_allclose([sure for _, sure in answers], expected, atol=1e-4)


def test_progressive_rows_are_answers_of_a_model_of_the_rows_before() -> None:
    fitted = fit(TEXTS, LABELS, RECIPE)
    slope, intercept = fitted.model.platt
    for row in (10, 40, 79):
        scores = ridge(TEXTS[:row], LABELS[:row], TEXTS[row : row + 1])
        assert fitted.right[row] == (np.unique(LABELS)[scores.argmax()] == LABELS[row])
        expected = 1 / (1 + np.exp(-(slope * lead(scores) + intercept)))
        np.testing.assert_allclose(fitted.confidence[row], expected[0], atol=1e-4)


def test_the_wider_lead_is_the_surer_answer() -> None:
    model = fit([t for t, _ in SHUFFLED], [label for _, label in SHUFFLED], RECIPE).model
    [(_, clear), (_, vague)] = model.answer(["I lost my card", "Well then"])
    assert clear > 0.9
    assert vague < 0.8


def test_a_misspelt_text_is_answered_like_its_correct_form() -> None:
    model = fit(TEXTS, LABELS, RECIPE).model
    assert [*model.answer(["what is the excahnge rate"])] == [
        *model.answer(["what is the exchange rate"])
    ]


def test_two_rows_are_enough() -> None:
    [(label, sure)] = fit(["yes", "no"], ["a", "b"], RECIPE).model.answer(["yes"])
    assert label == "a"
    assert 0 < sure < 1


def test_equal_rows_without_penalty_are_refused() -> None:
    with pytest.raises(UsageError, match="'penalty'; raise it tenfold"):
        fit(["the same"] * 40, ["a", "b"] * 20, replace(RECIPE, penalty=0.0))
