"""The client of an LLM, by the name of version 0.1; today's is `fullturn.llm.client`."""

from fullturn.llm.client import LLM

__all__ = ["LLM"]
