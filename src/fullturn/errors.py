"""Where an app written for version 0.1 imports its errors from; today: `fullturn.core.errors`."""

from fullturn.core.errors import AppError, BundleError, DataError, FullturnError, UsageError

__all__ = ["AppError", "BundleError", "DataError", "FullturnError", "UsageError"]
