"""Everything Countersign raises.

A failed verification is a value (`core.model.Verification`); an exception means that *we* could
not do our work, and becomes `unknown` with a reason code, never a pass and never a fail.

    CountersignError
    ├─ ConfigurationError(line, column)    the settings or a policy file are wrong
    ├─ UsageError                          a command was called with words that do not fit
    ├─ MalformedError                      bytes break their format
    │  └─ TooLargeError                    bytes exceed a limit, named in the message
    ├─ CollectionError(reason)             a source could not be read
    │  ├─ UnreachableError                 no answer, a broken answer, or a time-out
    │  ├─ DeniedError                      the source wants credentials, or other ones
    │  ├─ ThrottledError(retry_after)      the source asks us to slow down
    │  └─ RefusedError                     we refuse to go where the source sends us
    └─ StorageError
       ├─ UnavailableError                 the database is out of reach, closed to us, or full
       ├─ NotFoundError
       └─ ConflictError                    somebody else holds what we need (a scan, a lock)
"""

from __future__ import annotations


class CountersignError(Exception):
    """Base of every error of ours; `str()` is one sentence for the user."""


class ConfigurationError(CountersignError):
    """A file people write is wrong: names the file, line and column (from 1) and the fix."""

    def __init__(self, message: str, *, path: str = "", line: int = 0, column: int = 0) -> None:
        self.message, self.path, self.line, self.column = message, path, line, column
        place = f"{path}:{line}:{column}: " if line else f"{path}: " if path else ""
        super().__init__(f"{place}{message}")


class UsageError(CountersignError):
    """A command was called in a way that cannot mean anything."""


class MalformedError(CountersignError):
    """Bytes from outside break the format they claim."""

    reason = "MALFORMED"


class TooLargeError(MalformedError):
    """Bytes from outside exceed a limit; the message names the limit."""

    reason = "TOO_LARGE"


class CollectionError(CountersignError):
    """A source could not be read; `reason` is the reason code that says why."""

    reason = "SOURCE_UNREACHABLE"

    def __init__(self, message: str, *, reason: str = "") -> None:
        self.reason = reason or type(self).reason
        super().__init__(message)


class UnreachableError(CollectionError):
    """No answer, a broken answer, or an answer that came too late."""


class DeniedError(CollectionError):
    """The source asks for credentials, or refuses those it was given."""

    reason = "SOURCE_DENIED"


class ThrottledError(CollectionError):
    """The source asks us to slow down; `retry_after` is in seconds, 0 when it did not say."""

    reason = "SOURCE_THROTTLED"

    def __init__(self, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RefusedError(CollectionError):
    """The source sends us where we do not go: to a private address, or elsewhere with secrets."""

    reason = "SOURCE_REDIRECT_REFUSED"


class StorageError(CountersignError):
    """The database cannot give or keep what was asked."""


class UnavailableError(StorageError):
    """The database is out of reach, not writable, full, or at another schema: not our fault."""


class NotFoundError(StorageError):
    """There is no such row."""


class ConflictError(StorageError):
    """Somebody else holds what we need: a running scan of the same source, the leader lock."""
