"""Where a Kafka cluster is and who we are there, as a value that checks itself.

Must not read the environment or a file: the shell hands over what it read, the client reads files.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SECURITY_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
SASL_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaConnection:
    """How to reach one Kafka cluster.

    The password is read from ``password_file`` whenever a connection is made anew, as passwords
    change; the shell turns an environment variable into ``password``. ``ca_file`` is who signed
    the brokers' certificates (default: the system's); ``certificate_file`` and ``key_file`` are
    our own, for brokers that ask for one.
    """

    bootstrap_servers: tuple[str, ...]
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    user_name: str | None = None
    password: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None

    def __post_init__(self) -> None:
        """Refuse what can't work.

        Raises:
            ValueError: naming the field, its value and what is allowed.
        """
        if not self.bootstrap_servers or not all(self.bootstrap_servers):
            raise ValueError("kafka.bootstrapServers: none given; name at least one host:port")
        if self.security_protocol not in SECURITY_PROTOCOLS:
            raise ValueError(
                f"kafka.securityProtocol: {self.security_protocol!r} is none of "
                f"{', '.join(SECURITY_PROTOCOLS)}"
            )
        if self.uses_sasl:
            self._check_sasl()
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("kafka: certificateFile and keyFile must be given together")
        if self.ca_file or self.certificate_file:
            self._check_tls()

    @property
    def uses_sasl(self) -> bool:
        """Say whether a user name and password are sent."""
        return self.security_protocol.startswith("SASL")

    @property
    def servers(self) -> str:
        """Name the servers, in one text."""
        return ",".join(self.bootstrap_servers)

    def __repr__(self) -> str:
        """Show everything but the password."""
        return f"KafkaConnection({self.servers!r}, {self.security_protocol}, {self.user_name!r})"

    def _check_sasl(self) -> None:
        if self.sasl_mechanism not in SASL_MECHANISMS:
            raise ValueError(
                f"kafka.saslMechanism: {self.sasl_mechanism!r} is none of "
                f"{', '.join(SASL_MECHANISMS)}"
            )
        if not self.user_name:
            raise ValueError(f"kafka.userName: needed with {self.security_protocol}")
        if (self.password is None) == (self.password_file is None):
            raise ValueError("kafka: give exactly one of password and passwordFile")

    def _check_tls(self) -> None:
        if not self.security_protocol.endswith("SSL"):
            # Whoever names a certificate means TLS: a connection in the clear would surprise.
            raise ValueError(
                f"kafka.securityProtocol: {self.security_protocol} uses no certificates; "
                "SSL or SASL_SSL does"
            )
