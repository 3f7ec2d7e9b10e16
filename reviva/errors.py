"""Every error that Reviva raises on purpose: one tree, whose docstrings are what the outside is told.

The API renders them as RFC 9457 problems, the command line as one line on stderr.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with an input: the dotted path of the field, a sentence, and a code for programs."""

    field: str
    message: str
    code: str


class RevivaError(Exception):
    """Something went wrong on our side."""

    status = 500
    code = "internal-error"

    def __init__(self, detail: str | None = None, **members: Any) -> None:
        self.detail = detail or (type(self).__doc__ or "").strip()
        self.members = members
        super().__init__(self.detail)

    @property
    def title(self) -> str:
        """What kind of problem it is: the same words for each instance of one class."""
        return (type(self).__doc__ or "").strip().rstrip(".")


class SettingError(RevivaError):
    """A setting has a value that can't be used."""

    code = "wrong-setting"


class MalformedRequest(RevivaError):
    """The request is not well-formed."""

    status = 400
    code = "malformed-request"


class NotAuthenticated(RevivaError):
    """A valid token is needed for this."""

    status = 401
    code = "not-authenticated"


class WrongLogin(NotAuthenticated):
    """The e-mail address or the password is wrong."""

    code = "wrong-login"


class Forbidden(RevivaError):
    """You may not do this."""

    status = 403
    code = "forbidden"


class NotFound(RevivaError):
    """There is no such thing."""

    status = 404
    code = "not-found"


def known(found: Result | None, otherwise: str) -> Result:
    """What was found. Raises `NotFound` where that is nothing."""
    if found is None:
        raise NotFound(otherwise)
    return found


class MethodNotAllowed(RevivaError):
    """This method is not offered here."""

    status = 405
    code = "method-not-allowed"


class RequestTimeout(RevivaError):
    """The request took too long to arrive."""

    status = 408
    code = "request-timeout"


class Conflict(RevivaError):
    """The request does not fit the state of things."""

    status = 409
    code = "conflict"


class SlotTaken(Conflict):
    """No bench is free at that time."""

    code = "slot-taken"


class StepForbidden(Conflict):
    """The booking can't take this step from where it is."""

    code = "step-forbidden"


class TooLate(Conflict):
    """It is too late for a customer to do this."""

    code = "too-late"


class VersionConflict(Conflict):
    """It was changed by somebody else in the meantime."""

    code = "version-conflict"


class RequestInProgress(Conflict):
    """The first request with this Idempotency-Key is still running."""

    code = "request-in-progress"
    retry_after = 1


class BodyTooLarge(RevivaError):
    """The body is larger than 64 KiB."""

    status = 413
    code = "body-too-large"


class NotJSON(RevivaError):
    """The body must be application/json."""

    status = 415
    code = "not-json"


class Invalid(RevivaError):
    """Some values are not valid."""

    status = 422
    code = "invalid"

    def __init__(self, faults: Iterable[Fault], detail: str | None = None) -> None:
        self.faults = tuple(faults)
        super().__init__(detail or "; ".join(f"{fault.field}: {fault.message}" for fault in self.faults))

    @classmethod
    def field(cls, field: str, message: str, code: str) -> Invalid:
        """The common case of one fault."""
        return cls([Fault(field, message, code)])


class Faults:
    """Collects what is wrong with a request, so that all of it can be told at once."""

    def __init__(self) -> None:
        self.found: list[Fault] = []

    def of(self, part: Callable[[], Result]) -> Result | None:
        """What a part of the work returns; None where it is `Invalid`, whose faults are kept."""
        try:
            return part()
        except Invalid as problem:
            self.found += problem.faults
            return None

    def check(self) -> None:
        """Raises `Invalid` with every fault found."""
        if self.found:
            raise Invalid(self.found)


class KeyReused(RevivaError):
    """This Idempotency-Key was used with another body."""

    status = 422
    code = "idempotency-key-reused"


class UpgradeRequired(RevivaError):
    """This is only to be had over a websocket."""

    status = 426
    code = "upgrade-required"


class TooManyRequests(RevivaError):
    """Too many requests: slow down."""

    status = 429
    code = "too-many-requests"

    def __init__(self, retry_after: int, detail: str | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(detail)


class Unavailable(RevivaError):
    """The service can't answer at the moment: try again soon."""

    status = 503
    code = "unavailable"
    retry_after = 2


class DatabaseUnavailable(Unavailable):
    """The database can't be reached at the moment."""

    code = "database-unavailable"


class PoolExhausted(Unavailable):
    """Every database connection is busy."""

    code = "pool-exhausted"
    retry_after = 1


class SchemaError(RevivaError):
    """The database's schema is not what this version of Reviva needs."""

    code = "schema"


class TransferError(RevivaError):
    """The data can't be copied, saved or restored."""

    code = "transfer"
