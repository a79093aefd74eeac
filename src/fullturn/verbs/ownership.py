"""Whose registered model it is: what a team has of its own is never changed without being asked."""

from __future__ import annotations

from fullturn.core.errors import Conflict
from fullturn.core.tags import CHAMPION_ALIAS, VersionTags
from fullturn.registry import history as histories
from fullturn.verbs.workspace import Workspace


def require_own_model(project: Workspace) -> None:
    """Make sure that the registered model is fullturn's, or that fullturn may use it.

    Raises:
        Conflict: it has versions, or an alias, of somebody else; says the ways on.
    """
    if project.settings.adopt_model:
        return
    store = project.store
    versions = store.versions(store.name)
    theirs = [one.version for one in versions if VersionTags.read(one.tags).bundle is None]
    alias = store.registered(store.name).aliases.get(CHAMPION_ALIAS)
    found = []
    if theirs and len(theirs) == len(versions):
        found.append(f"versions that fullturn did not register ({', '.join(map(str, theirs))})")
    if alias is not None and not histories.read(store).effective:
        found.append(f"an alias '{CHAMPION_ALIAS}' on version {alias} that fullturn did not set")
    if found:
        raise Conflict(
            f"the registered model '{store.name}' has {' and '.join(found)}: nothing was changed "
            "there. Choose another `name` in fullturn.toml; or set adopt_model = true, if fullturn "
            "may add versions to this model and move its alias; or operate its versions as they "
            "are, under another name, with app = 'mlflow_model'"
        )
