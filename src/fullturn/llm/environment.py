"""Which LLM is asked where there is no project."""

from __future__ import annotations

import os

from fullturn.core.settings import LLMSettings


def settings_of_environment() -> LLMSettings:
    """FULLTURN_LLM_BASE_URL and FULLTURN_LLM_MODEL, else the embedded LLM."""
    address = os.environ.get("FULLTURN_LLM_BASE_URL")
    model = os.environ.get("FULLTURN_LLM_MODEL", LLMSettings().model)
    return LLMSettings(base_url=address, model=model) if address else LLMSettings()
