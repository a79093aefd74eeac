"""The LLM that an app asks: one client, an embedded default, and a cache of what was answered."""

from fullturn.llm.client import LLM, Completion, Message, uncached

__all__ = ["LLM", "Completion", "Message", "uncached"]
