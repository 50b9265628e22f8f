"""Ports on 127.0.0.1 that nobody uses and that the kernel will not hand out."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import secrets
import socket
import tempfile
from pathlib import Path
from typing import BinaryIO

_given: set[int] = set()


def free_port() -> int:
    """Return a free port below the range that outgoing connections take theirs from.

    While a server is down, a client that knocks again and again on a port within that range
    can end up connected to itself, and the server then finds its port taken.

    Until this process ends no other that asks here is given the port: a server that takes long to
    start would else find there what another run of tests has started meanwhile.
    """
    lowest_outgoing = 32_768
    with contextlib.suppress(OSError):
        span = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
        lowest_outgoing = int(span.split()[0])
    first, beyond = 10_000, max(lowest_outgoing, 11_000)
    while True:
        port = first + secrets.randbelow(beyond - first)
        if port not in _given and _is_ours(port) and _is_free(port):
            _given.add(port)
            return port


def _is_ours(port: int) -> bool:
    """Say whether the port's byte in a file of this user's could be locked; it stays so."""
    try:
        fcntl.lockf(_reservations(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


@functools.cache
def _reservations() -> BinaryIO:
    # The kernel frees a process's locks once it ends, or closes the file, so this one stays open.
    path = Path(tempfile.gettempdir()) / f"headstart-ports-{os.getuid()}"
    return path.open("ab")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
