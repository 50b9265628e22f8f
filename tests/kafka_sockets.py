"""Tells sockets that kafka-python made from all others, so that only its own may be left open.

A client that is given up while it connects leaves its socket to the collector, connected or not.
"""

from __future__ import annotations

import socket

from kafka.net.inet import KafkaNetSocket


class SocketOfKafkaPython(socket.socket):
    """A socket like any other; warnings name its class."""


def name_sockets() -> None:
    """Have kafka-python's clients of this process make sockets of that class."""
    KafkaNetSocket.socket = staticmethod(SocketOfKafkaPython)
