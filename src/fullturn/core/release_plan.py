"""A running release's orders to the server: a plan in a tag of the registered model.

The release writes and renews it; the server follows it until it expires. Another tag names
the release that ended last: its plan is not followed, even if a controller that was slow to learn
of the end renews it once more.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict

from fullturn.core.entities import ReleasePlan
from fullturn.core.parsing import from_json
from fullturn.core.tags import ModelTags

KEY = ModelTags.key("release")


def written(plan: ReleasePlan) -> dict[str, str]:
    """A plan as a tag."""
    return ModelTags(release=json.dumps(asdict(plan))).write()


def read(tags: Mapping[str, str]) -> ReleasePlan | None:
    """The plan in the tags of a registered model; None if there is none to follow.

    Raises:
        ValueError: the tag is not a plan; the message says why.
    """
    model = ModelTags.read(tags)
    if not model.release:
        return None
    try:
        plan = _plan(from_json(model.release))
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"tag {KEY} is not a plan ({error}): {model.release[:200]}") from None
    return None if plan.run == model.release_ended else plan


def _plan(record: Mapping[str, object]) -> ReleasePlan:
    plan = ReleasePlan(
        run=str(record["run"]),
        stage="shadow" if record["stage"] == "shadow" else "canary",
        version=int(str(record["version"])),
        share=float(str(record["share"])),
        salt=str(record["salt"]),
        until=float(str(record["until"])),
        control=int(str(record.get("control", 0))),
    )
    if record["stage"] not in ("shadow", "canary"):
        raise ValueError(f"stage {record['stage']!r}")
    if not 0 <= plan.share <= 0.5:
        raise ValueError(f"share {plan.share}")
    return plan
