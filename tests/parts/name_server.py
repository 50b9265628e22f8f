"""A name server on 127.0.0.1 for the names that a cluster's own would know."""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Mapping, Sequence
from threading import Thread

_HEADER = struct.Struct("!6H")
_ANSWER = struct.Struct("!HHHIH")
_IS_ANSWER, _NO_SUCH_NAME = 0x8580, 3
_ADDRESS, _INTERNET, _SECONDS = 1, 1, 1


class NameServer:
    """Answers IPv4 addresses of the names given, as a headless service has them; ``close`` it.

    ``names`` may be changed at any time. Who asks for anything else is told that there is none.
    """

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        """Begin to answer on a free port."""
        self.names = dict(names)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = Thread(target=self._serve, name="name server")
        self._thread.start()

    def close(self) -> None:
        """End it."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ender:
            ender.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            question, asker = self._socket.recvfrom(4096)
            if not question:
                return
            self._socket.sendto(self._answered(question), asker)

    def _answered(self, question: bytes) -> bytes:
        number, *_ = _HEADER.unpack_from(question)
        name, end = _name_at(question, _HEADER.size)
        kind, _ = struct.unpack_from("!HH", question, end)
        known = self.names.get(name)
        found = known if known is not None and kind == _ADDRESS else ()
        flags = _IS_ANSWER | (0 if known is not None else _NO_SUCH_NAME)
        header = _HEADER.pack(number, flags, 1, len(found), 0, 0)
        pointer_to_name = 0xC000 | _HEADER.size
        answers = b"".join(
            _ANSWER.pack(pointer_to_name, _ADDRESS, _INTERNET, _SECONDS, 4)
            + ipaddress.IPv4Address(address).packed
            for address in found
        )
        return header + question[_HEADER.size : end + 4] + answers


def _name_at(message: bytes, at: int) -> tuple[str, int]:
    labels = []
    while length := message[at]:
        labels.append(message[at + 1 : at + 1 + length].decode("ascii").lower())
        at += 1 + length
    return ".".join(labels), at + 1
