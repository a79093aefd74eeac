"""The workflow files of a project, rendered from the pipeline's one declaration.

The templates, in `templates/`, contain what is specific to the platform: triggers, permissions,
secrets, machines.
What a step does is defined in `steps.py` only.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fullturn.llm.weights import SHA256
from fullturn.pipeline import lock
from fullturn.pipeline.installation import EXTRAS, Requirement
from fullturn.pipeline.steps import DELIVER, EVALUATE, REPORT, STEPS_FILE, Step, step

if TYPE_CHECKING:
    from jinja2 import Environment

    from fullturn.core.settings import Settings

MARK = "# Written by fullturn"
"""In each workflow file that we wrote; a file without it is never replaced."""
ARTIFACT = "model-report"
"""Under this name `model-ci` hands the report folder to `model-comment`."""
REPORT_JSON = f"{REPORT}/report.json"
DEFAULT_BRANCHES = ("main", "master")
"""What is delivered without `base` in [ci]: whichever there is. GitLab knows it automatically."""
SIGNING_KEY = "FULLTURN_SIGNING_KEY"
"""The secret with the private key, unless `private_key_env` in [signing] names another."""
DELIVER_JOB = (step("code"), step("data"), step("train"), *DELIVER)
"""On a fresh runner: what DELIVER needs comes first, reused rather than recomputed."""
COMMENT = Step(
    "comment",
    f'ci comment --report "$RUNNER_TEMP/{REPORT_JSON}" --head "$HEAD"',
    "the report, in the pull request",
)
WATCH = (Step("turn", "turn", "monitoring, retraining, a release under way"),)
SIGNING_STEPS = ("register", "release", "turn")
"""Steps that may sign evidence: no other step gets the private key."""
_INSTALL = f"python -m pip install --requirement {lock.LOCKED}"
_LOCKED = f"python -m pip install --require-hashes --requirement {lock.LOCKED}"
_PINS = {
    "checkout": "actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2",
    "python": "actions/setup-python@a309ff8b426b58ec0e2a45f0f869d46889d02405 # v6.2.0",
    "cache": "actions/cache@0057852bfaa89a56745cba8c7296529d2fc39830 # v4.3.0",
    "upload": "actions/upload-artifact@b7c566a772e6b6bfb58ed0dc250532a479d7789f # v6.0.0",
    "download": "actions/download-artifact@37930b1c2abaa49bbe596cd826c3c89aef350131 # v7.0.0",
}
"""A tag can be moved to other code, a commit cannot."""
_GITHUB = ("model-ci", "model-comment", "model-cd", "model-watch")
_FILES = {
    **{f".github/workflows/{name}.yml": f"{name}.yml.jinja" for name in _GITHUB},
    ".gitlab-ci.yml": "gitlab-ci.yml.jinja",
}


def render(settings: Settings, *, locked: bool = False) -> dict[str, str]:
    """The workflow files of a project, by their path in it; `locked`: its requirements have
    hashes, and nothing else is installed."""
    base, signing = settings.ci.base, settings.signing
    values = {
        "branches": json.dumps([base] if base else list(DEFAULT_BRANCHES)),
        "signing_key": signing.private_key_env or SIGNING_KEY,
        "keyless": signing.method == "keyless",
        "install": _LOCKED if locked else _INSTALL,
        "llm": SHA256[:12] if uses_embedded_llm(settings) else "",
    }
    return {path: _render(name, **values) for path, name in _FILES.items()}


def uses_embedded_llm(settings: Settings) -> bool:
    """Whether a runner needs the file of the embedded LLM."""
    return "llm" in EXTRAS.get(settings.app, ()) and settings.llm.base_url is None


def requirements(found: Requirement, *, has_tests: bool = False, locked: bool = False) -> str:
    """What a new project needs: fullturn as it is installed here; pytest for tests.

    It is `requirements.txt`, or the source from which that is `locked`.
    """
    command = f"uv {' '.join(lock.COMMAND)}"
    return _render(
        "requirements.txt.jinja",
        fullturn=found,
        has_tests=has_tests,
        locked=locked,
        lockable=lock.can_be_locked(found.line),
        command=command,
    )


def foreign(folder: Path, rendered: Mapping[str, str]) -> tuple[str, ...]:
    """Paths of files that fullturn did not write: they lack the first line of ours."""
    return tuple(path for path in rendered if MARK not in _text(folder / path, MARK))


def differences(folder: Path, rendered: Mapping[str, str]) -> dict[str, str]:
    """What `write` would change: unified diffs, by path."""
    theirs = foreign(folder, rendered)
    ours = {path: text for path, text in rendered.items() if path not in theirs}
    found = {path: _diff(folder, path, text) for path, text in ours.items()}
    return {path: diff for path, diff in found.items() if diff}


def write(folder: Path, rendered: Mapping[str, str]) -> tuple[str, ...]:
    """Write missing files, and replace older files of ours; returns what was written."""
    changed = tuple(differences(folder, rendered))
    for path in changed:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(rendered[path], encoding="utf-8")
    return changed


def _diff(folder: Path, path: str, text: str) -> str:
    lines = difflib.unified_diff(
        _text(folder / path, "").splitlines(keepends=True),
        text.splitlines(keepends=True),
        path if (folder / path).exists() else "/dev/null",
        path,
    )
    return "".join(lines)


def _text(file: Path, otherwise: str) -> str:
    return file.read_text(encoding="utf-8", errors="replace") if file.exists() else otherwise


def _render(template: str, **values: Any) -> str:
    return _templates().get_template(template).render(values)


@cache
def _templates() -> Environment:
    """Templates in square brackets: workflows are full of braces. Unknown names are errors."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("fullturn.pipeline"),
        variable_start_string="[[",
        variable_end_string="]]",
        block_start_string="[%",
        block_end_string="%]",
        comment_start_string="[#",
        comment_end_string="#]",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 (what is rendered is YAML of our own)
    )
    environment.filters["quoted"] = _quoted
    environment.filters["block"] = _block
    environment.globals.update(_words())
    return environment


def _words() -> dict[str, Any]:
    jobs: dict[str, Sequence[Step]] = {
        "evaluate": EVALUATE,
        "deliver": DELIVER_JOB,
        "watch": WATCH,
    }
    return {
        **jobs,
        "comment": COMMENT,
        "signing_steps": SIGNING_STEPS,
        "pins": _PINS,
        "artifact": ARTIFACT,
        "head": "${{ github.event.pull_request.head.sha }}",
        "report": REPORT,
        "steps_variable": STEPS_FILE,
        "steps_path": f"{REPORT}/steps.jsonl",
    }


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _block(text: str) -> str:
    """Lines without the last break: the template has its own."""
    return text.removesuffix("\n")
