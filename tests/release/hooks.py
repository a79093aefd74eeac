"""Stores that stop before chosen calls, so that a test decides in which order processes act."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fullturn.core.entities import RunStatus
from fullturn.store import Store


class Hooked(Store):
    """A store of its own connection: `before["tag_model"]` is called before each such call."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.uri, store.name, Path("unused"))
        self.before: dict[str, Callable[..., None]] = {}

    def _hook(self, name: str, *args: Any) -> None:
        if name in self.before:
            self.before[name](*args)

    def register(self, name: str, *args: Any, **kwargs: Any) -> Any:
        self._hook("register", name, *args)
        return super().register(name, *args, **kwargs)

    def tag_model(self, name: str, tags: Mapping[str, str]) -> None:
        self._hook("tag_model", name, tags)
        super().tag_model(name, tags)

    def tag_run(self, run_id: str, tags: Mapping[str, str]) -> None:
        self._hook("tag_run", run_id, tags)
        super().tag_run(run_id, tags)

    def end_run(self, run_id: str, status: RunStatus) -> None:
        self._hook("end_run", run_id, status)
        super().end_run(run_id, status)

    def versions(self, name: str) -> Any:
        self._hook("versions", name)
        return super().versions(name)

    def registered(self, name: str) -> Any:
        self._hook("registered", name)
        return super().registered(name)


def once(action: Callable[[], object]) -> Callable[..., None]:
    """A hook that acts at the first call only; what it does itself calls no hook again."""
    done = threading.Event()

    def hook(*_: object) -> None:
        if not done.is_set():
            done.set()
            action()

    return hook
