"""fullturn.toml → frozen settings. An unknown key is an error that names the closest known key."""

from __future__ import annotations

import copy
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from fullturn.core import addresses, redaction, state
from fullturn.core.addresses import anchored, kind_of
from fullturn.core.entities import EqualRows, Kind
from fullturn.core.errors import NotFound, SettingsError
from fullturn.core.wording import nearest

FILE = "fullturn.toml"
STATE = "FULLTURN_STATE"
"""Environment variable that overrides `state`, the folder for all local files."""
RENAMED: Mapping[str, str] = {
    "monitoring.rest": "monitoring.cooldown_requests",
    "serving.unlogged": "serving.serve_without_log",
}
"""Settings renamed in this version. An old name is accepted until the next version."""
POINTER = r"^(/.*)?$"
"""Form of a JSON pointer, RFC 6901."""
MAX_SEED = 2**32 - 1
"""The largest that every library takes."""
Share = Annotated[float, Field(gt=0, lt=1)]
Guardrail = Literal["errors", "slow", "loss"]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class DataSettings(_Table):
    """[data]: input files, and how rows without a split are divided."""

    files: tuple[str, ...] = ()
    """CSV or TSV, JSON Lines, Parquet or Markdown files, or folders of such files."""
    test: tuple[str, ...] = ()
    """Files whose rows are used only for testing."""
    text: str | None = None
    """Text column, the input of the built-in classifier."""
    label: str | None = None
    """Label column, the target of the built-in classifier and of registered models."""
    unit: str | None = Field(default=None, min_length=1, max_length=20, pattern=r"^\S(.*\S)?$")
    """What the numbers of the label are measured in, such as `USD`; shown with errors."""
    id: str | None = None
    """Column that names each row; without it, content identifies them."""
    group: str | None = None
    """Column of rows that belong together, such as a customer; a group is never split."""
    slices: tuple[str, ...] = ()
    """Columns that the gate reports by, and no model reads."""
    time: str | None = None
    """Column of dates or numbers that orders the rows: the latest are the test rows."""
    time_is_input: bool = False
    """The model reads the time column too, so that it can follow a trend beyond its training."""
    columns: Mapping[str, Kind] = {}
    """Columns of a table that a model reads, and their kinds: `number`, `category`, `boolean`,
    `date`, `text` or `json`. Of a registered model, taken from its signature if not set."""
    ignore: tuple[str, ...] = ()
    """Columns that are left out of dataset versions."""
    encoding: str | None = None
    """Encoding of text files that are not UTF-8 and have no byte order mark: `windows-1252`."""
    decimal: Literal[".", ","] = "."
    """Decimal separator of numbers in CSV files; with `,`, `1.234,5` is read as 1234.5."""
    thousands: Literal[",", " ", "'"] | None = None
    """Separator of thousands in CSV files whose decimal separator is `.`; with `,`, `1,234.5` is
    read as 1234.5."""
    day_first: bool | None = None
    """What comes first in dates such as 1/5/2024: the day (true) or the month (false); without it,
    such dates are refused."""
    equal_rows: EqualRows = "drop"
    """Rows of a table without an id that are equal in all that a model reads. `drop`: one of them
    remains. `group`: all remain, and rows with equal inputs share a split. `separate`: each is a
    row of its own, as where few different values make equal rows usual."""
    on_bad_row: Literal["refuse", "drop"] = "refuse"
    """What a commit does with rows that break the contract: refuse the files, or drop those rows
    and record them in the version."""
    optional: tuple[str, ...] = ()
    """Columns that a model reads and that may be empty in a row, or absent in a request."""
    train_share: Share = 0.5
    """Share of the rows used for training; groups are never split."""
    validation_share: Share = 0.2
    """Share of the rows used to compare candidates; the remainder is the test split."""
    near_duplicate: Share = 0.9
    """Two texts whose trigram similarity reaches this value count as duplicates."""

    @field_validator("encoding")
    @classmethod
    def _of_text(cls, encoding: str | None) -> str | None:
        try:
            b"".decode(encoding or "utf-8")
        except LookupError:
            raise ValueError(
                "no such encoding; known are utf-16-le, windows-1252, iso-8859-1, shift_jis, …"
            ) from None
        return encoding


class ModelSettings(_Table):
    """[model]: what the label of a table is; with `app = "mlflow_model"`, the registered model."""

    uri: str | None = Field(default=None, pattern=r"^models:/[^/@]+(/\d+|@[^/@]+)?$")
    """`models:/NAME` (the newest version), `models:/NAME/3` or `models:/NAME@alias`."""
    task: Literal["classification", "regression"] = "classification"
    """What the label is: a category or a number."""
    classes: tuple[str, ...] = ()
    """Labels in the order of the probabilities, for a model that answers with those alone."""
    scale: float | None = Field(default=None, gt=0)
    """Regression: the error from which an answer is worth nothing, in the label's unit."""
    allow_pickle: bool = False
    """Allow models that can run any code when loaded; each gets a process of its own."""
    env: Literal["local", "isolated"] = "local"
    """Packages of such a process: those installed here, or, `isolated`, those that each model
    declares in its requirements.txt, installed by uv into an environment of their own."""
    timeout: float = Field(default=60.0, gt=0)
    """Seconds that such a process may take for one batch."""
    memory_mb: int | None = Field(default=None, ge=64)
    """Memory that such a process may use, in MB; by default three quarters of the machine's."""
    unseen: str | None = Field(default=None, min_length=1)
    """Why the test rows cannot be among those that a model trained elsewhere has learned from;
    until this is stated, the gate's check for leakage is inconclusive."""


class TrainSettings(_Table):
    """[train]: a training command of your own. With `app = "mlflow_model"` and without [model] uri,
    the model that it logs with MLflow becomes the candidate."""

    command: str | None = None
    """Runs in the project's folder, without a shell. `{seed}`, `{train}`, `{validation}` and the
    `{NAME}` of a parameter are replaced."""
    python: str | None = None
    """Interpreter of another environment for it, such as `.venv-train/bin/python`."""
    params: Mapping[str, str | int | float | bool] = {}
    """Parameters of the command and their defaults; also in FULLTURN_PARAM_NAME."""
    space: Mapping[str, tuple[str | int | float | bool, ...]] = {}
    """Values that a search may try, by parameter."""
    model: str | None = None
    """Name of the model to take, if it logs several; of several with this name, the last."""
    timeout: float = Field(default=86_400.0, gt=0)
    """Seconds after which it is stopped."""


class ServiceSettings(_Table):
    """[service]: the HTTP endpoint that a project with `app = "service"` operates."""

    url: str | None = None
    """Its address; `/invocations`, `/chat/completions` or `/v2/models/MODEL/infer` is added as the
    protocol needs it. Another address is another candidate."""
    protocol: Literal["json", "mlflow", "openai", "kserve"] = "json"
    """`mlflow`: `mlflow models serve`; `openai`: chat completions; `kserve`: open inference
    protocol v2; `json`: its own, described by `batch`, `input` and `answer`."""
    model: str = ""
    """Name of the model there; replaces `{model}` in `url`. Another name is another candidate."""
    task: Literal["classification", "regression", "text"] = "classification"
    """What the answer is: a category, a number, or a text."""
    classes: tuple[str, ...] = ()
    """Labels in the order of the probabilities, if the answer is those alone."""
    scale: float | None = Field(default=None, gt=0)
    """Regression: the error from which an answer is worth nothing, in the label's unit."""
    batch: bool = False
    """`json`: a request is a list of rows and its answer a list; otherwise one row per request."""
    input: str = Field(default="", pattern=POINTER)
    """`json`: JSON pointer to the row, or the list of rows, in a request; empty: all of it."""
    answer: str = Field(default="", pattern=POINTER)
    """JSON pointer to the answer, or the list of answers, in a response; empty: all of it, or
    where the protocol has it. `kserve`: the name of the output, such as `/label`."""
    fields: Mapping[
        Literal["label", "confidence", "probabilities", "value", "text"],
        Annotated[str, Field(pattern=POINTER)],
    ] = {}
    """JSON pointers within the answer of a row, such as `{ label = "/class", confidence = "/p" }`;
    without them, the answer is a label, a number, probabilities, or has fields of these names."""
    body: Mapping[str, str | int | float | bool] = {}
    """Other fields of each request, such as `temperature`."""
    system: str = ""
    """`openai`: a system message before each text."""
    tensor: str = ""
    """`kserve`: send all inputs, which must be numbers, as one tensor of this name; otherwise each
    column is a tensor."""
    token_env: str | None = None
    """Environment variable with a token, sent as `Authorization: Bearer …`."""
    headers: Mapping[str, str] = {}
    """Headers with secrets: for each the environment variable that has its value."""
    hosts: tuple[str, ...] = ()
    """Hosts that may get these secrets besides that of `url`, such as the champion's."""
    timeout: float = Field(default=30.0, gt=0)
    """Seconds that a request may take."""
    concurrency: int = Field(default=8, ge=1, le=256)
    """Requests at the same time."""
    batch_rows: int = Field(default=64, ge=1)
    """Rows in a request, for protocols that take many."""
    retries: int = Field(default=2, ge=0, le=10)
    """Attempts after the first, if a request was not processed: no connection, 429 or 503; a
    `Retry-After` is respected up to `timeout`."""


class PromptSettings(_Table):
    """[prompt]: the prompt that a project with `app = "prompt"` operates, and how its answers are
    scored."""

    file: str | None = None
    """The prompt, `.yaml`, `.json`, `.md` or `.txt`: messages with `{{placeholders}}`, and perhaps
    model, parameters and tools. Edited, it is another candidate."""
    labels: tuple[str, ...] = ()
    """The answer is one of these."""
    json_schema: str | None = None
    """File with a JSON schema: the answer is JSON of this form."""
    limited: bool = True
    """Ask the model to decode nothing but a label, or JSON of the schema: `response_format`, or a
    grammar of the embedded LLM; false for APIs that refuse it."""
    scorers: tuple[str, ...] = ()
    """Scores of an answer, the first one is the primary one: `exact_match`, `contains`,
    `number(1%)`, `judge:RUBRIC.md`, `mymodule:function`; by default as the answer needs it."""
    rubric: str | None = None
    """Column with a case's own rubric, for judges."""
    judge: str = ""
    """Name of the model that judges; by default the one that answers."""
    perturbations: tuple[Literal["typos", "case", "paraphrase"], ...] | None = None
    """What the gate may do to the text of a case without changing what is expected; by default
    everything for labels, a polite frame for texts, and nothing for JSON."""
    space: Mapping[str, tuple[str | int | float, ...]] = {}
    """Values that a search may try: of `prompt` (files), `model`, `temperature`, `max_tokens`,
    `shots`."""
    prices: Mapping[str, tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]]] = {}
    """Price of a million tokens by model, of prompts and of answers: `{ "m" = [0.15, 0.6] }`."""
    concurrency: int = Field(default=8, ge=1, le=256)
    """Requests at the same time."""
    may_vary: str | None = Field(default=None, min_length=1)
    """Why the same case may be answered in other words the next time; until this is stated, the
    gate refuses a version that does so, and a changed model is noticed when one is loaded."""

    def files(self) -> tuple[str, ...]:
        """Every file of the project that is named here."""
        prompts = [str(one) for one in self.space.get("prompt", ())]
        rubrics = [one.partition(":")[2] for one in self.scorers if is_rubric(one)]
        return tuple(filter(None, (self.file, self.json_schema, *prompts, *rubrics)))


def is_rubric(scorer: str) -> bool:
    """Whether a scorer asks a model, by a rubric in a file."""
    return scorer.startswith(("judge:", "prefer:"))


class ExperimentSettings(_Table):
    """[experiment]: parameters of a run, and how a search compares candidates."""

    seed: int = Field(default=0, ge=0, le=MAX_SEED)
    """Random seed of a run."""
    params: Mapping[str, str | int | float | bool] = {}
    """Parameters that override the app's defaults."""
    candidates: int = Field(default=4, ge=1)
    """Number of candidates in the first search."""
    race_alpha: Share = 0.05
    """Maximum probability of stopping a candidate early that is not worse."""
    owner: str | None = None
    """Person responsible for the runs; defaults to the Git user."""


class GateSettings(_Table):
    """[gates]: error rates, margins and budgets of the gate."""

    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """One-sided error rate of each comparison."""
    margin: Share = 0.03
    """Non-inferiority margin: how much worse than the champion a candidate may be."""
    slice_floor: Share = 0.3
    """Minimum score of a slice; a slice shown to be below it fails."""
    slice_rows: int = Field(default=20, ge=2)
    """Slices with fewer rows are not checked."""
    primary: str | None = None
    """Metric that comes first: it chooses the best candidate, which must beat the baseline in it;
    defaults to the app's first score."""
    metrics: tuple[str, ...] = ()
    """Metrics to check besides the app's scores: `f1`, `roc_auc(spam)`, `mymodule:MyMetric`."""
    margins: Mapping[str, Annotated[float, Field(gt=0)]] = {}
    """Non-inferiority margin of a metric, by metric name, in its unit; `margin` where not set."""
    floors: Mapping[str, float] = {}
    """Minimum of a metric, by metric name, in its unit; its maximum where lower is better. The
    candidate must be shown to reach it."""
    behaviour_margin: Share = 0.1
    """Largest drop of the primary metric that typos, capitals or polite phrasing may cause."""
    behaviour_rows: int = Field(default=200, ge=10)
    """Number of test rows that are perturbed for these checks."""
    leakage_margin: Share = 0.1
    """A test score this much above the validation score counts as suspected leakage."""
    latency_p95_ms: float = Field(default=1000.0, gt=0)
    """Latency budget: 95 % of single-row predictions must be faster, in milliseconds."""
    timed_rows: int = Field(default=40, ge=20)
    """Test rows predicted one at a time, twice, to measure latency and reproducibility."""
    refusal_rate: Share = 0.05
    """Maximum leak rate; the refusal suite must show that the true rate is below it."""

    @property
    def named_metrics(self) -> tuple[str, ...]:
        """The metrics that are judged besides the app's scores, the primary one first."""
        return tuple(dict.fromkeys((*filter(None, [self.primary]), *self.metrics)))


class ServingSettings(_Table):
    """[serving]: the server's address, authentication and limits."""

    host: str = "127.0.0.1"
    """Interface to listen on; by default only this machine can connect."""
    port: int = Field(default=8321, ge=0, le=65535)
    """Port to listen on; 0 picks a free port."""
    token_env: str | None = None
    """Environment variable with the API token; without one, no token is required."""
    allowed_hosts: tuple[str, ...] = ()
    """Names by which clients may reach a server without a token, besides its IP addresses and this
    machine's name; `*.example.org` for all names below one, `*` for any."""
    cors_origins: tuple[str, ...] = ()
    """Origins, such as `https://app.example.org`, whose web pages may send requests; each is named,
    `*` is refused."""
    body_bytes: int = Field(default=10 * 2**20, ge=1024)
    """Maximum request body, in bytes; larger requests get 413."""
    batch_rows: int = Field(default=64, ge=1)
    """Maximum rows in one batch."""
    queue_rows: int = Field(default=2048, ge=1)
    """Maximum rows in the queue; further requests get 429."""
    shadow_rows: int = Field(default=256, ge=1)
    """Maximum rows queued for the shadow version; further copies are dropped."""
    timeout: float = Field(default=30.0, gt=0)
    """Request timeout, in seconds; the client gets 503."""
    poll: float = Field(default=0.5, gt=0)
    """Interval between polls of the registry, in seconds."""
    serve_without_log: bool = False
    """Keep serving while the prediction log cannot be written, for example on a full disk."""
    signed: bool = False
    """Serve, promote and release only versions whose evidence has a valid signature."""
    follow_alias: bool = False
    """Serve the version that the alias `champion` points at, also if somebody set it in MLflow;
    by default, the champion of the history."""

    @field_validator("cors_origins")
    @classmethod
    def _as_browsers_send_them(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        wide = next((origin for origin in origins if "*" in origin), None)
        if wide is not None:
            raise ValueError(
                f"'{wide}' would let web pages of strangers ask this server; name each origin, "
                "such as 'https://app.example.org'"
            )
        return tuple(origin.rstrip("/").lower() for origin in origins)


class ReleaseSettings(_Table):
    """[release]: stages, traffic shares, guardrails, error rates and deadlines."""

    alpha: float = Field(default=0.05, gt=0, lt=0.5)
    """Maximum false-rollback rate, over all guardrails and looks."""
    margin: Share = 0.05
    """Non-inferiority margin: how much worse a guardrail may be for a promotion."""
    shadow_requests: int = Field(default=200, ge=0)
    """Minimum number of shadow requests; 0 skips the shadow stage."""
    canary_share: float = Field(default=0.1, gt=0, le=0.5)
    """Share of the entities in the canary arm, and in the baseline arm of equal size."""
    canary_requests: int = Field(default=200, ge=1)
    """Minimum number of requests in each arm."""
    slow_ms: float = Field(default=1000.0, gt=0)
    """Latency above which a request counts as slow, in milliseconds."""
    guardrails: tuple[Guardrail, ...] = Field(default=("errors", "slow", "loss"), min_length=1)
    """What must not get worse: failed requests, slow requests, and the loss from feedback."""
    deadline_minutes: float = Field(default=1440.0, gt=0)
    """A stage that is undecided after this many minutes is rolled back."""
    expected_requests: int = Field(default=10_000, ge=1)
    """Expected requests per stage, for the forecast printed before a release starts."""


class MonitoringSettings(_Table):
    """[monitoring]: false-alarm rate, margins, and where alarms are sent."""

    arl: int = Field(default=10_000, ge=100)
    """Average run length: at least this many requests between false alarms, over all detectors."""
    margin: Share = 0.05
    """Smallest drop of the primary metric that counts as a drop in quality."""
    slow_ms: float = Field(default=1000.0, gt=0)
    """Latency above which a request counts as slow, in milliseconds."""
    rate_margin: Share = 0.02
    """Tolerated increase of failed, slow, invalid or unscorable requests over the reference."""
    cooldown_requests: int = Field(default=500, ge=0)
    """Cooldown of a detector after an alarm, in requests; doubles with each consecutive alarm."""
    webhook: str | None = None
    """URL that receives each alarm as a JSON POST request."""


class RetrainingSettings(_Table):
    """[retraining]: the cost of retraining and of a wrong answer, and limits."""

    cost: float = Field(default=50.0, ge=0)
    """Cost of training, reviewing and releasing one version, in the unit of `wrong_answer`."""
    wrong_answer: float = Field(default=0.1, ge=0)
    """Cost of one wrong answer, in any unit, for example minutes or euros."""
    horizon_requests: int = Field(default=10_000, ge=1)
    """Number of future requests over which costs are compared."""
    maximum_age_days: float = Field(default=90.0, gt=0)
    """Maximum age of a champion, in days; an older one is retrained without an alarm."""
    cooldown_minutes: float = Field(default=60.0, ge=0)
    """Minimum time between two retrainings, in minutes."""
    budget_per_month: int = Field(default=30, ge=0)
    """Maximum number of retrainings in 30 days."""
    recovery: Share = 0.5
    """Expected share of the excess loss that training on the new rows removes."""
    maturity_minutes: float = Field(default=0.0, ge=0)
    """Minimum age of feedback used for training, in minutes; early labels are often corrected."""
    candidates: int = Field(default=1, ge=1)
    """Number of candidates in a retraining; the first one uses the champion's parameters."""
    source_share: Share = 0.2
    """Maximum share of the training rows from one feedback source or one key."""
    model_labels: bool = False
    """Train on labels given by a model (source "model:…")."""


class LLMSettings(_Table):
    """[llm]: an OpenAI-compatible API, or the embedded model."""

    base_url: str | None = None
    """URL of an OpenAI-compatible API, without `/chat/completions`; none: the embedded model."""
    model: str = "embedded"
    """Model name passed to the API."""
    api_key_env: str = "OPENAI_API_KEY"
    """Environment variable with the API key; used only with `base_url`."""
    timeout: float = Field(default=60.0, gt=0)
    """Request timeout, in seconds."""


class CISettings(_Table):
    """[ci]: the project's tests, model code and base branch."""

    tests: str | None = None
    """Command that runs the project's tests; defaults to `python -m pytest` if it has tests."""
    code: tuple[str, ...] = ("*.py", "prompts/*")
    """Files, besides data, that a model depends on; in these patterns, `*` also matches `/`."""
    base: str | None = None
    """Target branch of changes; defaults to the CI platform's, `main` or `master`."""


class CardSettings(_Table):
    """[card]: the parts of the model card that cannot be derived from a run."""

    intended_use: str | None = None
    """Intended users and uses of the model."""
    out_of_scope: str | None = None
    """Uses that are out of scope."""
    limits: tuple[str, ...] = ()
    """Known limitations, one sentence each; the gate's findings are added."""
    owner: str | None = None
    """Owner of the model; defaults to the owner of its run."""
    contact: str | None = None
    """Contact for questions and reports of wrong answers."""


class SigningSettings(_Table):
    """[signing]: how a version's evidence is signed, and which signatures are trusted."""

    method: Literal["key", "keyless", "none"] = "key"
    """`key`: a private key; `keyless`: a short-lived Sigstore certificate; `none`: no signature."""
    private_key: str | None = None
    """Private key file (PEM, EC P-256); by default a key is created in `state` on first use."""
    private_key_env: str | None = None
    """Environment variable with the private key, for CI; takes precedence over the file."""
    public_key: str | tuple[str, ...] | None = None
    """Trusted public key file, or several, committed to Git; defaults to the key in `state`."""
    identity: str | None = None
    """Keyless: required signer identity, for example the URL of a workflow file."""
    issuer: str | None = None
    """Keyless: OpenID Connect issuer of the identity."""


class PluginSettings(_Table):
    """[plugins]: classes of your own, each `mymodule:MyClass`; a metric is named where it is
    used."""

    checks: tuple[str, ...] = ()
    """Checks of the gate, after the built-in ones; derived from `fullturn.Check`."""
    detectors: tuple[str, ...] = ()
    """Detectors of monitoring, derived from `fullturn.RateDetector`."""
    scorers: tuple[str, ...] = ()
    """Scores of each row after those of the app, derived from `fullturn.RowScorer`."""


class Settings(_Table):
    """The whole of fullturn.toml: top-level settings."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Project name; also names the MLflow experiment, the dataset and the registered model."""
    app: str = "classifier"
    """`classifier`, `tabular`, `prompt`, `assistant`, `mlflow_model`, `service` or
    `mymodule:MyApp`."""
    tracking_uri: str | None = None
    """MLflow server; MLFLOW_TRACKING_URI overrides it; the default is SQLite in `state`."""
    artifact_root: str | None = None
    """With a database as `tracking_uri`: shared folder or bucket (`s3://…`) for artifacts; or
    MLFLOW_DEFAULT_ARTIFACT_ROOT."""
    adopt_model: bool = False
    """Use the registered model `name` although others registered its versions or set its alias
    `champion`: versions are added to it, and its alias moves with promotions."""
    state: str = ".fullturn"
    """Folder for all local files."""
    data: DataSettings = DataSettings()
    model: ModelSettings = ModelSettings()
    train: TrainSettings = TrainSettings()
    service: ServiceSettings = ServiceSettings()
    prompt: PromptSettings = PromptSettings()
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
    plugins: PluginSettings = PluginSettings()


def find_root(start: Path) -> Path:
    """The nearest folder, from `start` upward, that contains a fullturn.toml.

    Raises:
        NotFound: there is none.
    """
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder
    raise NotFound(
        f"no {FILE} in {start} or any parent folder; create a project with `fullturn init`"
    )


def read(root: Path) -> Settings:
    """The settings of the project in `root`.

    Raises:
        SettingsError: the file is missing or not valid TOML, or a key is invalid or unknown.
    """
    return parse(_table(root), str(root / FILE))


def parse(table: Mapping[str, Any], origin: str) -> Settings:
    """Settings from a parsed table; lists become tuples. `origin` names it in messages.

    Raises:
        SettingsError: a key is unknown, has a wrong value, or is set under two names.
    """
    try:
        return Settings.model_validate(_tuples(_with_new_names(table, origin)))
    except ValidationError as error:
        raise SettingsError(f"{origin}: {_explain(error)}") from None


def stored_limits(limits: Mapping[str, Any]) -> GateSettings:
    """The gate's settings in a stored report; JSON's lists become tuples.

    Raises:
        SettingsError: another version of fullturn stored them, with settings unknown to this one.
    """
    try:
        return GateSettings.model_validate(_tuples(limits))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"the gate report states '{place}' = {first['input']!r}: {first['msg']}; gate again"
        ) from None


def renamed(root: Path) -> tuple[str, ...]:
    """One sentence for each renamed setting that the project in `root` still has by its old name.

    Raises:
        SettingsError: as for `read`.
    """
    table = _table(root)
    return tuple(
        f"setting '{old}' is now '{new}'; rename it in {FILE}: "
        "the next version will not accept the old name"
        for old, new in RENAMED.items()
        if _has(table, old)
    )


def tracking_uri(settings: Settings, root: Path) -> str:
    """The MLflow server: MLFLOW_TRACKING_URI, else the setting, else local SQLite. A SQLite file is
    relative to the current folder where the variable names it, to the project where the setting
    does."""
    variable = os.environ.get("MLFLOW_TRACKING_URI", "").strip()
    named = variable or settings.tracking_uri
    redaction.note_address(named or "")
    if not named:
        return f"sqlite:///{state_folder(settings, root) / 'mlflow.db'}"
    return anchored(named, Path.cwd() if variable else root)


def artifact_root(settings: Settings, root: Path) -> str | None:
    """The root of all artifacts, with a folder for each experiment; None if it is not set.

    MLflow's own variable overrides the setting. It applies where clients write to a database;
    a client of a server ignores it. A folder is relative as for `tracking_uri`.
    """
    of_server = kind_of(tracking_uri(settings, root)) == "server"
    variable = None if of_server else os.environ.get("MLFLOW_DEFAULT_ARTIFACT_ROOT")
    chosen = variable or settings.artifact_root
    return addresses.absolute(chosen, Path.cwd() if variable else root) if chosen else None


def state_folder(settings: Settings, root: Path) -> Path:
    """The folder for everything fullturn writes locally; created if missing.

    Raises:
        SettingsError: a file with that name exists, or it is no path that can be used.
        CouldNotEvaluate: it cannot be made.
    """
    named = os.environ.get(STATE) or settings.state
    if "://" in named:
        raise SettingsError(f"state = '{named}' is an address; name a folder of this machine")
    try:
        return state.make(addresses.beside(root, named).resolve())
    except SettingsError as error:
        raise SettingsError(f"state = '{named}': {error}") from None


def _table(root: Path) -> dict[str, Any]:
    path = root / FILE
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise SettingsError(
            f"{path} does not exist; create a project with `fullturn init`"
        ) from None
    except ValueError as error:  # also a whole number of thousands of digits
        raise SettingsError(f"{path} is not valid TOML: {error}") from None


def _with_new_names(table: Mapping[str, Any], origin: str) -> dict[str, Any]:
    found: dict[str, Any] = copy.deepcopy(dict(table))
    for old, new in RENAMED.items():
        if not _has(found, old):
            continue
        if _has(found, new):
            raise SettingsError(
                f"{origin}: '{old}' and '{new}' are the same setting; remove '{old}'"
            )
        section, _, key = old.rpartition(".")
        found[section][new.rpartition(".")[2]] = found[section].pop(key)
    return found


def _has(table: Mapping[str, Any], name: str) -> bool:
    section, _, key = name.rpartition(".")
    part = table.get(section)
    return isinstance(part, Mapping) and key in part


def _tuples(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(value) if isinstance(value, list) else value


def _explain(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown setting '{place}'{_hint(first['loc'])}"
    if first["type"] == "missing":
        return f"setting '{place}' is missing"
    reason = first["msg"].removeprefix("Value error, ")
    return f"setting '{place}' = {first['input']!r}: {reason}"


def _hint(place: tuple[int | str, ...]) -> str:
    model: Any = Settings
    for part in place[:-1]:
        model = model.model_fields[str(part)].annotation
    known = list(model.model_fields)
    return nearest(str(place[-1]), known) or f"; known: {', '.join(known)}"
