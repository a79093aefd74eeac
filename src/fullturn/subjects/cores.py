"""How many cores a small product of matrices gets."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any


def one_core() -> AbstractContextManager[Any]:
    """Within this, BLAS runs on one core: for small matrices threads cost more than they save.

    On two busy cores an answer took a third of the processor time and half of the wall time.
    """
    return _controller().limit(limits=1, user_api="blas")  # type: ignore[no-any-return]


@lru_cache(maxsize=1)
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()
