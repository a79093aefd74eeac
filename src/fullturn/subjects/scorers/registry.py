"""From the list of scorers in fullturn.toml to functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fullturn.core.errors import SettingsError
from fullturn.core.plugins import created
from fullturn.core.settings import is_rubric
from fullturn.core.wording import nearest
from fullturn.subjects.scorers import structures, texts
from fullturn.subjects.scorers.answer import Score
from fullturn.subjects.scorers.own import own

if TYPE_CHECKING:
    from fullturn.llm import LLM

BUILT_IN: Mapping[str, Callable[..., Score]] = {
    "accuracy": texts.accuracy,
    "exact_match": texts.exact_match,
    "token_f1": texts.token_f1,
    "contains": texts.contains,
    "regex": texts.regex,
    "number": texts.number,
    "similarity": texts.similarity,
    "fields": structures.fields,
    "recall": structures.recall,
    "mrr": structures.mrr,
}
"""Scorers by name; what is in brackets after the name is given to them."""
_NAMED = re.compile(r"(?P<name>\w+)\s*=\s*(?P<scorer>.+)", re.DOTALL)
_CALL = re.compile(r"(?P<name>\w+)(?:\((?P<argument>.*)\))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What scorers may need."""

    root: Path | None
    schema: Mapping[str, Any] | None
    judge: Callable[[], LLM]
    """The model that judges."""
    limited: bool = True


def find(named: Sequence[str], around: Surroundings) -> dict[str, Score]:
    """Scorers by the names of their scores, in order.

    `tone = judge:TONE.md` gives a score another name than the scorer's own.

    Raises:
        SettingsError: one does not exist, or two have the same name.
    """
    found: dict[str, Score] = {}
    for scorer in named:
        given = _NAMED.fullmatch(scorer)
        what = given["scorer"] if given else scorer
        name = given["name"] if given else _own_name(what)
        if name in found:
            raise SettingsError(
                f"[prompt] scorers has two scores '{name}'; name one, as in '{name}_2 = {what}'"
            )
        found[name] = _scorer(what, around)
    return found


def _own_name(scorer: str) -> str:
    """The name of a score: of a scorer's name, its file's, or its function's."""
    if is_rubric(scorer):
        kind, _, file = scorer.partition(":")
        return f"{kind}_{re.sub(r'[^A-Za-z0-9]+', '_', Path(file).stem).strip('_').lower()}"
    if ":" in scorer and "(" not in scorer:
        return scorer.rpartition(":")[2]
    return scorer.partition("(")[0]


def _scorer(scorer: str, around: Surroundings) -> Score:
    if is_rubric(scorer):
        return _judge(scorer, around)
    if re.fullmatch(r"[\w.]+:\w+", scorer):
        return own(scorer, around.root)
    call = _CALL.fullmatch(scorer)
    if call is None or call["name"] not in (*BUILT_IN, "json_schema"):
        name = call["name"] if call else scorer
        known = [*BUILT_IN, "json_schema"]
        raise SettingsError(
            f"there is no scorer '{name}'{nearest(name, known)}; known: {', '.join(known)}, "
            "judge:RUBRIC.md, prefer:RUBRIC.md and mymodule:function"
        )
    if call["name"] == "json_schema":
        if around.schema is None:
            raise SettingsError("scorer 'json_schema' needs [prompt] json_schema, a file")
        return structures.json_schema(around.schema)
    arguments = [] if call["argument"] is None else [call["argument"]]
    return created(f"scorer '{scorer}'", lambda: BUILT_IN[call["name"]](*arguments))


def _judge(scorer: str, around: Surroundings) -> Score:
    from fullturn.llm.prompt_files import read
    from fullturn.subjects.scorers.judges import Judge

    kind, _, file = scorer.partition(":")
    rubric = read((around.root or Path()) / file)
    judge = Judge(around.judge(), rubric, file, around.limited)
    return judge.grade() if kind == "judge" else judge.preference()
