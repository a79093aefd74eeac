"""Where an app written for version 0.1 imports its baseline from."""

from fullturn.subjects.baseline import Majority

__all__ = ["Majority"]
