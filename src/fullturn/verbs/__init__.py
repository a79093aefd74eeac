"""One module per verb, imported at first use. Only here do the stages meet."""

from typing import TYPE_CHECKING

from fullturn.core.plugins import modules

if TYPE_CHECKING:  # those that `fullturn.project` names
    from fullturn.verbs import ask as ask
    from fullturn.verbs import ci as ci
    from fullturn.verbs import compare as compare
    from fullturn.verbs import data as data
    from fullturn.verbs import deliver as deliver
    from fullturn.verbs import gate as gate
    from fullturn.verbs import history as history
    from fullturn.verbs import lineage as lineage
    from fullturn.verbs import monitor as monitor
    from fullturn.verbs import predict as predict
    from fullturn.verbs import promote as promote
    from fullturn.verbs import release as release
    from fullturn.verbs import reproduce as reproduce
    from fullturn.verbs import rollback as rollback
    from fullturn.verbs import runs as runs
    from fullturn.verbs import serve as serve
    from fullturn.verbs import train as train
    from fullturn.verbs import turn as turn
    from fullturn.verbs import verify as verify
else:
    __getattr__ = modules(__name__)
