"""The web server behind every peer that a test plays on 127.0.0.1."""

from __future__ import annotations

from http.server import ThreadingHTTPServer


class LoopbackServer(ThreadingHTTPServer):
    """Lets many clients connect at once.

    The standard server lets five connections wait; the kernel may reset those beyond them, which a
    client can't tell from a server that went away.
    """

    request_queue_size = 128
