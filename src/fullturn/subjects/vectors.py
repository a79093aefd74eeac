"""Vectors of sentences, from the file that the wheel wordllama contains; cores for small products.

The file is read directly: importing the package takes a second, asks for a logger of its own
on the root logger, and its loader looks for the network first. The vectors are the same
(mean of token vectors; WordLlama, github.com/dleemiller/WordLlama).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fullturn.core.errors import BundleError

Vectors = NDArray[np.float32]
_WEIGHTS = "weights/l2_supercat_256.safetensors"
_TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"


class WordVectors:
    """Static vectors of 256 dimensions for any text; also a list of common English words."""

    def __init__(self, folder: Path) -> None:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        self._folder = folder
        self._table: NDArray[np.float16] = load_file(folder / _WEIGHTS)["embedding.weight"]
        self._tokenizer: Any = Tokenizer.from_file(str(folder / _TOKENIZER))

    def means(self, texts: Sequence[str]) -> Vectors:
        """The mean token vector of each text, of length one; zero for an empty text."""
        if not texts:
            return np.zeros((0, self._table.shape[1]), dtype=np.float32)
        return unit(np.stack([self._mean(text) for text in texts]))

    @cached_property
    def english(self) -> frozenset[str]:
        """Whole words of the tokenizer: frequent English words, good enough to trust."""
        marked = (token for token in self._tokenizer.get_vocab() if token.startswith("▁"))
        return frozenset(word.casefold() for token in marked if len(word := token[1:]) > 2)

    @cached_property
    def digest(self) -> str:
        """sha256 over both files; a bundle that uses the vectors records it."""
        both = hashlib.sha256()
        for name in (_WEIGHTS, _TOKENIZER):
            both.update((self._folder / name).read_bytes())
        return both.hexdigest()

    def _mean(self, text: str) -> Vectors:
        # One at a time: the tokenizer's batches start threads that cost more than they save.
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids
        if not ids:
            return np.zeros(self._table.shape[1], dtype=np.float32)
        mean: Vectors = self._table[ids].astype(np.float32).mean(axis=0)
        return mean


def unit(rows: Vectors) -> Vectors:
    """Rows scaled to length one; a zero row stays zero."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    scaled: Vectors = rows / np.maximum(lengths, 1e-9)
    return scaled


@lru_cache(maxsize=1)
def word_vectors() -> WordVectors:
    """The vectors, loaded once per process.

    Raises:
        BundleError: the wheel `wordllama` is not installed, or lacks its file.
    """
    spec = find_spec("wordllama")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(folder) / _WEIGHTS).is_file():
            return WordVectors(Path(folder))
    raise BundleError(f"the word vectors {_WEIGHTS} are missing; run `pip install wordllama`")


def sentence_vectors(texts: Sequence[str]) -> Vectors:
    """One vector for each text, [n, 256], of length one; zero for an empty text."""
    return word_vectors().means(texts)


def weights_digest() -> str:
    """sha256 of what `sentence_vectors` reads: other weights give other vectors."""
    return word_vectors().digest


def one_core() -> AbstractContextManager[Any]:
    """Within this, BLAS runs on one core: for small matrices threads cost more than they save.

    On two busy cores an answer took a third of the processor time and half of the wall time.
    """
    return _controller().limit(limits=1, user_api="blas")  # type: ignore[no-any-return]


def one_thread(limited: bool = True) -> AbstractContextManager[Any]:
    """Within this, this thread starts no others in BLAS or OpenMP, if it is `limited`.

    Boosted trees asked for one row on two busy cores took 35 ms with two threads, 3 ms with one.
    For libraries that are loaded before it is first used.
    """
    return _all_libraries().limit(limits=1) if limited else nullcontext()


@lru_cache(maxsize=1)
def _all_libraries() -> Any:
    return _controller.__wrapped__()


@lru_cache(maxsize=1)
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()
