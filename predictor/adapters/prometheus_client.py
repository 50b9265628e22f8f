"""Sends range queries to Prometheus and returns what came back, within a time and a size.

Blocking: belongs in a worker thread. Knows HTTP; must not know what a demand is.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import requests
from prometheus_api_client import PrometheusConnect
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.util.retry import Retry

from predictor.adapters.prometheus_answer import RangeAnswer, parse_range, server_error
from predictor.adapters.prometheus_samples import Grid
from predictor.errors import SourceUnavailableError
from predictor.settings import PrometheusSettings

MAX_ANSWER_BYTES = 64 * 1024 * 1024
PIECE_BYTES = 65536


class PrometheusClient:
    """One session with one server. One thread at a time."""

    def __init__(self, settings: PrometheusSettings) -> None:
        """Prepare the session; nothing is sent yet."""
        self._settings = settings
        session = requests.Session()
        session.headers.update(dict(settings.headers))
        session.auth = _BearerToken(settings.bearer_token_file)
        session.verify = str(settings.ca_file) if settings.ca_file else True
        if settings.certificate_file and settings.key_file:
            session.cert = (str(settings.certificate_file), str(settings.key_file))
        url = settings.url.rstrip("/")
        # The client mounts its own transport; by default that one retries three times, for
        # seconds, and loses the server's words. Our retry is the next tick.
        self._connect = PrometheusConnect(url=url, session=session, retry=Retry(total=0))
        self._session = session
        self._url = f"{url}/api/v1/query_range"
        # Long queries don't fit into an address, so POST, until a proxy says that it is not for us.
        self._method = "POST"
        #: When the newest answer was given, as the server says: its header Date.
        self.date: str | None = None

    def query_range(self, query: str, grid: Grid, *, deadline_at: float) -> RangeAnswer:
        """Return the one series that a query has on the grid.

        ``deadline_at`` is on the monotonic clock.

        Raises:
            SourceUnavailableError: with one line that says what went wrong.
        """
        asked = {
            "query": query,
            "start": f"{grid.first:.3f}",
            "end": f"{grid.first + (grid.points - 1) * grid.step_seconds:.3f}",
            "step": f"{grid.step_seconds:.3f}",
        }
        status, body = self._fetch(asked, deadline_at)
        if status in (405, 501) and self._method == "POST":
            self._method = "GET"
            status, body = self._fetch(asked, deadline_at)
        if status != 200:
            raise SourceUnavailableError(server_error(status, body))
        return parse_range(body, grid)

    def close(self) -> None:
        """Let go of the connections."""
        self._connect.close()

    def _fetch(self, asked: dict[str, str], deadline_at: float) -> tuple[int, bytes]:
        try:
            with self._session.request(
                self._method,
                self._url,
                data=asked if self._method == "POST" else None,
                params=None if self._method == "POST" else asked,
                timeout=self._settings.read_timeout_seconds,
                stream=True,
                # A redirected POST loses its form, and a token must not follow to elsewhere.
                allow_redirects=False,
            ) as response:
                self.date = response.headers.get("Date")
                if response.is_redirect:
                    raise SourceUnavailableError(
                        f"HTTP {response.status_code}: redirected elsewhere; "
                        "give the final address instead"
                    )
                return response.status_code, _body(response, deadline_at)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise SourceUnavailableError(_cause(error)) from error


class _BearerToken(AuthBase):
    """Adds the token, read anew each time. Also keeps a .netrc from taking its place."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._file is not None:
            try:
                token = self._file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SourceUnavailableError(
                    f"the token file {self._file} can't be read"
                ) from error
            request.headers["Authorization"] = f"Bearer {token}"
        return request


def _body(response: requests.Response, deadline_at: float) -> bytes:
    """Read piece by piece: the timeout of the session is for one wait, not for all of them."""
    body = bytearray()
    while piece := response.raw.read1(PIECE_BYTES, decode_content=True):
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise SourceUnavailableError(f"answered more than {MAX_ANSWER_BYTES >> 20} MiB")
        if time.monotonic() > deadline_at:
            raise SourceUnavailableError("the answer came too slowly")
    return bytes(body)


def _cause(error: BaseException) -> str:
    """Return the innermost cause in a few words, free of addresses and objects."""
    for cause in _causes(error):
        if isinstance(cause, requests.Timeout | ReadTimeoutError | TimeoutError):
            return "timed out"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {cause.reason or 'no reason given'}"
        if isinstance(cause, socket.gaierror):
            return "its host name is not known"
        if isinstance(cause, OSError) and cause.strerror and cause.errno:
            return cause.strerror.lower()
    if isinstance(error, requests.exceptions.ChunkedEncodingError | HTTPError):
        return "the answer broke off"
    if isinstance(error, requests.ConnectionError):
        return "the connection broke off"
    return f"the request failed ({type(error).__name__})"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all behind it; requests and urllib3 hide them in four places."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]
