"""The client library's part: addresses, certificates and tokens, and one exchange of HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio import client, config

from controller.adapters.kubernetes.errors import UnavailableError, error_of
from controller.adapters.kubernetes.json_text import decoded
from controller.adapters.kubernetes.server_clock import ServerClock
from controller.errors import InvalidFileError

_TROUBLES = (aiohttp.ClientError, OSError, TimeoutError, asyncio.IncompleteReadError)
_CLOSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call: ``body`` is sent as JSON, ``content_type`` says of which kind."""

    method: str
    path: str
    query: Mapping[str, str]
    body: object = None
    content_type: str = "application/json"

    @property
    def what(self) -> str:
        """The call as messages name it."""
        return f"{self.method} {self.path}"


async def connection(kubeconfig: Path | None) -> Connection:
    """Return a connection by a kubeconfig file, or by what a pod is given if there is none.

    Raises:
        InvalidFileError: if the file, or what a pod is given, can't be used.
    """
    settings = client.Configuration()
    try:
        if kubeconfig is None:
            config.load_incluster_config(client_configuration=settings)
        else:
            await config.load_kube_config(
                config_file=str(kubeconfig), client_configuration=settings, persist_config=False
            )
        return Connection(client.ApiClient(settings))
    except (config.ConfigException, OSError, ValueError, KeyError, TypeError) as error:
        where = kubeconfig or "in-cluster configuration"
        raise InvalidFileError((f"{where}: can't be used: {_said(error)}",)) from error


class Connection:
    """One connection pool to one API server, with its credentials."""

    def __init__(self, api_client: client.ApiClient) -> None:
        """Use a client that is set up; its models are not used, answers stay as they came."""
        self._client = api_client
        self.clock = ServerClock(time.time)
        self.host: str = api_client.configuration.host

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()
        # Encrypted connections are let go of in the turns of the loop that follow.
        await asyncio.sleep(_CLOSE_SECONDS)

    async def exchange(self, request: Request, *, timeout_seconds: float) -> dict[str, Any]:
        """Send one request and return the answer.

        Raises:
            UnavailableError: if there was no answer, or none in time, or a failure of the server.
            RefusedError: if the server refused.
        """
        limit, sent_at = aiohttp.ClientTimeout(total=timeout_seconds), self.clock.own()
        try:
            response = await self._send(request, limit)
            date = response.headers.get("Date")
            self.clock.hear(date, sent_at=sent_at, received_at=self.clock.own())
            async with response:
                text = await response.text(encoding="utf-8", errors="replace")
        except _TROUBLES as error:
            raise _unavailable(request, error) from error
        if not 200 <= response.status <= 299:
            raise error_of(request.what, response.status, text, response.headers.get("Retry-After"))
        return _decoded(request, text)

    async def lines(self, request: Request, *, silence_seconds: float) -> AsyncGenerator[bytes]:
        """Send one request and yield the answer's lines as they come; ends when the server does.

        Raises:
            UnavailableError: as ``exchange``, and when nothing came for ``silence_seconds``.
            RefusedError: as ``exchange``.
        """
        limit = aiohttp.ClientTimeout(sock_connect=10.0, sock_read=silence_seconds)
        try:
            response = await self._send(request, limit)
            async with response:
                if response.status != 200:
                    text = await response.text(encoding="utf-8", errors="replace")
                    after = response.headers.get("Retry-After")
                    raise error_of(request.what, response.status, text, after)
                yield b""  # connected: nothing has been said yet
                while line := await response.content.readline():
                    yield line
        except (*_TROUBLES, ValueError) as error:  # ValueError: a line beyond all bounds
            raise _unavailable(request, error) from error

    async def _send(self, request: Request, limit: aiohttp.ClientTimeout) -> Any:
        headers = {"Content-Type": request.content_type, "Accept": "application/json"}
        headers["User-Agent"] = "headstart-controller"
        await self._client.update_params_for_auth(headers, [], ["BearerToken"])
        url = self.host + request.path
        if request.query:
            url += ("&" if "?" in url else "?") + urlencode(request.query)
        return await self._client.rest_client.request(
            request.method,
            url,
            headers=headers,
            body=request.body,
            _preload_content=False,
            _request_timeout=limit,
        )


def _decoded(request: Request, text: str) -> dict[str, Any]:
    try:
        answer = decoded(text)
    except ValueError as error:
        raise UnavailableError(f"{request.what}: the answer is not JSON") from error
    if not isinstance(answer, dict):
        raise UnavailableError(f"{request.what}: the answer is no object")
    return answer


def _unavailable(request: Request, error: BaseException) -> UnavailableError:
    why = "no answer in time" if isinstance(error, TimeoutError) else _said(error)
    return UnavailableError(f"{request.what}: {why}")


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")
