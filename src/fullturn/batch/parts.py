"""Parts of an unfinished batch: files that survive a kill, and from which it goes on.

    000000000000-000000020000.arrow    the rows from the first number up to the second

A part is complete as soon as it has its name. What an interrupted process was writing has another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from fullturn.core.errors import CouldNotEvaluate, from_system
from fullturn.core.state import fsync

T = TypeVar("T")
_NAME = re.compile(r"(\d{12})-(\d{12})\.arrow")


class Parts:
    """The parts in a folder, which is made if need be."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        for draft in folder.glob("*.new"):
            draft.unlink(missing_ok=True)

    @property
    def rows(self) -> int:
        """How many rows from the first on are done."""
        return self._whole()[-1][1] if self._whole() else 0

    def add(self, table: pa.Table) -> None:
        """Write the next rows.

        Raises:
            CouldNotEvaluate: the disk is full, or refuses.
        """
        start = self.rows
        path = self._folder / f"{start:012d}-{start + table.num_rows:012d}.arrow"
        draft = path.with_suffix(".new")
        try:
            with pa.OSFile(str(draft), "wb") as file:
                options = pa.ipc.IpcWriteOptions(compression="lz4")
                with pa.ipc.new_file(file, table.schema, options=options) as writer:
                    writer.write_table(table)
            fsync(draft)
            Path(draft).replace(path)
            fsync(self._folder)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise from_system(error) from None

    def schemas(self) -> list[pa.Schema]:
        """The columns of each part; raises as `tables` does."""
        return list(self._opened(lambda reader: reader.schema))

    def tables(self) -> Iterator[pa.Table]:
        """The parts in order.

        Raises:
            CouldNotEvaluate: one is damaged.
        """
        yield from self._opened(lambda reader: reader.read_all())

    def _opened(self, read: Callable[[pa.ipc.RecordBatchFileReader], T]) -> Iterator[T]:
        for path, _ in self._whole():
            try:
                with pa.memory_map(str(path)) as file:
                    yield read(pa.ipc.open_file(file))
            except (pa.ArrowException, OSError) as error:
                raise CouldNotEvaluate(
                    f"{path} is damaged ({error}); remove the folder and start again"
                ) from error

    def _whole(self) -> list[tuple[Path, int]]:
        """The parts that follow on each other from row 0, and where each ends."""
        found, end = [], 0
        for path in sorted(self._folder.glob("*.arrow")):
            match = _NAME.fullmatch(path.name)
            if match and int(match[1]) == end:
                end = int(match[2])
                found.append((path, end))
        return found
