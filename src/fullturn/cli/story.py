"""The scenes of `fullturn demo`."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fullturn.cli.output import say


@dataclass
class Story:
    """The scenes so far, printed as they start, or collected for --json."""

    folder: Path
    as_json: bool
    started: float = field(default_factory=time.perf_counter)
    scenes: list[dict[str, Any]] = field(default_factory=list)

    def scene(self, title: str, why: str) -> None:
        """Start a scene: its title and purpose."""
        seconds = time.perf_counter() - self.started
        self.scenes.append({"scene": title, "why": why, "at_seconds": round(seconds, 1)})
        if not self.as_json:
            number = len(self.scenes)
            say(f"\n[bold cyan]{number} {title}[/bold cyan]  {why} [dim]{seconds:.0f} s[/dim]")

    def record(self, **facts: Any) -> None:
        """Add facts to the scene, for --json."""
        self.scenes[-1].update(facts)
