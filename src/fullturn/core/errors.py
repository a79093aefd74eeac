"""Every error that fullturn raises on purpose.

A message names the offending value and the next step. `exit_code` maps the four branches to
the exit codes of the commands.

    FullturnError
    ├── UsageError                what was asked for is wrong                      exit 2
    │   ├── SettingsError         fullturn.toml, or an environment variable
    │   ├── DataError             a file or its rows break the contract
    │   ├── NotFound              no such run, version, dataset version, project
    │   └── StatisticsInputError  NaN, empty, out of range, unequal lengths
    ├── Refused                   the evidence says no                             exit 1
    │   ├── IntegrityError        bytes differ from the recorded digest
    │   ├── Conflict              somebody else was first: try again
    │   └── NotGated              no gate report that passed
    ├── Inconclusive              the evidence does not decide                     exit 3
    └── CouldNotEvaluate          the evidence is not available                    exit 4
        ├── StoreUnavailable      the tracking server is unreachable
        │   └── AccessDenied      the login lacks a permission there
        ├── RowsMissing           a dataset version is in the table of another machine
        ├── DiskFull              a write did not fit
        ├── JournalCorrupt        a checksum inside a journal fails
        ├── BundleError           a bundle cannot be loaded
        ├── AppError              the app raised, or broke its protocol
        ├── LLMUnavailable        no answer from the LLM's address
        ├── ServiceUnavailable    no answer from the address of a service
        └── MissingFigure         a slide cites a figure that no run and no result contains
"""

from fullturn.core.redaction import redacted


class FullturnError(Exception):
    """Base of all errors raised on purpose; its text is meant for a person, and shows no secret."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(redacted(one) if isinstance(one, str) else one for one in args))


class UsageError(FullturnError):
    """What was asked for is wrong."""


class SettingsError(UsageError):
    """A setting is unknown, missing or has a wrong value."""


class DataError(UsageError):
    """A file cannot be read as rows, or its rows break the contract."""


class NotFound(UsageError):
    """No such run, model version, dataset version or project."""


class StatisticsInputError(UsageError):
    """Numbers that no interval can be computed from."""


class Refused(FullturnError):
    """The evidence says no."""


class IntegrityError(Refused):
    """Bytes or rows differ from the digest recorded for them."""


class Conflict(Refused):
    """Another process was first; nothing was changed."""


class NotGated(Refused):
    """A registration or promotion without a gate report that passed."""


class Inconclusive(FullturnError):
    """The evidence does not decide."""


class CouldNotEvaluate(FullturnError):
    """The evidence is not available."""


class StoreUnavailable(CouldNotEvaluate):
    """MLflow is unreachable or denied access."""


class AccessDenied(StoreUnavailable):
    """MLflow knows the login, and does not permit it to do this."""


class RowsMissing(CouldNotEvaluate):
    """The rows of a dataset version are not in this machine's table."""


class DiskFull(CouldNotEvaluate):
    """A write did not fit on the disk; what was written before is intact."""


class JournalCorrupt(CouldNotEvaluate):
    """A record before the tail of a journal fails its checksum."""


class BundleError(CouldNotEvaluate):
    """A bundle lacks a file, contains one that is not allowed, or does not load."""


class AppError(CouldNotEvaluate):
    """The app raised an error, or broke its protocol."""


class LLMUnavailable(CouldNotEvaluate):
    """The address of the LLM does not answer."""


class ServiceUnavailable(CouldNotEvaluate):
    """The address of a service does not answer, or refuses every row."""


class MissingFigure(CouldNotEvaluate):
    """A slide of the lesson cites a figure that no run and no benchmark result contains."""


EXIT_CODES: tuple[tuple[type[FullturnError], int], ...] = (
    (UsageError, 2),
    (Refused, 1),
    (Inconclusive, 3),
    (CouldNotEvaluate, 4),
)
"""The one place where errors become exit codes."""


def exit_code(error: FullturnError) -> int:
    """The exit code of the command that an error ends."""
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


def from_system(error: OSError) -> CouldNotEvaluate:
    """An error of the operating system as one of fullturn's."""
    place = f" ({error.filename})" if error.filename else ""
    wrong_path = FileNotFoundError | NotADirectoryError | IsADirectoryError | FileExistsError
    what = "the path" if isinstance(error, wrong_path) else "disk space and permissions"
    return CouldNotEvaluate(f"{error.strerror or error}{place}; check {what}, then try again")
