"""Asks the model for each row, some at the same time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fullturn.core.entities import Input, Output
from fullturn.llm.template import Chat
from fullturn.subjects.prompt.answers import limits, output_of
from fullturn.subjects.prompt.bundle import Asked

if TYPE_CHECKING:
    from fullturn.llm import LLM

Price = tuple[float, float]
"""Of a million tokens: of prompts, and of answers."""


@dataclass(frozen=True, slots=True)
class PromptPredictor:
    """A loaded version."""

    asked: Asked
    llm: LLM
    concurrency: int = 1
    price: Price | None = None
    hidden: str = ""
    """Text that is added to the system message: the canary of a gate."""

    def predict(self, rows: Sequence[Input]) -> list[Output]:
        """Answer each row.

        Raises:
            LLMUnavailable: the model does not answer, or refuses the request.
        """
        at_once = min(self.concurrency, len(rows))
        if at_once <= 1:
            return [self._answer(row) for row in rows]
        pool = ThreadPoolExecutor(at_once, "ask a model")
        try:
            waiting = [pool.submit(copy_context().run, self._answer, row) for row in rows]
            return [one.result() for one in waiting]
        finally:
            pool.shutdown(cancel_futures=True)

    def _answer(self, row: Input) -> Output:
        asked, chosen = self.asked, self.asked.parameters
        prefill = asked.prompt.prefill
        found = self.llm.complete(
            self._messages(row),
            int(chosen["max_tokens"]),
            float(chosen["temperature"]),
            int(chosen["seed"]),
            self._options(prefill),
        )
        output = output_of(found, asked.labels, asked.schema, prefill)
        if self.price is not None:
            counts = (found.prompt_tokens, found.completion_tokens)
            output["cost"] = sum(n * p for n, p in zip(counts, self.price, strict=True)) / 1e6
        return output

    def _options(self, prefill: str) -> dict[str, Any]:
        asked = self.asked
        tools = {"tools": list(asked.prompt.tools)} if asked.prompt.tools else {}
        if not asked.limited:
            return tools
        embedded = asked.base_url is None
        return {**tools, **limits(asked.labels, asked.schema, prefill, embedded=embedded)}

    def _messages(self, row: Input) -> Chat:
        found = self.asked.prompt.render(row, self.asked.shots)
        if not self.hidden:
            return found
        if found[0]["role"] != "system":
            return [{"role": "system", "content": self.hidden}, *found]
        first: Mapping[str, str] = found[0]
        return [{"role": "system", "content": f"{first['content']}\n\n{self.hidden}"}, *found[1:]]
