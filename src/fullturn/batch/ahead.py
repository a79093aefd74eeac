"""Overlap: what is needed next is made by a thread while the caller works."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterator[T], most: int = 2) -> Iterator[T]:
    """The items in order; at most so many are made before they are asked for.

    An error of `items` is raised in the place of its item.
    """
    thread = ThreadPoolExecutor(1, thread_name_prefix="ahead")
    try:
        waiting: deque[Future[T | None]] = deque(
            thread.submit(next, items, None) for _ in range(most)
        )
        while (found := waiting.popleft().result()) is not None:
            waiting.append(thread.submit(next, items, None))
            yield found
    finally:
        thread.shutdown(cancel_futures=True)
