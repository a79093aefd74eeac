"""List the promotions and rollbacks: who, when, why."""

from __future__ import annotations

from collections.abc import Iterator

from fullturn.core.entities import HistoryEntry
from fullturn.core.showing import Block, Table, grid, then, view
from fullturn.core.wording import cut
from fullturn.registry import promotion
from fullturn.verbs.workspace import Workspace


class History(Table[HistoryEntry]):
    """Promotions and rollbacks, oldest first."""


def history(project: Workspace) -> History:
    """Every promotion and rollback, with actor, reason and gate report, oldest first.

    Repairs the alias if a process died between writing the history and the alias.
    """
    promotion.sync_alias(project.store)
    return History(promotion.history(project.store))


@view.register
def _(result: History) -> Iterator[Block]:
    yield grid(
        ("#", "when", "what", "version", "by", "reason", "gate"),
        (
            (
                str(e.number), e.created[:19].replace("T", " "),
                e.action if e.effective else f"{e.action} (no effect: another was first)",
                f"{e.previous or '-'} → {e.version}", e.actor, cut(e.reason, 90),
                (e.gate or "-")[:8],
            )
            for e in result
        ),
    )  # fmt: skip
    yield then("fullturn lineage VERSION", "fullturn rollback --reason '…'")
