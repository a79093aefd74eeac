"""More runs than MLflow sends in one page, within a second. Test data."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from fullturn.core.tags import KIND
from fullturn.store import Store


def many(store: Store, run_id: str, count: int, kind: str = "train", first: int = 1) -> list[str]:
    """Newer copies of a run in the SQLite database of a store, with no tag but their kind."""
    ids = [f"{number:032x}" for number in range(first, first + count)]
    with closing(sqlite3.connect(store.uri.removeprefix("sqlite:///"))) as database:
        of = database.execute("SELECT * FROM runs WHERE run_uuid = ?", (run_id,))
        names = [column[0] for column in of.description]
        row = dict(zip(names, of.fetchone(), strict=True))
        rows = [
            {
                **row,
                "run_uuid": ids[n],
                "name": f"copy {n}",
                "start_time": row["start_time"] + n + 1,
            }
            for n in range(count)
        ]
        places = ", ".join(f":{name}" for name in names)
        database.executemany(f"INSERT INTO runs VALUES ({places})", rows)
        tags = [(KIND, kind, one) for one in ids] + [
            ("mlflow.runName", row["name"], row["run_uuid"]) for row in rows
        ]
        database.executemany("INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)", tags)
        database.commit()
    return ids
