"""Makes kafka-python's clients: settings that outlast outages, constructors that leak nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from kafka import KafkaConsumer
from kafka.errors import KafkaError, KafkaTimeoutError, UnsupportedCodecError

from kafka_link.connection import KafkaConnection
from kafka_link.log import LAST_WORDS

BOOTSTRAP_SECONDS = 3.0
#: To be given to every call that asks a broker: without it they wait for half a minute.
CALL_TIMEOUT_MS = 2_000
#: Who reads what topics may be compressed with; gzip is Python's own.
CODEC_PACKAGES = {"snappy": "python-snappy", "lz4": "lz4", "zstd": "zstandard"}

Client = TypeVar("Client")


def client_settings(connection: KafkaConnection, *, client_id: str) -> dict[str, object]:
    """Return what every client is told, producers and consumers alike.

    Raises:
        ValueError: if a file can't be read.
    """
    chosen: dict[str, object] = {
        "bootstrap_servers": list(connection.bootstrap_servers),
        "client_id": client_id,
        "bootstrap_timeout_ms": int(BOOTSTRAP_SECONDS * 1000),
        "request_timeout_ms": 10_000,
        # The default, 30 s, is how late work would resume after an outage.
        "reconnect_backoff_max_ms": 1_000,
        "security_protocol": connection.security_protocol,
    }
    files = {
        "ssl_cafile": connection.ca_file,
        "ssl_certfile": connection.certificate_file,
        "ssl_keyfile": connection.key_file,
    }
    chosen.update({name: str(path) for name, path in files.items() if path is not None})
    if connection.uses_sasl:
        chosen["sasl_mechanism"] = connection.sasl_mechanism
        chosen["sasl_plain_username"] = connection.user_name
        chosen["sasl_plain_password"] = _password(connection)
    return chosen


def connect(make: Callable[..., Client], chosen: Mapping[str, object]) -> Client:
    """Return ``make(**chosen)``, a consumer's or producer's constructor, connected.

    A constructor that fails leaves its network thread and its sockets behind, for ever; with an
    attempt every few seconds that adds up. So the client inside is made by us, and closed.

    Raises:
        KafkaError: if no broker answers in time.
    """
    made = []

    def make_client(**settings: object) -> object:
        client = KafkaConsumer.DEFAULT_CONFIG["kafka_client"](**settings)
        made.append(client)
        return client

    try:
        return make(**chosen, kafka_client=make_client)
    except BaseException:
        for client in made:
            client.close()
        raise


def sentence_of(error: Exception, connection: KafkaConnection) -> str:
    """Say in one sentence what is wrong with a connection."""
    if isinstance(error, KafkaTimeoutError) and "bootstrap" in str(error).lower():
        # The client tells why only in its log.
        words = LAST_WORDS.newest(within_seconds=2 * BOOTSTRAP_SECONDS)
        return f"no broker reachable at {connection.servers}" + (f" ({words})" if words else "")
    if isinstance(error, KafkaTimeoutError):
        return "the broker does not answer"
    if isinstance(error, UnsupportedCodecError):
        return _codec_sentence(str(error))
    if isinstance(error, KafkaError):
        return f"the broker refused ({type(error).__name__})"
    return str(error)


def _codec_sentence(words: str) -> str:
    """Say which codec is missing, and what has it; the client names it in passing."""
    codec = next((name for name in CODEC_PACKAGES if re.search(rf"\b{name}\b", words)), None)
    if codec is None:
        return f"records are compressed in a way that can't be read ({words})"
    package = CODEC_PACKAGES[codec]
    return f"records are compressed with {codec}, but the Python package {package} is not installed"


def _password(connection: KafkaConnection) -> str | None:
    if connection.password_file is None:
        return connection.password
    try:
        return connection.password_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the password file {connection.password_file} can't be read") from error
