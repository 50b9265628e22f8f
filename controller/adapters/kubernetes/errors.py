"""What a call to the API server may end in.

ClusterUnavailableError
└── UnavailableError       5xx, 429, no connection, no answer in time: later again
ActionRefusedError
└── RefusedError           4xx: the server answered that this can't be done
    ├── NotFoundError      404
    ├── ConflictError      409: somebody else was first, or the name is taken
    └── GoneError          410: a resource version or a page is too old
"""

from __future__ import annotations

from collections.abc import Mapping

from controller.adapters.kubernetes.json_text import decoded
from controller.errors import ActionRefusedError, ClusterUnavailableError

_CONFLICT, _GONE, _NOT_FOUND, _TOO_MANY = 409, 410, 404, 429
#: What an eviction is refused with while a PodDisruptionBudget forbids it.
DISRUPTION_BUDGET = "DisruptionBudget"


class UnavailableError(ClusterUnavailableError):
    """The API server could not be asked, or could not answer; ``status`` is None without one.

    ``retry_after_seconds`` is what the server asked for, None if it did not.
    """

    def __init__(
        self, message: str, *, status: int | None = None, retry_after_seconds: float | None = None
    ) -> None:
        """Keep what a caller may want to know."""
        super().__init__(message)
        self.status, self.retry_after_seconds = status, retry_after_seconds
        self.is_pause_kept = retry_after_seconds is not None


class RefusedError(ActionRefusedError):
    """The API server refused; ``reason`` is its word for why, such as AlreadyExists."""

    def __init__(self, message: str, *, status: int, reason: str = "") -> None:
        """Keep what a caller may want to know."""
        super().__init__(message)
        self.status, self.reason = status, reason


class NotFoundError(RefusedError):
    """There is no such object."""


class ConflictError(RefusedError):
    """The object has changed meanwhile, or a new one's name is taken."""


class GoneError(RefusedError):
    """What was asked for lies too far back: list anew."""


_BY_STATUS: Mapping[int, type[RefusedError]] = {
    _NOT_FOUND: NotFoundError,
    _CONFLICT: ConflictError,
    _GONE: GoneError,
}


def error_of(
    what: str, status: int, body: str, retry_after: str | None = None
) -> UnavailableError | RefusedError:
    """Return the error for an answer that is none of 2xx; ``what`` names the call."""
    message, reason, causes = _status_of(body)
    text = f"{what}: {status} {message or reason or 'without a message'}"
    is_budget = status == _TOO_MANY and DISRUPTION_BUDGET in causes
    if is_budget:
        return RefusedError(text, status=status, reason=DISRUPTION_BUDGET)
    if status == _TOO_MANY or status >= 500:
        return UnavailableError(text, status=status, retry_after_seconds=_seconds(retry_after))
    return _BY_STATUS.get(status, RefusedError)(text, status=status, reason=reason)


def _status_of(body: str) -> tuple[str, str, frozenset[str]]:
    """Return message, reason and causes of a Status object; the text itself if it is none."""
    try:
        status = decoded(body)
    except ValueError:
        return body.strip()[:200], "", frozenset()
    if not isinstance(status, dict):
        return "", "", frozenset()
    details = status.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    reasons = (one.get("reason", "") for one in causes or () if isinstance(one, dict))
    return str(status.get("message", "")), str(status.get("reason", "")), frozenset(reasons)


def _seconds(retry_after: str | None) -> float | None:
    """Return the header's seconds; the API server never sends a date."""
    if retry_after is None or not retry_after.strip().isdecimal():
        return None
    return float(retry_after)
