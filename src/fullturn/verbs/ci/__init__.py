"""The CI/CD pipeline of a project: its steps and its report."""

from typing import TYPE_CHECKING

from fullturn.core.plugins import modules

if TYPE_CHECKING:
    from fullturn.verbs.ci import checkout as checkout
    from fullturn.verbs.ci import platforms as platforms
    from fullturn.verbs.ci import report as report
    from fullturn.verbs.ci import run as run
else:
    __getattr__ = modules(__name__)
