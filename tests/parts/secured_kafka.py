"""A Kafka broker that lets nobody in without TLS and a password, or a certificate of our own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.parts.kafka import KafkaBroker
from tests.parts.pki import issue, make_authority
from tests.parts.ports import free_port

MECHANISM, USER, PASSWORD = "SCRAM-SHA-512", "headstart", "not-a-secret"  # of the tests alone
# The controller's listener stays in the clear: it is the broker's own, on 127.0.0.1.
SECURED = """
ssl.keystore.type=PEM
ssl.keystore.location={folder}/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/authority.crt
listener.name.ssl.ssl.client.auth=required
sasl.enabled.mechanisms={mechanism}
sasl.mechanism.inter.broker.protocol={mechanism}
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required \
username="{user}" password="{password}";
"""


class SecuredKafkaBroker(KafkaBroker):
    """``address`` asks for a password, ``certificate_address`` for a client's certificate."""

    name = "secured Kafka"

    def __init__(self, *, jars: Path | None = None) -> None:
        """Lay down the broker, its certificate and a client's."""
        self._certificate_port = free_port()
        super().__init__(jars=jars)
        self.certificate_address = f"127.0.0.1:{self._certificate_port}"
        authority = make_authority(self.folder, "authority")
        issue(authority, self.folder, "broker", hosts=("127.0.0.1",))
        issue(authority, self.folder, "client")
        parts = ("broker.key", "broker.crt", "authority.crt")
        keystore = b"".join((self.folder / name).read_bytes() for name in parts)
        (self.folder / "broker.pem").write_bytes(keystore)
        self.authority_file = authority.file

    def properties(self) -> str:
        """Return the broker's settings: listeners with TLS in place of the one in the clear."""
        plain = f"PLAINTEXT://127.0.0.1:{self.port}"
        both = f"SASL_SSL://127.0.0.1:{self.port},SSL://127.0.0.1:{self._certificate_port}"
        text = super().properties().replace(plain, both)
        text = text.replace(
            "inter.broker.listener.name=PLAINTEXT", "inter.broker.listener.name=SASL_SSL"
        )
        text = text.replace("PLAINTEXT:PLAINTEXT,", "SSL:SSL,SASL_SSL:SASL_SSL,", 1)
        return text + SECURED.format(
            folder=self.folder, mechanism=MECHANISM, user=USER, password=PASSWORD
        )

    def format_options(self) -> Sequence[str]:
        """Have the one user there from the beginning."""
        return ("--add-scram", f"{MECHANISM}=[name={USER},password={PASSWORD}]")

    def admin_settings(self) -> Mapping[str, object]:
        """Return what the one user says."""
        return {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": MECHANISM,
            "sasl_plain_username": USER,
            "sasl_plain_password": PASSWORD,
            "ssl_cafile": str(self.authority_file),
        }
