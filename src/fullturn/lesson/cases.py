"""Documented incidents that a slide names, each with its guard and how far its source was read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal


@dataclass(frozen=True, slots=True)
class Case:
    """Something that happened to others."""

    who: str
    when: str
    what: str
    guard: str
    source: str
    read: Literal["at its source", "second-hand"]


def cases() -> list[Case]:
    """All of them, as the slide lists them."""
    text = files("fullturn.lesson").joinpath("cases.json").read_text(encoding="utf-8")
    return [Case(**case) for case in json.loads(text)]
