"""A bundle as a complete MLflow model: requirements, code, types and an example beside it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fullturn.core import installation
from fullturn.store import Pyfunc, save_pyfunc
from fullturn.subjects import bundle
from fullturn.tracking import provenance
from fullturn.verbs.workspace import Workspace


def package(
    project: Workspace, folder: Path, run: str, probes: Sequence[Mapping[str, Any]]
) -> None:
    """Write what plain MLflow needs beside the files of a bundle.

    An app of one's own is loaded by its project's code (`[ci] code`), a copy of which goes along;
    and so does fullturn's where it was not installed from a place that others can reach.
    """
    own, fullturns = _own_code(project), installation.installation()
    contract, name = project.subject.contract, project.settings.app
    for file in own:
        target = folder / bundle.CODE / file
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(project.root / file, target)
    if fullturns.needs_code:
        bundle.write_loader(folder, installation.archive())
    sources = [project.root / file for file in own if file.endswith(".py")]
    requirements = installation.merged(
        fullturns.requirements,
        installation.imported(sources, *([name.partition(":")[0]] if ":" in name else [])),
        project.subject.requirements(folder / bundle.FILES),
    )
    model = Pyfunc(
        data=bundle.FILES,
        loader=bundle.LOADER if fullturns.needs_code else bundle.__name__,
        columns=[one for one in contract.columns if one.role == "input"],
        outputs=[probe["output"] for probe in probes],
        example=probes[0]["input"] if probes else None,
        requirements=requirements,
        code=bundle.CODE if own or fullturns.needs_code else None,
        metadata={"fullturn.app": name, "fullturn.run": run},
    )
    save_pyfunc(folder, model)


def _own_code(project: Workspace) -> list[str]:
    """Names of the files that an app of one's own is loaded by; none for those of fullturn."""
    if ":" not in project.settings.app:
        return []
    return provenance.code_files(project.root, project.settings.ci.code)
