"""The settings of a new project for a prompt and its cases, inferred, with reasons."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fullturn.core.errors import DataError, UsageError
from fullturn.core.parsing import from_json
from fullturn.core.wording import listed, shown
from fullturn.verbs.parts.init_table import Inferred, Setting, section

if TYPE_CHECKING:
    from fullturn.llm.template import Prompt
    from fullturn.subjects.prompt.cases import Cases

MOST_LABELS, LABEL_LETTERS = 20, 60
FOLDER, CASES = "prompts", "cases.jsonl"
_TEXT_NAMES = ("input", "question", "text", "query", "message", "prompt", "review")
JUDGE_FILE = f"{FOLDER}/rubric.md"
JUDGE = """system:
You grade answers. Be strict: an answer that misses a point of the rubric is not good.

user:
Input:
{{input}}

Rubric:
{{rubric}}
{{expected}}

Answer to judge:
{{answer}}
"""


@dataclass(frozen=True, slots=True)
class PromptPlan:
    """A new project: its settings, the files to write, and what to say of it."""

    toml: str
    files: Mapping[str, str]
    inferred: Inferred
    notes: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]


def read_cases(path: Path, placeholders: Sequence[str]) -> Cases:
    """The cases in a file; see `subjects.prompt.cases`.

    Raises:
        DataError: it is missing, or has no cases.
    """
    from fullturn.data import readers
    from fullturn.data.rows import SOURCE
    from fullturn.llm.prompt_files import from_yaml
    from fullturn.subjects.prompt.cases import cases_of

    if path.suffix.lower() in (".yaml", ".yml", ".json"):
        try:
            text = path.read_text(encoding="utf-8-sig")
            found = from_json(text) if path.suffix == ".json" else from_yaml(text, path.name)
        except (OSError, ValueError) as error:
            raise DataError(f"{path} cannot be read: {error}") from None
        return cases_of(found, placeholders)
    rows = readers.read([path])
    return cases_of([{k: v for k, v in row.items() if k != SOURCE} for row in rows], placeholders)


def plan_prompt(
    name: str,
    prompts: Mapping[str, Prompt],
    named: Mapping[str, Any],
    cases: Cases,
    schema: str | None,
) -> PromptPlan:
    """The settings for these prompts, by their files, and cases; `named` are the settings in the
    first prompt's file, `schema` the file of a JSON schema.

    Raises:
        UsageError: a prompt names a column that no case has.
        DataError: the cases have no answers, or contradict the labels.
    """
    from fullturn.llm.template import check
    from fullturn.subjects.prompt.cases import EXPECTED, RUBRIC, TAG

    first = next(iter(prompts.values()))
    used = [one for one in cases.inputs if one in first.placeholders] or list(cases.inputs)
    if not used:
        raise DataError("the cases have no input; write one, such as 'question', in each")
    text = next((one for one in _TEXT_NAMES if one in used), used[0])
    if not first.placeholders:
        used = [text]
    for file, prompt in prompts.items():
        check(prompt, cases.inputs, file)
    used = [
        one for one in cases.inputs if any(one in p.placeholders for p in prompts.values())
    ] or used
    rows = tuple(_own_columns(row, used) for row in cases.rows)
    label = _answers(rows)
    has_rubric = any(row.get(RUBRIC) for row in rows)
    labels = _labels(named, rows, first) if not schema and label == EXPECTED else ()
    scorers, why = _scorers(rows, cases.scorers, labels, schema, has_rubric=has_rubric)
    kinds = {one: _kind([row.get(one) for row in rows]) for one in used}
    is_json = schema is not None or _kind([row.get(label) for row in rows]) == "json"
    optional = [one for one in used if any(row.get(one) in (None, "") for row in rows)]
    tags = [one for one in dict.fromkeys(n for row in rows for n in row) if one.startswith(TAG)]
    spaced = {"prompt": list(prompts)} if len(prompts) > 1 else {}
    judged = any(one.startswith("judge:") for one in scorers)
    sections = [
        section("", {"name": name, "app": "prompt"}),
        section(
            "prompt",
            {
                "file": next(iter(prompts)),
                "labels": list(labels),
                **({"json_schema": schema} if schema else {}),
                "scorers": list(scorers),
                **({"rubric": RUBRIC} if has_rubric else {}),
                **({"space": spaced} if spaced else {}),
            },
        ),
        section(
            "data",
            {
                "files": [CASES],
                "label": label,
                **({"id": "id"} if all(row.get("id") for row in rows) else {}),
                **({"text": text} if kinds[text] == "text" else {}),
                "slices": tags,
                "optional": optional,
                "train_share": 0.2,
                "validation_share": 0.3,
            },
        ),
        section("data.columns", {**kinds, **({label: "json"} if is_json else {})}),
        section("experiment", {"candidates": max(1, len(prompts))}),
        section("gates", {"latency_p95_ms": 5000.0, "behaviour_rows": 50, "timed_rows": 20}),
    ]
    settings = (
        Setting("answer", _answer_kind(labels, schema), _answer_reason(labels, schema, named)),
        Setting("[prompt] scorers", ", ".join(scorers), why),
    )
    columns = tuple(Setting(one, f"input, {kind}", "in the prompt") for one, kind in kinds.items())
    rows = tuple(_as_cells(row, kinds, is_json=is_json) for row in rows)
    files = {CASES: "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)}
    if judged:
        files[JUDGE_FILE] = JUDGE
    notes = (*cases.notes, *_contradictions(rows, used), *_model_notes(first))
    return PromptPlan("\n".join(sections), files, Inferred(columns, settings), notes, rows)


def _own_columns(row: Mapping[str, Any], used: Sequence[str]) -> dict[str, Any]:
    """The columns that a project needs."""
    from fullturn.subjects.prompt.cases import EXPECTED, RUBRIC, TAG

    ours = ("id", "group", "split", EXPECTED, RUBRIC)
    return {n: v for n, v in row.items() if n in used or n in ours or n.startswith(TAG)}


def _answers(rows: Sequence[Mapping[str, Any]]) -> str:
    """The column with what is expected.

    Raises:
        DataError: cases have neither an answer nor a rubric.
    """
    from fullturn.subjects.prompt.cases import EXPECTED, RUBRIC

    for number, row in enumerate(rows, start=1):
        if row.get(EXPECTED) in (None, "") and not row.get(RUBRIC):
            without = sum(r.get(EXPECTED) in (None, "") and not r.get(RUBRIC) for r in rows)
            raise DataError(
                f"{without} of {len(rows)} cases have neither 'expected' nor 'rubric', the first "
                f"is number {number}, {shown(dict(row))}: write what is expected, or leave it out"
            )
    return EXPECTED if any(row.get(EXPECTED) not in (None, "") for row in rows) else RUBRIC


def _labels(
    named: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], prompt: Prompt
) -> tuple[str, ...]:
    """The labels that the prompt's file names; else the few answers of the cases, if the prompt
    mentions each.

    Raises:
        DataError: a case expects something that is no label.
    """
    answers = [row.get("expected") for row in rows]
    given = named.get("labels")
    if given is not None:
        if not isinstance(given, list) or len(set(map(str, given))) < 2:
            raise UsageError(f"labels is {shown(given)}; write a list of two labels or more")
        labels = tuple(map(str, given))
        other = next((one for one in answers if one is not None and str(one) not in labels), None)
        if other is not None:
            raise DataError(
                f"a case expects {shown(other)}, which is none of the labels {listed(labels)}"
            )
        return labels
    texts = [one for one in answers if isinstance(one, str)]
    counts = Counter(texts)
    said = " ".join(message["content"] for message in prompt.messages).casefold()
    few = 2 <= len(counts) <= MOST_LABELS and min(counts.values()) >= 2
    short = all(len(one) <= LABEL_LETTERS and one.casefold() in said for one in counts)
    return tuple(sorted(counts)) if len(texts) == len(rows) and few and short else ()


def _scorers(
    rows: Sequence[Mapping[str, Any]],
    asked: Sequence[str],
    labels: Sequence[str],
    schema: str | None,
    *,
    has_rubric: bool,
) -> tuple[tuple[str, ...], str]:
    """Scorers, the primary one first, and why."""
    answers = [row.get("expected") for row in rows]
    judge = [f"judge:{JUDGE_FILE}"] if has_rubric else []
    if labels:
        return ("accuracy",), "the answer is a label"
    if schema:
        return ("fields", "json_schema"), "the answer is JSON"
    if any(one in (None, "") for one in answers):
        return tuple(judge), "some cases have a rubric alone"
    if asked:
        others = [one for one in asked if one != "judge"]
        return (*others, *judge), "the cases ask for them"
    if all(isinstance(one, list) for one in answers):
        return ("contains", *judge), "each case lists what the answer must contain"
    if all(isinstance(one, int | float) and not isinstance(one, bool) for one in answers):
        return ("number", *judge), "the answers are numbers"
    return ("token_f1", "exact_match", *judge), "the answer is a text"


def _kind(values: Sequence[Any]) -> str:
    return "json" if any(isinstance(one, list | dict) for one in values) else "text"


def _as_cells(row: Mapping[str, Any], kinds: Mapping[str, str], *, is_json: bool) -> dict[str, Any]:
    """The row as its columns take it: a text as text, also a number's; of answers that are lists, a
    single one as a list."""
    from fullturn.llm.template import as_text
    from fullturn.subjects.prompt.cases import EXPECTED

    found = dict(row)
    for name, value in row.items():
        as_json = is_json if name == EXPECTED else kinds.get(name) == "json"
        if value is not None and not as_json:
            found[name] = as_text(value)
    if is_json and isinstance(row.get(EXPECTED), str):
        found[EXPECTED] = [row[EXPECTED]]
    return found


def _answer_kind(labels: Sequence[str], schema: str | None) -> str:
    return listed(list(labels)) if labels else f"JSON of {schema}" if schema else "a text"


def _answer_reason(labels: Sequence[str], schema: str | None, named: Mapping[str, Any]) -> str:
    if schema:
        return "a schema is given"
    if labels:
        return "the file of the prompt says so" if named.get("labels") else (
            "the cases expect no other, and the prompt names them"
        )  # fmt: skip
    return "no labels and no schema are given"


def _contradictions(rows: Sequence[Mapping[str, Any]], used: Sequence[str]) -> tuple[str, ...]:
    """A sentence on inputs of which two cases expect something else."""
    expected: dict[str, set[str]] = {}
    for row in rows:
        key = json.dumps([row.get(one) for one in used], sort_keys=True, ensure_ascii=False)
        expected.setdefault(key, set()).add(json.dumps(row.get("expected"), sort_keys=True))
    twice = [key for key, found in expected.items() if len(found) > 1]
    if not twice:
        return ()
    return (
        f"{len(twice)} inputs have cases that expect different answers, first: {twice[0][:80]}",
    )


def _model_notes(prompt: Prompt) -> tuple[str, ...]:
    """What to do for the model to be asked."""
    if prompt.model and prompt.model != "embedded":
        return (
            f"the prompt is for the model '{prompt.model}': set base_url in [llm] of fullturn.toml "
            "to its OpenAI-compatible address, and put the key into OPENAI_API_KEY",
        )
    return ("the embedded LLM answers; for another, set base_url and model in [llm]",)
