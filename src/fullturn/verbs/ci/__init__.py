"""The pipeline of a project: its steps, its report, and what runs them."""

from typing import TYPE_CHECKING

from fullturn.core.plugins import modules

if TYPE_CHECKING:
    from fullturn.verbs.ci import base as base
    from fullturn.verbs.ci import checkout as checkout
    from fullturn.verbs.ci import report as report
    from fullturn.verbs.ci import run as run
    from fullturn.verbs.ci import workflows as workflows
else:
    __getattr__ = modules(__name__)
