"""A registered model with a champion, version 1, and a version 2 to release. Test data."""

from __future__ import annotations

from pathlib import Path

from fullturn.core.entities import ModelVersion
from fullturn.core.settings import ReleaseSettings
from fullturn.core.tags import ReleaseTags
from fullturn.release import state
from fullturn.release.ledger import Decided
from fullturn.release.state import Release
from fullturn.serving.deployment import desired_state
from fullturn.store import Store

GOOD = Decided("promote", "PASSED", "it is good", "controller")
ABORT = Decided("roll back", "INCONCLUSIVE", "aborted", "me")


def version(store: Store, folder: Path) -> ModelVersion:
    """The next version."""
    folder = folder / "model"
    folder.mkdir(exist_ok=True)
    run = store.start_run("train", "run", {}, {})
    return store.register(store.name, store.log_model(run, "model", folder, {}, {}), run, {})


def begun(store: Store, tested: ModelVersion, settings: ReleaseSettings | None = None) -> Release:
    """A release of version 2."""
    chosen = settings or ReleaseSettings()
    return state.begin(store, tested, 1, chosen, {"fullturn.owner": "controller"})


def followed(store: Store) -> bool:
    """Whether a server would send requests to the version under test."""
    return desired_state(1, store.registered(store.name)).plan is not None


def abort(store: Store) -> Release:
    """As `fullturn release abort` does it, in another process."""
    other = Store(store.uri, store.name, Path("unused"))
    opened = state.under_way(other)
    assert opened is not None
    ended = state.decide(other, opened, ABORT)
    state.close(other, ended)
    assert not followed(other), "the abort has reported that everyone gets the champion"
    return ended


def aborted(store: Store, release: Release) -> bool:
    """Whether the abort is what counts, everywhere where it can be read."""
    found, run = state.read(store, release.run), store.run(release.run)
    tags = ReleaseTags.read(run.tags)
    return (
        (found.ending, found.reason) == (tags.ending, tags.reason) == ("roll back", "aborted")
        and run.status == "FINISHED"
        and not followed(store)
    )
