"""What the shell passes to the predictor's parts: addresses, deadlines, credentials.

Plain frozen values that check themselves; must not read the environment or a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from kafka_link.connection import KafkaConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusSettings:
    """How to reach one Prometheus-compatible server.

    ``deadline_seconds`` bounds a whole answer, ``read_timeout_seconds`` each wait within it.
    Samples younger than ``settle_seconds`` may still change. The token file is read anew for
    each request, as tokens rotate.
    """

    url: str
    read_timeout_seconds: float = 10.0
    deadline_seconds: float = 10.0
    settle_seconds: float = 5.0
    headers: tuple[tuple[str, str], ...] = ()
    bearer_token_file: Path | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what can't work.

        Raises:
            ValueError: naming the field, its value and what is allowed.
        """
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"prometheus.url: {self.url!r} is not an http:// or https:// address")
        if parts.username or parts.password:
            raise ValueError("prometheus.url: no user name or password allowed; use a token file")
        _above_zero("prometheus.readTimeoutSeconds", self.read_timeout_seconds)
        _above_zero("prometheus.deadlineSeconds", self.deadline_seconds)
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("prometheus: certificateFile and keyFile must be given together")


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    """How to reach one Kafka cluster, and how patient to be with it.

    A source counts as down once ``silence_seconds`` passed without a word from a broker.
    Events may arrive ``lateness_seconds`` after their event time and still be counted in time.
    The topic's ends and partitions are asked for each ``check_seconds``, which should be less: a
    partition that is added is then known before anybody relies on what came in its first moments.
    """

    connection: KafkaConnection
    silence_seconds: float = 10.0
    lateness_seconds: float = 2.0
    check_seconds: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what can't work.

        Raises:
            ValueError: naming the field, its value and what is allowed.
        """
        _above_zero("kafka.silenceSeconds", self.silence_seconds)
        _above_zero("kafka.checkSeconds", self.check_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaEvents:
    """Which events of a topic are a workload's demand.

    ``key`` keeps only events with that record key. Event time is the record's timestamp, or the
    JSON field ``timestamp_field`` (dots reach inside); each event weighs 1, or what the JSON
    field ``weight_field`` says (tokens, say). ``offsets_only`` counts by log-end offsets alone.
    """

    topic: str
    key: str | None = None
    timestamp_field: str | None = None
    weight_field: str | None = None
    offsets_only: bool = False

    def __post_init__(self) -> None:
        """Refuse fields that need a payload where none is read.

        Raises:
            ValueError: naming the fields.
        """
        if not self.topic:
            raise ValueError("kafka.topic: none given")
        if self.offsets_only and (self.key or self.timestamp_field or self.weight_field):
            raise ValueError(
                "kafka.offsetsOnly: reads no payload, so key, timestampField and weightField "
                "are not allowed with it"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """How the service paces itself.

    A step that some source still lacks is taken as it is ``patience_seconds`` after its end.
    """

    tick_seconds: float = 2.0
    source_deadline_seconds: float = 10.0
    patience_seconds: float = 60.0

    def __post_init__(self) -> None:
        """Refuse what can't work.

        Raises:
            ValueError: naming the field, its value and what is allowed.
        """
        _above_zero("tickSeconds", self.tick_seconds)
        _above_zero("sourceDeadlineSeconds", self.source_deadline_seconds)
        _above_zero("patienceSeconds", self.patience_seconds)


def _above_zero(field: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{field}: {value} is not above 0")
