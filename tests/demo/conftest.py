"""The demo's tests use the project of the commands' tests."""

from tests.verbs.conftest import project

__all__ = ["project"]
