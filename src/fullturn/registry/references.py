"""The one resolver: what a person may write for a run, a model version or a prediction.

    best, candidate      words that the caller gives a meaning (a run's id)
    3, v3                a version of the project's registered model
    champion             an alias of that model
    models:/NAME/3       a version of any registered model; also models:/NAME@ALIAS
    4f2a, a name         a run: its id, the first 4 characters of it or more, or its name
    32 hex digits        a prediction, if no run has this id; tr- before them: an answer's trace

The first meaning that fits counts. A version also leads to its run, and a run to its version.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from fullturn.core.entities import ModelVersion, RunRecord
from fullturn.core.errors import NotFound, UsageError
from fullturn.core.tags import CHAMPION_ALIAS
from fullturn.registry import versions
from fullturn.store import Store

Kind = Literal["run", "version", "prediction", "model"]
Words = Mapping[str, Callable[[], str]]
"""Words with a meaning in the project: each finds a run's id, or says why there is none."""
NO_WORDS: Words = MappingProxyType({})
_MEANS: Mapping[Kind, str] = {
    "version": "a version or an alias of '{model}' (known: {known})",
    "run": "the id of a run, its first 4 characters or more, or the name of one (`fullturn runs`)",
    "prediction": "the id of a prediction or a trace, which comes with the answer, or which it was "
    "logged with",
}
MODELS = "models:/"
WORDS = frozenset({"best", "candidate", CHAMPION_ALIAS, "challenger"})
"""Words that mean a run or a version: no run may be named so."""
_NUMBER = re.compile(r"v?[0-9]+")
SHORTEST = 4
"""Characters of a run's id that mean it, at least."""
_PREDICTION = re.compile("(tr-)?[0-9a-f]{32}")
_REGISTERED = re.compile(r"models:/(?P<name>[^/@]+)(?:/(?P<version>\d+)|@(?P<alias>[^/@]+))")


@dataclass(frozen=True, slots=True)
class Reference:
    """What a reference means."""

    kind: Kind
    id: str
    """Of a run or a prediction its id, of a version its number; of a model of another name
    `models:/NAME/VERSION`, its alias replaced by the version."""


def resolve(
    store: Store, text: str, wanted: tuple[Kind, ...] = ("version", "run"), words: Words = NO_WORDS
) -> Reference:
    """What `text` means, of the `wanted` kinds.

    Raises:
        NotFound: it means nothing; says what was tried.
        UsageError: it is no well-formed reference.
    """
    if text in words and "run" in wanted:
        run_id = words[text]()
        _unambiguous(store, text, f"a word for run {run_id[:8]}", run_id[:8])
        return Reference("run", run_id)
    if text.startswith(MODELS):
        return _registered(store, text, wanted)
    for kind, find in _FIND.items():
        found = find(store, text) if kind in wanted else None
        if found is not None:
            if kind == "version" and "run" in wanted:
                _unambiguous(store, text, f"version {found}", f"{MODELS}{store.name}/{found}")
            return Reference(kind, found)
    raise NotFound(_unknown(store, text, wanted, words))


def check_name(store: Store, name: str) -> None:
    """Make sure that the name that a run is to have means nothing else.

    Raises:
        UsageError: it is a word, a number or an alias that means another run or a version.
    """
    means = "the id of a prediction" if _PREDICTION.fullmatch(name) else None
    if name in WORDS or name in store.registered(store.name).aliases:
        means = "a word that means a run or a version"
    elif _NUMBER.fullmatch(name):
        means = "the number of a version"
    elif name.startswith(MODELS):
        means = "the address of a registered model"
    if means is not None or not name.strip():
        raise UsageError(
            f"a run may not be named '{name}': that is {means or 'no name'}; choose another name"
        )


def _unambiguous(store: Store, text: str, means: str, instead: str) -> None:
    """Make sure that no run is named like something else that was meant.

    Raises:
        UsageError: one is.
    """
    named = [one for one in store.runs_called(text, "train") if one.name == text]
    if named:
        raise UsageError(
            f"'{text}' is {means}, and the name of run {named[0].id[:8]}: write {instead} for the "
            f"first, {named[0].id[:8]} for the second, or rename the run in MLflow"
        )


def run(store: Store, text: str, words: Words = NO_WORDS) -> RunRecord:
    """The run that `text` means; of a version, the run that made it.

    Raises:
        NotFound, UsageError: see `resolve`.
    """
    return run_of(store, resolve(store, text, words=words))


def version(store: Store, text: str, words: Words = NO_WORDS) -> ModelVersion:
    """The model version that `text` means; of a run, the version that it became.

    Raises:
        NotFound: it means none, or a run that is no version.
        UsageError: see `resolve`.
    """
    return version_of(store, resolve(store, text, words=words))


def run_of(store: Store, meant: Reference) -> RunRecord:
    """The run that was meant; of a version, the run that made it."""
    if meant.kind == "version":
        return store.run(versions.version(store, meant.id).run_id)
    return store.run(meant.id)


def version_of(store: Store, meant: Reference) -> ModelVersion:
    """The version that was meant; of a run, the version that it became.

    Raises:
        NotFound: the run is no version.
    """
    if meant.kind == "version":
        return versions.version(store, meant.id)
    for one in store.versions(store.name):
        if one.run_id == meant.id:
            return one
    raise NotFound(
        f"run {meant.id[:8]} '{store.run(meant.id).name}' is no model version: its gate has not "
        f"passed; `fullturn gate {meant.id[:8]}` decides and registers"
    )


def _registered(store: Store, text: str, wanted: tuple[Kind, ...]) -> Reference:
    match = _REGISTERED.fullmatch(text)
    if match is None:
        raise UsageError(
            f"'{text}' does not name a version: write {MODELS}NAME/3 or {MODELS}NAME@alias"
        )
    name, number = match["name"], match["version"]
    if number is None:
        alias = match["alias"]
        own = name == store.name
        number = str((versions.aliased(store, alias) if own else store.alias(name, alias)) or "")
    if not number or int(number) not in (one.version for one in store.versions(name)):
        raise NotFound(f"no model version '{text}'; MLflow's pages list those that there are")
    if name == store.name and "version" in wanted:
        return Reference("version", number)
    if "model" in wanted:
        return Reference("model", f"{MODELS}{name}/{number}")
    raise UsageError(
        f"'{text}' is a version of another registered model than the project's, '{store.name}'; "
        "`fullturn gate` takes it where [model] is set in fullturn.toml"
    )


def _version(store: Store, text: str) -> str | None:
    try:
        return str(versions.version(store, text).version)
    except NotFound:
        return None


def _run(store: Store, text: str) -> str | None:
    return meant(store.runs_called(text, "train"), text)


def meant(runs: Sequence[RunRecord], text: str) -> str | None:
    """The id of the run that `text` means: the first of this id or name, or the only one whose
    id begins so.

    Raises:
        UsageError: several ids begin so.
    """
    named = [one.id for one in runs if text in (one.id, one.name)]
    if named:
        return named[0]
    begun = [one for one in runs if len(text) >= SHORTEST and one.id.startswith(text)]
    if len(begun) > 1:
        found = ", ".join(f"{one.id[: len(text) + 4]} ({one.name})" for one in begun[:5])
        raise UsageError(f"'{text}' begins the ids of {len(begun)} runs: {found}; write more of it")
    return begun[0].id if begun else None


def _prediction(store: Store, text: str) -> str | None:
    return text if _PREDICTION.fullmatch(text) else None


def _unknown(store: Store, text: str, wanted: tuple[Kind, ...], words: Words) -> str:
    """What was tried, and where to look."""
    listed = ", ".join(str(one.version) for one in store.versions(store.name))
    known = listed or "none yet: `fullturn gate` registers what passes"
    if text.removeprefix("v").isdecimal() or versions.aliased(store, text) is not None:
        try:
            versions.version(store, text)
        except NotFound as error:
            return str(error)
    tried = [_MEANS[kind].format(model=store.name, known=known) for kind in wanted if kind in _FIND]
    tried += [f"the word '{word}'" for word in words if "run" in wanted]
    return f"'{text}' is not {'; nor '.join(tried)}"


_FIND: Mapping[Kind, Callable[[Store, str], str | None]] = {
    "version": _version,
    "run": _run,
    "prediction": _prediction,
}
