"""fullturn.toml → frozen settings. Unknown keys are refused, with the nearest known one named."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fullturn.core.errors import NotFound, SettingsError

FILE = "fullturn.toml"
STATE = "FULLTURN_STATE"
"""Environment variable: the folder of everything that is written locally, before `state`."""
Share = Annotated[float, Field(gt=0, lt=1)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class DataSettings(_Table):
    """[data]: where rows come from, and how they are split when they do not say it."""

    files: tuple[str, ...] = ()
    """CSV, JSON lines, Parquet or Markdown files, or folders of them."""
    test: tuple[str, ...] = ()
    """Files whose rows are only tested on."""
    text: str | None = None
    """The column that the built-in classifier reads."""
    label: str | None = None
    """The column that it predicts."""
    train_share: Share = 0.5
    """Share of the rows, by group, that are trained on."""
    validation_share: Share = 0.2
    """Share that candidates race on; the rest is the test."""
    near_duplicate: Share = 0.9
    """Similarity of character trigrams from which two texts count as one."""


class ExperimentSettings(_Table):
    """[experiment]: parameters of a run, and how a search races its candidates."""

    seed: int = 0
    """All randomness of a run comes from it."""
    params: Mapping[str, str | int | float | bool] = {}
    """Parameters that differ from the app's own defaults."""
    candidates: int = Field(default=4, ge=1)
    """Raced by the first search."""
    race_alpha: Share = 0.05
    """Highest probability of stopping a candidate that is not worse."""
    owner: str | None = None
    """Who is responsible; Git's user if not set."""


class GateSettings(_Table):
    """[gates]: error rates, margins and budgets."""

    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """Error rate of each comparison, on each side."""
    margin: Share = 0.03
    """How much worse than the champion still counts as not worse."""
    slice_floor: Share = 0.3
    """No slice may be shown to score below it."""
    slice_rows: int = Field(default=20, ge=2)
    """Smaller slices are not judged."""
    floors: Mapping[str, Share] = {}
    """Scores, by name, whose mean must be shown to be at least so high."""
    behaviour_margin: Share = 0.1
    """Fall of the primary score that typing errors, capitals or a polite frame may cause."""
    behaviour_rows: int = Field(default=200, ge=10)
    """Test rows that are changed for that."""
    leakage_margin: Share = 0.1
    """How much better the test may look than the validation before it is suspect."""
    latency_p95_ms: float = Field(default=1000.0, gt=0)
    """95 % of single answers must be faster."""
    timed_rows: int = Field(default=40, ge=20)
    """Test rows asked one at a time, for the latency, and once more, for the same answer."""
    refusal_rate: Share = 0.05
    """Highest rate of leaks that the refusal suite must exclude."""


class ServingSettings(_Table):
    """[serving]: the address, and what one server takes."""

    host: str = "127.0.0.1"
    """Only this machine, unless set otherwise."""
    port: int = Field(default=8321, ge=0, le=65535)
    """0 takes a free one."""
    token_env: str | None = None
    """Name of the environment variable that holds the API token; None: no token asked."""
    body_bytes: int = Field(default=10 * 2**20, ge=1024)
    """Larger bodies get 413."""
    batch_rows: int = Field(default=64, ge=1)
    """Rows that the model is asked at once, at most."""
    queue_rows: int = Field(default=2048, ge=1)
    """Rows that may wait; beyond them 429."""
    shadow_rows: int = Field(default=256, ge=1)
    """Copies that may wait for the shadow; beyond them they are dropped."""
    timeout: float = Field(default=30.0, gt=0)
    """Seconds until a request that was not answered gets 503."""
    poll: float = Field(default=0.5, gt=0)
    """Seconds between two looks at the registry."""
    unlogged: bool = False
    """Whether to answer also while the prediction log cannot be written (disk full)."""
    signed: bool = False
    """Whether to serve, promote and release only versions whose signed evidence holds."""


class ReleaseSettings(_Table):
    """[release]: stages, shares, guardrails, error rates and deadlines."""

    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """Highest probability of rolling back a version that is not worse, over all guardrails."""
    margin: Share = 0.05
    """How much worse on a guardrail still counts as not worse, when promoting."""
    shadow_requests: int = Field(default=200, ge=0)
    """Least number of copies answered in shadow; 0 leaves the shadow out."""
    canary_share: float = Field(default=0.1, gt=0, le=0.5)
    """Share of the entities that get the version, and of those that are its control group."""
    canary_requests: int = Field(default=200, ge=1)
    """Least number of requests in each of the two arms."""
    slow_ms: float = Field(default=1000.0, gt=0)
    """An answer slower than this counts as slow."""
    guardrails: tuple[Literal["errors", "slow", "loss"], ...] = Field(
        default=("errors", "slow", "loss"), min_length=1
    )
    """What may not get worse: failed answers, slow ones, the loss that feedback tells."""
    deadline_minutes: float = Field(default=1440.0, gt=0)
    """A stage without a decision by then ends the release: back to the champion."""
    expected_requests: int = Field(default=10_000, ge=1)
    """Requests foreseen per stage, for the figures printed before the start."""


class MonitoringSettings(_Table):
    """[monitoring]: false alarms, windows, and where alarms go."""

    arl: int = Field(default=10_000, ge=100)
    """Requests between false alarms, on average, over all detectors together; at least."""
    margin: Share = 0.05
    """Fall of the quality that counts as one."""
    slow_ms: float = Field(default=1000.0, gt=0)
    """An answer slower than this counts as slow."""
    rate_margin: Share = 0.02
    """Share of failed, slow or contract-breaking requests, above the reference's, that may be."""
    rest: int = Field(default=500, ge=0)
    """Requests for which a detector is silent after an alarm; twice as many after each in a row."""
    webhook: str | None = None
    """An address that each alarm is posted to, as JSON."""


class RetrainingSettings(_Table):
    """[retraining]: what it costs, what a wrong answer costs, and the bounds."""

    cost: float = Field(default=50.0, ge=0)
    """Training, review and rollout of one version, in the same unit as `wrong_answer`."""
    wrong_answer: float = Field(default=0.1, ge=0)
    """What one wrong answer costs: minutes, euros, whatever `cost` counts."""
    horizon_requests: int = Field(default=10_000, ge=1)
    """Requests until the next decision."""
    maximum_age_days: float = Field(default=90.0, gt=0)
    """An older champion is trained again without an alarm."""
    cooldown_minutes: float = Field(default=60.0, ge=0)
    """Least time between two retrainings."""
    budget_per_month: int = Field(default=30, ge=0)
    """Trainings that may be started in 30 days."""
    recovery: Share = 0.5
    """Share of the excess loss that training on the new rows is expected to remove."""
    maturity_minutes: float = Field(default=0.0, ge=0)
    """Feedback younger than this is not trained on yet: some labels are corrected soon."""
    candidates: int = Field(default=1, ge=1)
    """Raced at a retraining; the first has the champion's parameters."""
    source_share: Share = 0.2
    """Largest share of the training rows that may come from one source or one key."""
    model_labels: bool = False
    """Whether labels that a model gave (source "model:…") may be trained on."""


class LLMSettings(_Table):
    """[llm]: an OpenAI-compatible address; the embedded model when there is none."""

    base_url: str | None = None
    """Of any OpenAI-compatible API; it ends before `/chat/completions`."""
    model: str = "embedded"
    """Its name there."""
    api_key_env: str = "OPENAI_API_KEY"
    """The environment variable that holds the key; only asked with `base_url`."""
    timeout: float = Field(default=60.0, gt=0)
    """Seconds until an answer is given up."""


class CISettings(_Table):
    """[ci]: what the pipeline runs and depends on."""

    tests: str | None = None
    """Command of the project's own tests; `python -m pytest` if it has any and this is not set."""
    code: tuple[str, ...] = ("*.py", "prompts/*")
    """Files of the project, besides its data, that a model depends on; `*` matches `/` too."""
    base: str | None = None
    """The branch that changes go into; the platform's, `main` or `master` if not set."""


class CardSettings(_Table):
    """[card]: what a model card says that no run can know."""

    intended_use: str | None = None
    """Who may use the model, for what."""
    out_of_scope: str | None = None
    """What it must not be used for."""
    limits: tuple[str, ...] = ()
    """Known limits, a sentence each; what the gate found is added."""
    owner: str | None = None
    """Who answers for the model; the owner of its run if not set."""
    contact: str | None = None
    """Where to ask, or to report a wrong answer."""


class SigningSettings(_Table):
    """[signing]: how the evidence of a version is signed, and whose signature counts."""

    method: Literal["key", "keyless", "none"] = "key"
    """A private key; a short-lived certificate for an identity, by Sigstore; or not at all."""
    private_key: str | None = None
    """File of the key (PEM, EC P-256); one is made in `state` at the first use if not set."""
    private_key_env: str | None = None
    """Name of the environment variable that holds the private key, for CI; comes first."""
    public_key: str | None = None
    """File of the key that is trusted, kept in Git; that in `state` if not set."""
    identity: str | None = None
    """Keyless: who must have signed, such as the address of a workflow file."""
    issuer: str | None = None
    """Keyless: the OpenID Connect issuer that vouches for the identity."""


class Settings(_Table):
    """All of fullturn.toml."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Of the experiment, the dataset and the registered model."""
    app: str = "classifier"
    """`classifier`, `assistant` or `mymodule:MyApp`."""
    tracking_uri: str | None = None
    """Of an MLflow server; MLFLOW_TRACKING_URI comes first, and SQLite in `state` last."""
    state: str = ".fullturn"
    """The folder of everything that is written locally."""
    data: DataSettings = DataSettings()
    experiment: ExperimentSettings = ExperimentSettings()
    gates: GateSettings = GateSettings()
    llm: LLMSettings = LLMSettings()
    serving: ServingSettings = ServingSettings()
    release: ReleaseSettings = ReleaseSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    retraining: RetrainingSettings = RetrainingSettings()
    ci: CISettings = CISettings()
    card: CardSettings = CardSettings()
    signing: SigningSettings = SigningSettings()


def find_root(start: Path) -> Path:
    """The nearest folder, from `start` upward, that holds a fullturn.toml.

    Raises:
        NotFound: there is none.
    """
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder
    raise NotFound(f"no {FILE} in {start} or above it; make a project with `fullturn init`")


def read(root: Path) -> Settings:
    """The settings of the project in `root`.

    Raises:
        SettingsError: the file is missing, is not TOML, or holds a wrong or unknown key.
    """
    path = root / FILE
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{path} does not exist; make a project with `fullturn init`") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not valid TOML: {error}") from None
    return parse(table, str(path))


def parse(table: Mapping[str, Any], origin: str) -> Settings:
    """Settings from a parsed table; lists become tuples. `origin` names it in messages."""
    try:
        return Settings.model_validate(_tuples(table))
    except ValidationError as error:
        raise SettingsError(f"{origin}: {_explain(error)}") from None


def tracking_uri(settings: Settings, root: Path) -> str:
    """Where MLflow is: the environment's MLFLOW_TRACKING_URI, the setting, or local SQLite."""
    named = os.environ.get("MLFLOW_TRACKING_URI") or settings.tracking_uri
    return named or f"sqlite:///{state_folder(settings, root) / 'mlflow.db'}"


def state_folder(settings: Settings, root: Path) -> Path:
    """The folder that holds everything fullturn writes locally; made if need be.

    Raises:
        SettingsError: there is a file in its place.
    """
    folder = (root / (os.environ.get(STATE) or settings.state)).resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise SettingsError(
            f"state = '{settings.state}': {folder} is a file; name a folder"
        ) from None
    return folder


def _tuples(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown setting '{place}'{_nearest(first['loc'])}"
    if first["type"] == "missing":
        return f"setting '{place}' is missing"
    return f"setting '{place}' = {first['input']!r}: {first['msg']}"


def _nearest(place: tuple[int | str, ...]) -> str:
    model: Any = Settings
    for part in place[:-1]:
        model = model.model_fields[str(part)].annotation
    known = list(model.model_fields)
    close = difflib.get_close_matches(str(place[-1]), known, n=1)
    return f"; did you mean '{close[0]}'?" if close else f"; known: {', '.join(known)}"
