"""Write a Grafana dashboard and Prometheus alert rules for a project's server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fullturn.core.errors import UsageError, from_system
from fullturn.core.showing import Block, Result, line, then, view
from fullturn.serving.prometheus import ALERTS, DASHBOARD, contents


@dataclass(frozen=True, slots=True)
class Dashboards(Result):
    """The files that were written."""

    dashboard: str
    alerts: str


def dashboards(folder: str | Path) -> Dashboards:
    """Write both files into a folder, which is made; a file that somebody changed is not replaced.

    Raises:
        UsageError: one of them is there with other content.
        CouldNotEvaluate: the folder cannot be written.
    """
    place = Path(folder)
    texts = contents()
    for name, text in texts.items():
        path = place / name
        try:
            if path.exists() and path.read_text(encoding="utf-8") != text:
                raise UsageError(
                    f"{path} has other content, perhaps yours; move it, or name another folder"
                )
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} cannot be read ({error}); name another folder") from None
    try:
        place.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (place / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise from_system(error) from None
    return Dashboards(str(place / DASHBOARD), str(place / ALERTS))


@view.register
def _(result: Dashboards) -> Iterator[Block]:
    yield line(f"{result.dashboard}: import it in Grafana (Dashboards, New, Import)")
    yield line(f"{result.alerts}: name it under rule_files in prometheus.yml")
    yield then(f"promtool check rules {result.alerts}", "fullturn serve")
