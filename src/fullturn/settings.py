"""Where an app written for version 0.1 imports its settings from: `core.settings`."""

from fullturn.core.settings import LLMSettings, Settings

__all__ = ["LLMSettings", "Settings"]
