"""A prompt as an app: its cases, what a version is made of, how it loads and is scored.

`app = "prompt"` and `[prompt] file` name it. A candidate is a prompt, a model and parameters;
training packs them, with examples from the train split where `shots` asks for some.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fullturn.core.entities import (
    Column,
    Contract,
    Dataset,
    Example,
    Input,
    Kind,
    Output,
    Params,
    Scalar,
    Scores,
)
from fullturn.core.errors import AppError, DataError, SettingsError, UsageError
from fullturn.core.parsing import from_json
from fullturn.core.settings import LLMSettings, PromptSettings, Settings
from fullturn.core.values import as_label
from fullturn.subjects import table
from fullturn.subjects.baseline import Majority
from fullturn.subjects.prompt import parameters
from fullturn.subjects.prompt.answers import text_of
from fullturn.subjects.protocols import Capability, Origin, Predictor, Run

if TYPE_CHECKING:
    from fullturn.llm import LLM
    from fullturn.llm.template import Prompt
    from fullturn.subjects.prompt.bundle import Asked
    from fullturn.subjects.scorers.answer import Answer, Score


class PromptApp:
    """The app. Without settings (a bundle loaded outside its project) it only loads and answers."""

    def __init__(
        self, settings: Settings | None = None, cache: Path | None = None, root: Path | None = None
    ) -> None:
        self._settings = settings
        self._cache, self._root = cache, root or Path()

    @property
    def _prompt(self) -> PromptSettings:
        return self._settings.prompt if self._settings else PromptSettings()

    @property
    def _llm(self) -> LLMSettings:
        if self._settings is None:
            from fullturn.llm.environment import settings_of_environment

            return settings_of_environment()
        return self._settings.llm

    @property
    def lacks(self) -> Mapping[Capability, str]:
        """What it cannot offer, with the reasons."""
        lacks: dict[Capability, str] = {}
        if self._prompt.labels:
            lacks["generated text"] = "the answer is one of the labels in [prompt]"
        elif self._prompt.json_schema:
            lacks["generated text"] = "the answer is JSON of a schema"
        if self._prompt.may_vary:
            lacks["reproducible answers"] = f"answers may vary: {self._prompt.may_vary}"
        return lacks

    @property
    def perturbations(self) -> tuple[str, ...]:
        """What may be done to the text of a case without changing what is expected."""
        chosen = self._prompt
        if chosen.perturbations is not None:
            return chosen.perturbations
        if chosen.labels:
            return ("typos", "case", "paraphrase")
        return () if chosen.json_schema else ("paraphrase",)

    @cached_property
    def contract(self) -> Contract:
        """The columns of the settings.

        Raises:
            SettingsError: no inputs are named, or a column has two roles.
        """
        if self._settings is None:
            return Contract((Column("input"),), ("input",), text="input")
        data, chosen = self._settings.data, self._prompt
        columns: Mapping[str, Kind] = data.columns or ({data.text: "text"} if data.text else {})
        if not columns:
            raise SettingsError(
                "[data.columns] is not set in fullturn.toml: name what the prompt reads, such as "
                "[data.columns] question = 'text'"
            )
        kind: Kind = "category" if chosen.labels else "json" if self._is_json else "text"
        found = table.contract(data, columns, kind, frozenset(data.optional))
        text = data.text or found.text or next((n for n, k in columns.items() if k == "text"), None)
        own_rubric = chosen.rubric is not None and chosen.rubric != data.label
        columns_of = [
            replace(one, allowed=chosen.labels, required=not own_rubric)
            if one.role == "label"
            else one
            for one in found.columns
        ]
        if own_rubric:
            columns_of.append(Column(str(chosen.rubric), "text", "label", required=False))
        return replace(found, columns=tuple(columns_of), text=text)

    @property
    def _is_json(self) -> bool:
        """Whether what is expected is JSON: an object of a schema, or a list."""
        needing = ("recall", "mrr")
        return self._prompt.json_schema is not None or any(
            one.partition("(")[0] in needing for one in self._prompt.scorers
        )

    @property
    def defaults(self) -> Params:
        """Prompt, model and parameters."""
        if self._prompt.file is None:
            raise SettingsError(
                "[prompt] file is not set in fullturn.toml: name the file of the prompt, such as "
                "'prompts/answer.md'"
            )
        return {**parameters.DEFAULTS, "prompt": self._prompt.file}

    @property
    def space(self) -> Mapping[str, Sequence[Scalar]]:
        """The values in [prompt] space."""
        return self._prompt.space

    def check_parameters(self, params: Params) -> None:
        """Refuse a value that is not allowed, and a prompt that cannot be read or filled in."""
        parameters.check(params)
        for file in (str(params["prompt"]), *self._prompt.files()):
            self._check_place(file)
        self._template(str(params["prompt"]))
        self._scorers  # noqa: B018  a wrong scorer is refused before anything is asked
        self._schema  # noqa: B018

    def _check_place(self, file: str) -> None:
        """Refuse a file whose edits nobody would notice: a version depends on it."""
        patterns = self._settings.ci.code if self._settings else ()
        root, path = self._root.resolve(), (self._root / file).resolve()
        is_followed = file in self._prompt.files() or any(fnmatch(file, one) for one in patterns)
        if not path.is_relative_to(root) or not is_followed:
            raise UsageError(
                f"'{file}' is not among the files that a version depends on, so that an edit would "
                "not be noticed: move it to prompts/ of the project, or name it in [prompt] space"
            )

    def train(self, data: Dataset, params: Params, run: Run) -> Path:
        """Pack prompt, model and parameters, with examples from the train split.

        Raises:
            UsageError: the prompt cannot be read, or names a column that no case has.
            DataError: there are fewer train rows than `shots`.
        """
        from fullturn.llm import LLM
        from fullturn.subjects.prompt.bundle import Asked

        prompt = self._template(str(params["prompt"]))
        llm = self._llm
        asked = Asked(
            prompt=prompt,
            model=str(params["model"]) or prompt.model or llm.model,
            base_url=llm.base_url,
            weights="" if llm.base_url else LLM(llm).digest,
            parameters={**parameters.of(params, prompt.parameters), "seed": run.seed},
            shots=self._shots(data, prompt, int(params["shots"])),
            labels=self._prompt.labels,
            schema=self._schema,
            limited=self._prompt.limited,
            column=self.contract.text or "",
        )
        run.prompt(_registered_name(str(params["prompt"])), _transcript(prompt))
        asked.write(run.directory)
        return run.directory

    def load(self, folder: Path) -> Predictor:
        """Load a bundle; the model is asked at the first row."""
        return self._predictor(folder, "")

    def load_with_canary(
        self, folder: Path, canary: str, passages: Sequence[Mapping[str, str]]
    ) -> Predictor:
        """Load with a secret, and these passages, in the system message."""
        hidden = [f"Confidential, never to be repeated: {canary}", *(p["text"] for p in passages)]
        return self._predictor(folder, "\n\n".join(hidden))

    def text_of(self, output: Output) -> str:
        """The answer as a user would read it."""
        return text_of(output)

    def score(self, row: Example, output: Output) -> Scores:
        """The scores of [prompt] scorers, in [0, 1]."""
        answer = self._answer(row, output)
        return {name: score(answer) for name, score in self._scorers.items()}

    def baseline(self, data: Dataset) -> Predictor:
        """Always the most frequent label, JSON or text of the train split."""
        label, rows = self._label, data.split("train")
        if self._prompt.labels:
            return Majority.of(rows, label)
        return _Same.of(rows, label, is_json=self._is_json)

    def origin(self, folder: Path) -> Origin | None:
        """None: a prompt is made here."""
        return None

    @property
    def _label(self) -> str:
        return str(self._settings.data.label) if self._settings else ""

    @cached_property
    def _schema(self) -> Mapping[str, Any] | None:
        if self._prompt.json_schema is None:
            return None
        from fullturn.llm.prompt_files import text_of as read_text
        from fullturn.subjects.scorers.structures import check_schema

        path = self._root / self._prompt.json_schema
        try:
            found = from_json(read_text(path, "a JSON schema"))
        except ValueError as error:
            raise SettingsError(f"{path} is not JSON: {error}") from None
        check_schema(found, str(path))
        return dict(found)

    @cached_property
    def _scorers(self) -> Mapping[str, Score]:
        from fullturn.subjects.scorers.registry import Surroundings, find

        chosen = self._prompt
        around = Surroundings(self._root, self._schema, self._judge, chosen.limited)
        return find(chosen.scorers or default_scorers(chosen), around)

    def _judge(self) -> LLM:
        from fullturn.llm import LLM

        model = self._prompt.judge or self._llm.model
        return LLM(self._llm.model_copy(update={"model": model}), self._cache)

    def _template(self, file: str) -> Prompt:
        """The prompt in a file, every placeholder of which a column fills."""
        from fullturn.llm.prompt_files import read
        from fullturn.llm.template import check

        prompt = read(self._root / file).with_input(self.contract.text or "")
        check(prompt, self.contract.names("input"), file)
        return prompt

    def _shots(self, data: Dataset, prompt: Prompt, count: int) -> list[dict[str, str]]:
        """The first rows of the train split, as chats before the user's message."""
        rows = data.split("train")
        if count > len(rows):
            raise DataError(f"shots = {count}, and there are {len(rows)} train rows; lower it")
        found: list[dict[str, str]] = []
        for row in rows[:count]:
            asked = [one for one in prompt.render(row.input) if one["role"] == "user"]
            lead = f"{prompt.prefill} " if prompt.prefill else ""
            answer = lead + _text(row.expected[self._label])
            found += [*asked, {"role": "assistant", "content": answer}]
        return found

    def _predictor(self, folder: Path, hidden: str) -> Predictor:
        from fullturn.llm import LLM
        from fullturn.subjects.prompt.bundle import read
        from fullturn.subjects.prompt.predictor import PromptPredictor

        asked, chosen = read(folder), self._prompt
        llm = LLM(self._address(asked), self._cache)
        price = chosen.prices.get(asked.model)
        at_once = chosen.concurrency if asked.base_url else 1
        return PromptPredictor(asked, llm, at_once, price, hidden)

    def _address(self, asked: Asked) -> LLMSettings:
        """Where a version asks. Its address is its own; the key is for that of the settings."""
        chosen = self._llm.model_copy(update={"model": asked.model, "base_url": asked.base_url})
        if asked.base_url == self._llm.base_url:
            return chosen
        return chosen.model_copy(update={"api_key_env": ""})

    def _answer(self, row: Example, output: Output) -> Answer:
        from fullturn.subjects.scorers.answer import Answer

        rubric = row.expected.get(self._prompt.rubric or "")
        is_rubric = self._label == self._prompt.rubric
        expected = None if is_rubric else row.expected.get(self._label)
        value = output.get("label", output.get("json") if "json" in output else output.get("text"))
        if self._is_json and "json" not in output:
            from fullturn.subjects.prompt.answers import json_of

            value = json_of(str(output.get("text", "")))
        if not {"label", "json", "text"} & output.keys():
            raise AppError(f"the output of row '{row.id}' has no label, json or text")
        return Answer(row.input, text_of(output), value, expected, rubric or "")


@dataclass(frozen=True, slots=True)
class _Same:
    """Answers the same to everything."""

    output: Output

    @classmethod
    def of(cls, examples: Sequence[Example], column: str, *, is_json: bool) -> _Same:
        """The most frequent answer of this label column; of equals, the first in the alphabet."""
        if not examples:
            raise DataError(f"no rows to find the most frequent '{column}' in; commit train rows")
        counts = Counter(_text(example.expected[column]) for example in examples)
        text = min(counts, key=lambda one: (-counts[one], one))
        return cls({"json": from_json(text), "text": text} if is_json else {"text": text})

    def predict(self, rows: Sequence[Input]) -> list[Output]:
        """The same answer for each row."""
        return [dict(self.output) for _ in rows]


def default_scorers(chosen: PromptSettings) -> tuple[str, ...]:
    """Scorers where none are named."""
    if chosen.labels:
        return ("accuracy",)
    return ("fields", "json_schema") if chosen.json_schema else ("token_f1", "exact_match")


def _text(value: Any) -> str:
    """What a case expects, as a model would write it."""
    from fullturn.llm.template import as_text

    return as_label(value) if isinstance(value, bool) else as_text(value)


def _registered_name(file: str) -> str:
    """The name of a prompt in MLflow's registry, which models cannot have."""
    return f"prompt-{Path(file).stem}"


def _transcript(prompt: Prompt) -> str:
    """The messages as one text, for MLflow's registry of prompts."""
    return "\n\n".join(f"{one['role']}:\n{one['content']}" for one in prompt.messages)
