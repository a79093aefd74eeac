"""The loader that MLmodel files of version 0.1 name; today's is `fullturn.subjects.bundle`."""

from fullturn.subjects.bundle import _load_pyfunc

__all__ = ["_load_pyfunc"]
