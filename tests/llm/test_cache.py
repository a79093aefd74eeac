"""The cache of completions: one file, several processes."""

import multiprocessing
from pathlib import Path

import pytest

from fullturn.core.errors import CouldNotEvaluate
from fullturn.llm.cache import CompletionCache

ENTRY = ("text", 3, 4, 0.5, '{"finish": "stop"}')


def fill(path: Path, worker: int) -> None:
    """What a second process does."""
    cache = CompletionCache(path)
    for number in range(20):
        cache.put(f"{worker}-{number}", (f"{worker}", number, 0, 0.0, "{}"))
        cache.put("shared", ("either", 0, 0, 0.0, "{}"))


def test_what_was_put_is_got_by_a_later_reader(tmp_path: Path) -> None:
    CompletionCache(tmp_path / "deep" / "cache.db").put("key", ENTRY)
    assert CompletionCache(tmp_path / "deep" / "cache.db").get("key") == ENTRY


def test_an_unknown_key_is_none(tmp_path: Path) -> None:
    assert CompletionCache(tmp_path / "cache.db").get("key") is None


def test_the_first_answer_stays(tmp_path: Path) -> None:
    cache = CompletionCache(tmp_path / "cache.db")
    cache.put("key", ENTRY)
    cache.put("key", ("another", 0, 0, 0.0, "{}"))
    assert cache.get("key") == ENTRY


def test_processes_write_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=fill, args=(path, worker)) for worker in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    cache = CompletionCache(path)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert all(
        cache.get(f"{w}-{n}") == (f"{w}", n, 0, 0.0, "{}") for w in range(2) for n in range(20)
    )


def test_a_damaged_file_is_named_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(CouldNotEvaluate, match=r"cache\.db cannot be used.*delete the file"):
        CompletionCache(path)


def test_damage_after_opening_is_found_when_it_matters(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    cache = CompletionCache(path)
    cache.put("key", ENTRY)
    for file in tmp_path.iterdir():
        file.write_bytes(b"\x00" * 4096)
    with pytest.raises(CouldNotEvaluate, match="delete the file"):
        cache.get("key")
