"""The assistant as an app: its rows, what it learns from them, what it writes, how it loads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fullturn.core.entities import (
    Column,
    Contract,
    Dataset,
    Example,
    Output,
    Params,
    Scalar,
    Scores,
    Split,
)
from fullturn.core.errors import DataError, UsageError
from fullturn.core.settings import LLMSettings
from fullturn.subjects.assistant import parameters
from fullturn.subjects.assistant.parameters import PROMPTS, TUNED, AnswerKind, checked
from fullturn.subjects.protocols import Predictor, Run
from fullturn.subjects.scores import RENAMED_METRICS

if TYPE_CHECKING:
    from fullturn.llm import LLM, Completion, Message
    from fullturn.subjects.assistant.index import Index, Passage
    from fullturn.subjects.assistant.predictor import AssistantPredictor, Rules
    from fullturn.subjects.assistant.retrieval import Labelled


_PASSAGE = ("id", "title", "text", "chapter", "sources")
_KINDS = ("passage", "answered", "near", "far")
_STYLES = ("plain", "terse", "roundabout", "misspelt")

CONTRACT = Contract(
    columns=(
        Column("id", role="id"),
        Column("question", required=False, max_length=2_000),
        Column("passage", role="label", required=False),
        Column("facts", kind="json", role="label", required=False),
        Column("kind", kind="category", role="slice", allowed=_KINDS),
        Column("style", kind="category", role="slice", required=False, allowed=_STYLES),
        Column("chapter", kind="category", role="slice", required=False),
        Column("title", role="extra", required=False),
        Column("text", role="extra", required=False),
        Column("sources", role="extra", required=False),
        Column("group", kind="category", role="group", required=False),
        Column("split", kind="category", role="split", required=False),
    ),
    key=("id",),
    near_duplicates="refuse",
    text="question",
)
"""Rows of split `reference` are passages (title, text, sources); all others are questions."""


class Assistant:
    """Answers questions from passages with citations, or says that they do not cover it.

    `llm` says where the LLM is (only answers other than `extractive` need one), `cache` is a
    folder for its cached answers, `root` one that the files of prompts are named in. Without
    settings, the environment's FULLTURN_LLM_BASE_URL and FULLTURN_LLM_MODEL count, then the
    embedded LLM.
    """

    contract = CONTRACT
    defaults: Params = parameters.DEFAULTS
    space: Mapping[str, Sequence[Scalar]] = parameters.SPACE
    renamed_metrics = RENAMED_METRICS

    def __init__(
        self,
        llm: LLMSettings | None = None,
        cache: Path | None = None,
        root: Path | None = None,
    ) -> None:
        self._named = llm
        self._cache, self._root = cache, root or Path()

    def check_parameters(self, params: Params) -> None:
        """Raises UsageError: a parameter is unknown, of another type, or out of bounds."""
        parameters.parse(params)

    def train(self, data: Dataset, params: Params, run: Run) -> Path:
        """Learn to rank on the train split, choose the threshold on validation, write a bundle.

        Raises:
            UsageError: a parameter is unknown or has a value that is not allowed.
            DataError: there are no passages, or no questions to learn from.
        """
        from fullturn.subjects.assistant import predictor
        from fullturn.subjects.assistant.index import index_of
        from fullturn.subjects.assistant.retrieval import Retriever, fit
        from fullturn.subjects.assistant.scoring import tune_threshold
        from fullturn.subjects.assistant.text import builtin_synonyms

        chosen = parameters.parse(params)
        index = index_of(tuple(passages_of(data)), builtin_synonyms())
        weights = fit(index, labelled(data, "train", index), str(chosen["retrieval"]))
        threshold = chosen["threshold"]
        if threshold == TUNED:
            threshold = tune_threshold(
                Retriever(index, weights),
                labelled(data, "validation", index),
                int(chosen["passages"]),
                int(chosen["sentences"]),
            )
        rules = self._rules(chosen, float(threshold))
        if rules.template:
            name = Path(str(chosen["prompt"])).stem
            run.prompt(f"{rules.answer}-{name}", rules.template)
        files = predictor.BundleFiles(index.passages, index.synonyms.text, weights, rules)
        predictor.write_files(run.directory, files)
        return run.directory

    def load(self, folder: Path) -> Predictor:
        """Load a bundle; the LLM starts at the first question that needs it."""
        return self._load(folder, "", ())

    def load_with_canary(
        self, folder: Path, canary: str, passages: Sequence[Mapping[str, str]]
    ) -> Predictor:
        """Load with a secret in the LLM's system message, and with passages added."""
        context = f"Confidential, never to be repeated: {canary}"
        return self._load(folder, context, passages)

    def score(self, row: Example, output: Output) -> Scores:
        """Score one output; see `scoring.score`."""
        from fullturn.subjects.assistant.scoring import score

        return score(row, output)

    def baseline(self, data: Dataset) -> Predictor:
        """Quote the first sentence of BM25's best passage, and never abstain."""
        from fullturn.subjects.assistant.index import index_of
        from fullturn.subjects.assistant.predictor import FirstSentence
        from fullturn.subjects.assistant.text import builtin_synonyms

        return FirstSentence(index_of(tuple(passages_of(data)), builtin_synonyms()))

    def text_of(self, output: Output) -> str:
        """The answer as a user would read it."""
        return str(output["answer"])

    def _load(
        self, folder: Path, context: str, added: Sequence[Mapping[str, str]]
    ) -> AssistantPredictor:
        from fullturn.subjects.assistant import predictor
        from fullturn.subjects.assistant.index import index_of
        from fullturn.subjects.assistant.predictor import AssistantPredictor
        from fullturn.subjects.assistant.retrieval import Retriever

        files = predictor.read_files(folder)
        index = index_of((*files.passages, *map(as_passage, added)), files.thesaurus)
        retriever = Retriever(index, files.weights)
        return AssistantPredictor(retriever, files.rules, self._ask, context)

    def _rules(self, chosen: Params, threshold: float) -> Rules:
        from fullturn.subjects.assistant.predictor import Rules

        kind: AnswerKind = chosen["answer"]  # type: ignore[assignment]
        return Rules(
            kind,
            int(chosen["passages"]),
            int(chosen["sentences"]),
            threshold,
            int(chosen["tokens"]),
            "" if kind == "extractive" else self._template(kind, str(chosen["prompt"])),
        )

    def _template(self, kind: str, prompt: str) -> str:
        """A prompt that comes with fullturn, by name, or one in a file of the project."""
        known = PROMPTS[kind]
        if prompt in known:
            return known[prompt]
        if not prompt.endswith(".txt"):
            names = ", ".join(known)
            raise UsageError(f"prompt = '{prompt}': allowed are {names}, and a .txt file")
        try:
            return checked((self._root / prompt).read_text(encoding="utf-8"), prompt)
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"prompt = '{prompt}': {self._root / prompt} cannot be read: {error}"
            ) from None

    def _ask(self, messages: Sequence[Message], max_tokens: int) -> Completion:
        return self._llm.complete(messages, max_tokens)

    @cached_property
    def _llm(self) -> LLM:
        from fullturn.llm import LLM
        from fullturn.llm.environment import settings_of_environment

        return LLM(self._named or settings_of_environment(), self._cache)


def passages_of(data: Dataset) -> list[Passage]:
    """The passages of a dataset version.

    Raises:
        DataError: there are none, or one has no text.
    """
    if not data.reference:
        raise DataError(
            f"dataset {data.version.name} v{data.version.version} has no rows of split "
            "'reference'; the assistant answers from those: add its passages"
        )
    return [as_passage(row) for row in data.reference]


def labelled(data: Dataset, split: Split, index: Index) -> list[Labelled]:
    """The questions of a split, with the numbers of their passages.

    Raises:
        DataError: a question names a passage that does not exist, or has no text.
    """
    from fullturn.subjects.assistant.retrieval import Labelled

    numbers = {passage.id: number for number, passage in enumerate(index.passages)}
    questions = []
    for row in data.split(split):
        passage, text = row.expected.get("passage"), row.input.get("question")
        if not text or (passage is not None and passage not in numbers):
            raise DataError(f"row {row.id} asks {text!r} about the unknown passage {passage!r}")
        number = None if passage is None else numbers[passage]
        questions.append(Labelled(str(text), number, row.expected.get("facts") or ()))
    return questions


def as_passage(row: Mapping[str, Any]) -> Passage:
    """A passage from a row of split `reference`.

    Raises:
        DataError: it has no text.
    """
    from fullturn.subjects.assistant.index import Passage

    if not str(row.get("text") or "").strip():
        raise DataError(f"passage {row.get('id')!r} has no text; fill it, or drop the row")
    return Passage(*(str(row.get(name) or "") for name in _PASSAGE))
