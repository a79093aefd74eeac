"""One module for each verb, imported when it is first asked for. Stages meet only here."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # those that `fullturn.project` names
    from fullturn.verbs import ask as ask
    from fullturn.verbs import compare as compare
    from fullturn.verbs import data as data
    from fullturn.verbs import gate as gate
    from fullturn.verbs import history as history
    from fullturn.verbs import lineage as lineage
    from fullturn.verbs import monitor as monitor
    from fullturn.verbs import predict as predict
    from fullturn.verbs import promote as promote
    from fullturn.verbs import reproduce as reproduce
    from fullturn.verbs import rollback as rollback
    from fullturn.verbs import runs as runs
    from fullturn.verbs import serve as serve
    from fullturn.verbs import train as train
    from fullturn.verbs import turn as turn
    from fullturn.verbs import verify as verify
else:

    def __getattr__(name: str) -> Any:
        """The module of this name."""
        module = f"{__name__}.{name}"
        try:
            return import_module(module)
        except ModuleNotFoundError as error:
            if error.name != module:
                raise
            raise AttributeError(f"there is no module '{module}'") from None
