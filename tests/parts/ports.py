"""Ports on 127.0.0.1 that nobody uses and that the kernel will not hand out."""

from __future__ import annotations

import contextlib
import secrets
import socket
from pathlib import Path

_given: set[int] = set()


def free_port() -> int:
    """Return a free port below the range that outgoing connections take theirs from.

    While a server is down, a client that knocks again and again on a port within that range
    can end up connected to itself, and the server then finds its port taken.
    """
    lowest_outgoing = 32_768
    with contextlib.suppress(OSError):
        span = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
        lowest_outgoing = int(span.split()[0])
    first, beyond = 10_000, max(lowest_outgoing, 11_000)
    while True:
        port = first + secrets.randbelow(beyond - first)
        if port not in _given and _is_free(port):
            _given.add(port)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
