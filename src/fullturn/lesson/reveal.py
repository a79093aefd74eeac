"""Where reveal.js is: in the wheel `sphinx-revealjs`, of which nothing else is used."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fullturn.core.errors import UsageError

PACKAGE = "sphinx_revealjs"
NEEDED = (
    "dist/reset.css",
    "dist/reveal.css",
    "dist/reveal.js",
    "dist/theme/black-contrast.css",
    "dist/theme/fonts/source-sans-pro",
    "plugin/notes/notes.js",
    "LICENSE",
)
"""Files and folders that a deck loads, and the licence that goes with them."""


def reveal() -> Path:
    """The folder of reveal.js; its package is found and not imported.

    Raises:
        UsageError: the extra is not installed, or the wheel holds something else.
    """
    spec = find_spec(PACKAGE)
    places = spec.submodule_search_locations if spec else None
    for place in places or ():
        folder = Path(place) / "_static" / "revealjs"
        if all((folder / name).exists() for name in NEEDED):
            return folder
    raise UsageError(
        "the deck needs reveal.js, which comes with the extra 'lesson'; "
        "install it with: pip install 'fullturn[lesson]'"
    )
