"""What every command that reaches Kafka is told of it; the password never stands on the line."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from headstart.errors import UsageError
from kafka_link.connection import SASL_MECHANISMS, SECURITY_PROTOCOLS, KafkaConnection

#: Holds the password where no file does.
PASSWORD_VARIABLE = "HEADSTART_KAFKA_PASSWORD"  # the name, not a secret


def add_kafka_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how Kafka is reached."""
    group = parser.add_argument_group(
        f"Kafka, as {', '.join(SECURITY_PROTOCOLS)} "
        f"(a password is in a file or in {PASSWORD_VARIABLE})"
    )
    group.add_argument("--kafka", metavar="HOST:PORT", help="brokers; several by commas")
    group.add_argument(
        "--kafka-security", default="PLAINTEXT", metavar="PROTOCOL", help="default: %(default)s"
    )
    group.add_argument(
        "--kafka-mechanism", metavar="NAME", help=f"of SASL: {', '.join(SASL_MECHANISMS)}"
    )
    group.add_argument("--kafka-user", metavar="NAME", help="of SASL")
    group.add_argument("--kafka-password-file", type=Path, metavar="FILE", help="of SASL")
    group.add_argument("--kafka-ca-file", type=Path, metavar="FILE", help="trusted CA")
    group.add_argument(
        "--kafka-certificate-file", type=Path, metavar="FILE", help="our own, if brokers ask"
    )
    group.add_argument("--kafka-key-file", type=Path, metavar="FILE", help="its key")


def kafka_connection(arguments: argparse.Namespace) -> KafkaConnection | None:
    """Return how Kafka is reached, None if no address was given; nothing is connected yet.

    Raises:
        UsageError: if an option can't be used.
    """
    if not arguments.kafka:
        return None
    password_file = arguments.kafka_password_file
    try:
        return KafkaConnection(
            bootstrap_servers=tuple(one.strip() for one in arguments.kafka.split(",")),
            security_protocol=arguments.kafka_security,
            sasl_mechanism=arguments.kafka_mechanism,
            user_name=arguments.kafka_user,
            password=os.environ.get(PASSWORD_VARIABLE) if password_file is None else None,
            password_file=password_file,
            ca_file=arguments.kafka_ca_file,
            certificate_file=arguments.kafka_certificate_file,
            key_file=arguments.kafka_key_file,
        )
    except ValueError as error:
        raise UsageError(str(error)) from error
