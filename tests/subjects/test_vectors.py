from __future__ import annotations

from pathlib import Path

import numpy as np

from fullturn.subjects import vectors

TEXTS = ["How do I get a new card?", "x", "Grüße aus Köln 👋", "a b c " * 200]


def test_they_are_those_of_the_package_itself() -> None:
    import wordllama

    loaded = wordllama.WordLlama.load(
        cache_dir=Path(wordllama.__file__).parent, disable_download=True
    )
    theirs = loaded.embed(TEXTS, norm=True)
    np.testing.assert_allclose(vectors.sentence_vectors(TEXTS), theirs, atol=1e-5)


def test_an_empty_text_is_a_zero_row() -> None:
    assert not vectors.sentence_vectors([""]).any()
    assert vectors.sentence_vectors([]).shape == (0, 256)


def test_the_digest_is_one_sha256() -> None:
    assert len(vectors.weights_digest()) == 64
    assert vectors.weights_digest() == vectors.weights_digest()
