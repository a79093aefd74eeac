from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from fullturn.subjects.text.features import Ngrams, as_sentence
from fullturn.subjects.text.parameters import LONGEST

TEXTS = st.lists(st.from_regex(r"[ab][ab c]{0,11}", fullmatch=True), min_size=1, max_size=8)


@settings(deadline=None)
@given(TEXTS, TEXTS, st.integers(1, 3), st.integers(3, LONGEST))
def test_weights_are_those_of_scikit_learn(
    seen: list[str], asked: list[str], shortest: int, longest: int
) -> None:
    def padded(texts: list[str]) -> list[str]:
        return [f" {' '.join(text.split())} " for text in texts]

    oracle = TfidfVectorizer(
        analyzer="char",
        preprocessor=str,
        ngram_range=(shortest, longest),
        sublinear_tf=True,
        min_df=2,
    )
    try:
        oracle.fit(padded(seen))
    except ValueError:
        assert len(Ngrams.learn(seen, shortest, longest).codes) == 0
        return
    ngrams = Ngrams.learn(seen, shortest, longest)
    ours = ngrams.weigh(asked).toarray()
    # Columns come in another order: by size and bytes here, by alphabet there.
    terms = sorted(oracle.get_feature_names_out(), key=lambda term: (len(term), term))
    order = [oracle.vocabulary_[term] for term in terms]
    theirs = oracle.transform(padded(asked)).toarray()[:, order]
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_no_ngram_spans_two_texts() -> None:
    together = Ngrams.learn(["ab", "cd", "ab", "cd"], 2, 2)
    assert together.weigh(["bc"]).nnz == 0
    assert together.weigh(["ab"]).nnz == 3


def test_texts_without_a_known_ngram_are_zero() -> None:
    nothing = Ngrams.learn(["abc", "xyz"], 3, 5)
    assert nothing.weigh(["abc", ""]).shape == (2, 0)
    some = Ngrams.learn(["abc", "abc"], 3, 5)
    assert some.weigh(["", "xyz"]).nnz == 0


def test_umlauts_and_emojis_are_bytes_like_others() -> None:
    ngrams = Ngrams.learn(["Grüße 👋", "grüße 👋"], 3, 5)
    assert ngrams.weigh(["GRÜSSE", "Grüße"]).toarray()[1].any()


def test_only_a_text_without_mixed_case_changes() -> None:
    assert as_sentence("WHERE AM I NOW?") == "Where am I now?"
    assert as_sentence("where am i now?") == "Where am I now?"
    assert as_sentence("Where is my ATM card") == "Where is my ATM card"
    assert as_sentence("") == ""
    assert as_sentence("Broken \ud800 text") == "Broken ? text"
