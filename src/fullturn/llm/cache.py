"""Answers of an LLM, stored by the digest of what was asked, so that nothing is paid for twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from fullturn.core.errors import CouldNotEvaluate

_SCHEMA = """CREATE TABLE IF NOT EXISTS completions (
    key TEXT PRIMARY KEY,
    text TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    latency REAL NOT NULL,
    more TEXT NOT NULL DEFAULT '{}'
) WITHOUT ROWID"""
_MORE = "ALTER TABLE completions ADD COLUMN more TEXT NOT NULL DEFAULT '{}'"
"""For files of version 0.1."""

Entry = tuple[str, int, int, float, str]
"""Text, prompt tokens, completion tokens, latency in seconds when it was computed, and whatever
else belongs to the answer, as JSON."""


class CompletionCache:
    """A SQLite file that several processes may read and write at once.

    Raises:
        CouldNotEvaluate: the file is not a cache, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._connection() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(_SCHEMA)
            columns = connection.execute("PRAGMA table_info(completions)").fetchall()
            if "more" not in {column[1] for column in columns}:
                with suppress(sqlite3.OperationalError):  # another process was faster
                    connection.execute(_MORE)

    def get(self, key: str) -> Entry | None:
        """What was stored under this key, or None."""
        query = (
            "SELECT text, prompt_tokens, completion_tokens, latency, more FROM completions "
            "WHERE key = ?"
        )
        with self._connection() as connection:
            row: Entry | None = connection.execute(query, (key,)).fetchone()
        return row

    def put(self, key: str, entry: Entry) -> None:
        """Store an answer; the first one stored under a key stays."""
        with self._connection() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO completions VALUES (?, ?, ?, ?, ?, ?)", (key, *entry)
            )

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        # One connection per operation: it costs 0.1 ms and makes every thread safe.
        try:
            with closing(sqlite3.connect(self.path, timeout=30)) as connection, connection:
                yield connection
        except sqlite3.Error as error:
            raise CouldNotEvaluate(
                f"the LLM cache {self.path} cannot be used ({error}); delete the file: "
                "it contains nothing but answers that can be asked for again"
            ) from error
