"""Modules imported on first use, and classes from outside fullturn."""

from __future__ import annotations

import re
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from fullturn.core.errors import AppError, FullturnError, SettingsError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")
_LIBRARIES = re.compile(
    r"[\\/](?:site-packages|dist-packages|fullturn|lib[\\/]python[\d.]+)[\\/]|^<"
)


def modules(package: str) -> Callable[[str], Any]:
    """The `__getattr__` of a package: the module of this name in it."""

    def get(name: str) -> Any:
        module = f"{package}.{name}"
        try:
            return import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            raise AttributeError(f"there is no module '{module}'") from None

    return get


def from_module(name: str, root: Path | None, what: str) -> Callable[..., Any]:
    """What `mymodule:MyClass` names; `root` is the project's folder, searched first.

    Raises:
        SettingsError: there is no such module or class; the message begins with `what`.
    """
    module, _, attribute = name.partition(":")
    if root is not None and str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        found = getattr(import_module(module), attribute)
    except Exception as error:
        why = _why(error, module, root)
        raise SettingsError(f"{what} '{name}' cannot be imported: {why}") from error
    if not callable(found):
        raise SettingsError(f"{what} '{name}' is a {type(found).__name__}; name a class")
    return found  # type: ignore[no-any-return]


def _why(error: Exception, module: str, root: Path | None) -> str:
    """Why a module is not there, with the place in the project's code that raised."""
    if isinstance(error, ModuleNotFoundError) and error.name == module and root is not None:
        return f"there is no {module}.py in {root}, and no installed module of this name"
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.msg} in {Path(error.filename).name}, line {error.lineno}"
    return f"{error!r}{raised_in(error)}"


def raised_in(error: Exception) -> str:
    """Where in the code of a project an error came from; empty if in none of its files."""
    frames = reversed(traceback.extract_tb(error.__traceback__))
    own = (one for one in frames if not _LIBRARIES.search(one.filename))
    found = next(own, None)
    return f" in {Path(found.filename).name}, line {found.lineno}" if found else ""


def asked(
    what: str,
    call: Callable[[], T],
    kind: type[FullturnError] = AppError,
    step: str = "correct it",
    on: str = "",
) -> T:
    """What code from outside fullturn returns; what it raises becomes an `explained` error.

    Raises:
        FullturnError: as the code raised it, or of this kind.
    """
    try:
        return call()
    except FullturnError:
        raise
    except Exception as error:
        raise explained(error, what, kind, step, on) from error


def explained(
    error: Exception,
    what: str,
    kind: type[FullturnError] = AppError,
    step: str = "correct it",
    on: str = "",
) -> FullturnError:
    """An error of this kind that says `what` raised one, `on` which row, where, and what to do."""
    row = f" on {on}" if on else ""
    return kind(f"{what} raised {error!r}{row}{raised_in(error)}; {step}")


def make(what: str, name: str, root: Path | None) -> Any:
    """An object of the class that `mymodule:MyClass` names.

    Raises:
        SettingsError: there is no such class, or it cannot be created; the message names it.
    """
    return created(f"{what} '{name}'", from_module(name, root, what))


def created(what: str, call: Callable[[], T]) -> T:
    """An object that code from outside fullturn makes.

    Raises:
        SettingsError: it cannot be created; the message begins with `what`.
    """
    return asked(f"{what} cannot be created: it", call, SettingsError)


def chosen(what: str, named: Sequence[str], root: Path | None, kind: type) -> dict[str, Any]:
    """Objects of this kind, by name: those that fullturn.toml names, then those that installed
    packages offer in the entry point group `fullturn.checks` (`what` is "check").

    Raises:
        SettingsError: one cannot be created, or is of another kind; the message names it.
    """
    made = {name: make(what, name, root) for name in named}
    for name, offered in entry_points(f"fullturn.{what}s").items():
        made[name] = offered()
    for name, one in made.items():
        if not isinstance(one, kind):
            raise SettingsError(
                f"{what} '{name}' is a {type(one).__name__}: derive it from {kind.__name__} of "
                "fullturn"
            )
    return made


def entry_points(group: str) -> dict[str, Callable[..., Any]]:
    """What installed packages offer in this entry point group, loaded when it is called."""
    from importlib import metadata

    return {one.name: _loader(one) for one in metadata.entry_points(group=group)}


def _loader(point: EntryPoint) -> Callable[..., Any]:
    def make(*arguments: Any) -> Any:
        what = f"entry point '{point.name}' = {point.value}"
        loaded = asked(f"{what} cannot be loaded: it", point.load, SettingsError)
        return created(what, lambda: loaded(*arguments))

    return make
