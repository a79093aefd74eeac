"""Every tag that fullturn writes in MLflow: one record for each kind of run or version.

A field is a tag: `GateTags(champion=3).write()` is `{"fullturn.champion": "3"}`, and
`GateTags.read(tags)` reads it back. What is absent, or is no value of the field's type, is read
as None (or empty); what is None is not written. No other module spells a tag.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Self, cast, get_args, get_type_hints

PREFIX = "fullturn."
NOTE = "mlflow.note.content"
"""The tag whose Markdown MLflow shows as a run's description."""
PARENT = "mlflow.parentRunId"
KIND = PREFIX + "kind"
CHAMPION_ALIAS = "champion"


def _tag(key: str) -> Any:
    """A field under another name than its own."""
    return dataclasses.field(default=None, metadata={"key": key})


def _family(prefix: str) -> Any:
    """A field that is a mapping: one tag for each entry, with the entry's name after `prefix`."""
    return dataclasses.field(default_factory=dict, metadata={"prefix": PREFIX + prefix})


@dataclass(frozen=True)
class Tags:
    """Base of the records below."""

    @classmethod
    def read(cls, tags: Mapping[str, str]) -> Self:
        """From the tags of a run, a version or a trace, whoever wrote them."""
        return cls(**{name: get(tags) for name, (get, _) in _codec(cast(Hashable, cls)).items()})

    def write(self) -> dict[str, str]:
        """As tags."""
        written: dict[str, str] = {}
        for name, (_, put) in _codec(cast(Hashable, type(self))).items():
            written |= put(getattr(self, name))
        return written

    @classmethod
    def key(cls, field: str) -> str:
        """The tag of a field, for a search on the server."""
        return _key(next(f for f in dataclasses.fields(cls) if f.name == field))


@dataclass(frozen=True)
class OriginTags(Tags):
    """Of every run: who started it, from which code, in which environment and process."""

    commit: str | None = None
    dirty: bool | None = None
    diff: str | None = None
    """Digest of the uncommitted difference."""
    environment: str | None = None
    """Digest of Python and every installed distribution."""
    seed: int | None = None
    owner: str | None = None
    error: str | None = None
    """The error that ended it, if one did."""
    host: str | None = None
    pid: int | None = None
    pid_started: str | None = None
    """With the two above: enough to tell whether its process is still alive."""
    prompts: Mapping[str, str] = _family("prompt.")
    """Addresses of prompt versions, by the prompt's name."""


@dataclass(frozen=True)
class TrainingTags(Tags):
    """Of a training run."""

    data: int | None = None
    """The dataset version's number in the table of whoever trained."""
    data_digest: str | None = None
    declared: tuple[str, ...] | None = None
    """The parameters that fullturn.toml named."""
    key_: str | None = _tag("key")
    """Digest of all that the training depends on."""
    code: str | None = None
    """Digest of the code that it used."""
    source: str | None = None
    """Digest of what a person edits: the project's code and prompts, the parameters that
    fullturn.toml names, and which model is asked. None in runs of version 0.1."""
    model: str | None = None
    """Address of its bundle, `models:/m-…`."""
    bundle: str | None = None
    """Digest of its bundle."""
    primary: str | None = None
    """Name of its primary score."""
    chosen_by: str | None = None
    """Key of the metric by which the settings choose the best candidate, if not that score."""
    unit: str | None = None
    """What a label of numbers is measured in, and metrics such as mae with it."""
    search_place: int | None = _tag("search.place")
    search_size: int | None = _tag("search.size")
    """Its place among the candidates of a search, from 1, and their number."""
    race_stopped: bool | None = _tag("race.stopped")
    """Whether it was stopped early, as worse than the best so far."""
    race_groups: int | None = _tag("race.groups")
    race_of_groups: int | None = _tag("race.of_groups")
    """How many groups of rows it answered, of how many."""
    race_e_value: float | None = _tag("race.e_value")
    refers_to: str | None = None
    """Address of a model that others registered; None for one that was trained here."""
    refers_to_run: str | None = None
    """The run of theirs that made it."""
    asked: str | None = None
    """Digest of that address and of the settings that say how the model is asked."""
    gate: str | None = None
    """Run of the newest gate that it was the candidate of."""
    outcome: str | None = None
    """Of that gate."""

    _PLACE: ClassVar[re.Pattern[str]] = re.compile(r"(\d+) of (\d+)")
    _RACED: ClassVar[re.Pattern[str]] = re.compile(r"stopped after (\d+) of (\d+)|all (\d+)")

    @classmethod
    def read(cls, tags: Mapping[str, str]) -> Self:
        """Also as version 0.1 wrote them: "2 of 3", "stopped after 8 of 40 groups: …"."""
        found = super().read(tags)
        place = cls._PLACE.match(tags.get(PREFIX + "search", ""))
        if place:
            numbers = int(place[1]), int(place[2])
            found = dataclasses.replace(found, search_place=numbers[0], search_size=numbers[1])
        raced = cls._RACED.match(tags.get(PREFIX + "race", ""))
        if raced:
            stopped = raced[1] is not None
            groups, of_groups = (raced[1], raced[2]) if stopped else (raced[3], raced[3])
            found = dataclasses.replace(
                found,
                race_stopped=stopped,
                race_groups=int(groups),
                race_of_groups=int(of_groups),
            )
        return found


@dataclass(frozen=True)
class GateTags(Tags):
    """Of a gate's run."""

    candidate: str | None = None
    """The training run that it judged."""
    champion: int | None = None
    """The version that the candidate was compared with."""
    data_digest: str | None = None
    """Of the dataset version whose test rows were answered."""
    gate_key: str | None = None
    """Digest of all that the gate depends on."""
    outcome: str | None = None
    """PASSED, FAILED or INCONCLUSIVE; absent until the report is stored."""


@dataclass(frozen=True)
class VersionTags(Tags):
    """Of a registered model version."""

    commit: str | None = None
    dirty: bool | None = None
    diff: str | None = None
    environment: str | None = None
    seed: int | None = None
    owner: str | None = None
    data: int | None = None
    data_digest: str | None = None
    bundle: str | None = None
    gate: str | None = None
    """Run of the gate that it passed."""
    outcome: str | None = None
    refers_to: str | None = None
    """Address of a model that others registered; None for one that was trained here."""
    evidence: str | None = None
    """The run that contains its evidence folder, once that is complete."""
    waived: Mapping[str, str] = _family("waived.")
    """Reasons of waivers, by the check's code."""


@dataclass(frozen=True)
class HistoryTags(Tags):
    """Of an entry in the history of the champion."""

    action: str | None = None
    to: int | None = None
    """The version that became champion."""
    seen: int | None = None
    """The last entry that the writer of this one had seen, 0 for none."""
    actor: str | None = None
    reason: str | None = None
    gate: str | None = None
    report: str | None = None
    """sha256 of the gate's report; absent in entries of version 0.1."""
    override: str | None = None
    """What spoke against the promotion, where a person overrode it."""
    release: str | None = None
    """Run of the release that decided on it."""
    attempt: str | None = None
    """The same for an entry that a server was sent twice, as the first answer was lost."""
    follows: str | None = None
    """sha256 of the content of the entry `seen`."""
    key_: str | None = _tag("key")
    """Fingerprint of the public key that checks the signature."""
    signature: str | None = None
    """Of the content, by the key of the machine that wrote it; absent in entries of version 0.1."""


@dataclass(frozen=True)
class ModelTags(Tags):
    """Of the registered model itself, above its versions."""

    release: str | None = None
    """The plan of the release under way, as JSON; empty once it has ended."""
    release_ended: str | None = None
    """Run of the release that ended last."""
    alias_entry: int | None = None
    """The entry of the history after which fullturn set the alias."""


@dataclass(frozen=True)
class ReleaseTags(Tags):
    """Of a release's run."""

    version: int | None = None
    champion: int | None = None
    """The version that it is compared with."""
    stage: str | None = None
    stage_began: float | None = None
    began: float | None = None
    """In seconds since 1970, as `stage_began`."""
    settings: str | None = None
    """As they were at the start, as JSON."""
    ending: str | None = None
    """"promote" or "roll back"; what counts is the entry in the ledger (`ReleaseEntryTags`)."""
    outcome: str | None = None
    reason: str | None = None


@dataclass(frozen=True)
class ReleaseEntryTags(Tags):
    """Of an entry in the ledger of releases: one begins, gets a controller, or is decided."""

    release: str | None = None
    """The release's run."""
    event: str | None = None
    """"begin", "control" or "end"."""
    seen: int | None = None
    """The decision, or the controller, that this one replaces, 0 for none."""
    control: int | None = None
    """Of a decision by evidence: the entry of the controller that made it. Of a person: None."""
    controller: str | None = None
    """The process that takes control, as JSON."""
    ending: str | None = None
    outcome: str | None = None
    reason: str | None = None
    actor: str | None = None


@dataclass(frozen=True)
class BatchTags(Tags):
    """Of a run that predicted a file."""

    version: int | None = None
    input: str | None = None
    input_digest: str | None = None
    output: str | None = None
    output_digest: str | None = None
    rows: int | None = None
    failed: int | None = None
    """Rows with an error instead of a prediction."""
    resumed: int | None = None
    """Rows that an interrupted run had predicted before."""


@dataclass(frozen=True)
class AlarmTags(Tags):
    """Of the run of an alarm."""

    alarm: str | None = None
    """The same for the same alarm, also when the log is read again."""
    detector: str | None = None
    version: int | None = None
    verdict: str | None = None
    record: str | None = _tag("alarm.json")
    """All of it, as JSON."""
    webhook: str | None = None
    """"due" or "sent"; absent where there is no webhook."""
    webhook_error: str | None = _tag("webhook.error")
    """Why it could not be sent yet."""


@dataclass(frozen=True)
class RetrainingTags(Tags):
    """Of the run of a decision to train again, or not to."""

    alarm: str | None = None
    """What triggered it: an alarm, or the age of a version."""
    trigger: str | None = None
    outcome: str | None = None
    state: str | None = None
    """The state folder that its rows belong to; absent in decisions of version 0.1."""


@dataclass(frozen=True)
class TraceTags(Tags):
    """Of the trace of an answer."""

    version: int | None = None
    arm: str | None = None
    prediction: str | None = None
    key_: str | None = _tag("key")
    row: str | None = None
    """In an evaluation, the example that was answered."""
    scores: Mapping[str, float] = _family("score.")


_Get = Callable[[Mapping[str, str]], Any]
_Put = Callable[[Any], dict[str, str]]


@cache
def _codec(cls: Hashable) -> dict[str, tuple[_Get, _Put]]:
    kind = cast(type[Tags], cls)
    hints = get_type_hints(kind)
    return {field.name: _field(field, hints[field.name]) for field in dataclasses.fields(kind)}


def _field(field: dataclasses.Field[Any], hint: Any) -> tuple[_Get, _Put]:
    prefix = field.metadata.get("prefix")
    if prefix:
        kind = get_args(hint)[1]
        return (
            lambda tags: _entries(tags, prefix, kind),
            lambda value: {prefix + name: _text(one) for name, one in value.items()},
        )
    key = _key(field)
    kind = next(one for one in get_args(hint) if one is not type(None))
    return (
        lambda tags: _value(tags.get(key), kind),
        lambda value: {} if value is None else {key: _text(value)},
    )


def _key(field: dataclasses.Field[Any]) -> str:
    return PREFIX + cast(str, field.metadata.get("key", field.name))


def _entries(tags: Mapping[str, str], prefix: str, kind: Any) -> dict[str, Any]:
    found = {key: value for key, value in sorted(tags.items()) if key.startswith(prefix)}
    return {key.removeprefix(prefix): _value(value, kind) for key, value in found.items()}


def _value(text: str | None, kind: Any) -> Any:
    if text is None or kind is str:
        return text
    try:
        if kind is bool:
            return {"true": True, "false": False}[text]
        return kind(text) if kind in (int, float) else tuple(map(str, json.loads(text)))
    except (ValueError, KeyError, TypeError):
        return None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value) if isinstance(value, tuple) else str(value)
