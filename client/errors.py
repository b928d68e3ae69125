"""Every error Podium raises, and the code each one has on the wire.

    PodiumError                     INTERNAL_ERROR            500
    ├── BadRequest                  INVALID_PARAMETER_VALUE   400
    │   ├── AlreadyExists           RESOURCE_ALREADY_EXISTS   400 (sic: MLflow's clients rely on it)
    │   └── TooLarge                BAD_REQUEST               413
    ├── Unauthenticated             UNAUTHENTICATED           401
    ├── PermissionDenied            PERMISSION_DENIED         403
    ├── QuotaExceeded               QUOTA_EXCEEDED            403
    ├── NotFound                    RESOURCE_DOES_NOT_EXIST   404
    │   └── EndpointNotFound        ENDPOINT_NOT_FOUND        404
    ├── MethodNotAllowed            BAD_REQUEST               405
    ├── Conflict                    RESOURCE_CONFLICT         409
    ├── DamagedFile                 DATA_LOSS                 409
    ├── TooManyRequests             REQUEST_LIMIT_EXCEEDED    429
    ├── NotSupported                NOT_IMPLEMENTED           501
    ├── Unavailable                 TEMPORARILY_UNAVAILABLE   503
    │   └── Unreachable             (never on the wire: no answer came)
    ├── FilesChanged                (never on the wire: files are not what was registered)
    └── ConfigError                 (never on the wire: a setting is wrong)

The server renders ``code`` and ``message``; the client turns them back into the same class with
:func:`from_response`. Retry loops read ``retryable`` and nothing else.
"""

from __future__ import annotations

from typing import Any, ClassVar


class PodiumError(Exception):
    """Root of the tree. ``retryable`` says whether the same request may succeed later."""

    code: ClassVar[str] = "INTERNAL_ERROR"
    status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        """The JSON object sent to a client, in MLflow's error shape."""
        return {"error_code": self.code, "message": self.message}


class BadRequest(PodiumError):
    code = "INVALID_PARAMETER_VALUE"
    status = 400


class AlreadyExists(BadRequest):
    code = "RESOURCE_ALREADY_EXISTS"


class TooLarge(BadRequest):
    code = "BAD_REQUEST"
    status = 413


class Unauthenticated(PodiumError):
    code = "UNAUTHENTICATED"
    status = 401


class PermissionDenied(PodiumError):
    code = "PERMISSION_DENIED"
    status = 403


class QuotaExceeded(PodiumError):
    """More bytes than an experiment or a user may store."""

    code = "QUOTA_EXCEEDED"
    status = 403


class NotFound(PodiumError):
    code = "RESOURCE_DOES_NOT_EXIST"
    status = 404


class EndpointNotFound(NotFound):
    code = "ENDPOINT_NOT_FOUND"


class MethodNotAllowed(PodiumError):
    code = "BAD_REQUEST"
    status = 405


class Conflict(PodiumError):
    code = "RESOURCE_CONFLICT"
    status = 409


class DamagedFile(PodiumError):
    """A file in the store is not the one that was uploaded; the message names it.

    The status is one that no client tries again, since it stays as it is.
    """

    code = "DATA_LOSS"
    status = 409


class TooManyRequests(PodiumError):
    code = "REQUEST_LIMIT_EXCEEDED"
    status = 429
    retryable = True


class NotSupported(PodiumError):
    code = "NOT_IMPLEMENTED"
    status = 501


class Unavailable(PodiumError):
    code = "TEMPORARILY_UNAVAILABLE"
    status = 503
    retryable = True


class Unreachable(Unavailable):
    """No answer came from the server: refused, reset, timed out or not a Podium server."""


class FilesChanged(PodiumError):
    """A file of a version has other bytes than when it was registered; the message names it."""


class ConfigError(PodiumError):
    """A setting or command-line option is wrong; the message names it and the fix."""


_ON_THE_WIRE: tuple[type[PodiumError], ...] = (
    BadRequest,
    AlreadyExists,
    TooLarge,
    Unauthenticated,
    PermissionDenied,
    QuotaExceeded,
    NotFound,
    EndpointNotFound,
    MethodNotAllowed,
    Conflict,
    DamagedFile,
    TooManyRequests,
    NotSupported,
    Unavailable,
)


def from_response(status: int, body: object, *, retry_after: float | None = None) -> PodiumError:
    """The error a response stands for: its code decides, and where that is unknown its status.

    ``body`` is the decoded JSON, or the text when it was not JSON.
    """
    code = body.get("error_code") if isinstance(body, dict) else None
    message = body.get("message") if isinstance(body, dict) else None
    text = str(message or body or f"The server answered {status} with no message.")
    by_code = [kind for kind in _ON_THE_WIRE if kind.code == code and kind.status == status]
    by_status = [kind for kind in _ON_THE_WIRE if kind.status == status]
    for kind in by_code + by_status:
        return kind(text, retry_after=retry_after)
    if status in (502, 504, 408):
        return Unavailable(text, retry_after=retry_after)
    return PodiumError(text, retry_after=retry_after)
