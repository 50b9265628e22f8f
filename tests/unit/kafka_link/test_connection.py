"""How Kafka is reached: what is refused, what the client is told, and what is never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from kafka import codec
from kafka.errors import UnsupportedCodecError
from kafka.record.default_records import DefaultRecordBase

from kafka_link.client import CODEC_PACKAGES, client_settings, sentence_of
from kafka_link.connection import KafkaConnection

SECURED: dict[str, Any] = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "SCRAM-SHA-512",
    "user_name": "headstart",
    "password": "hush",
}


def a_connection(**fields: Any) -> KafkaConnection:
    return KafkaConnection(**{"bootstrap_servers": ("kafka:9092",), **fields})


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"bootstrap_servers": ()}, "kafka.bootstrapServers: none given; name at least one"),
        ({"security_protocol": "TLS"}, "kafka.securityProtocol: 'TLS' is none of PLAINTEXT, SSL"),
        ({**SECURED, "sasl_mechanism": "MD5"}, "kafka.saslMechanism: 'MD5' is none of PLAIN"),
        ({**SECURED, "user_name": None}, "kafka.userName: needed with SASL_SSL"),
        ({**SECURED, "password": None}, "kafka: give exactly one of password and passwordFile"),
        ({"key_file": Path("k")}, "kafka: certificateFile and keyFile must be given together"),
        ({"ca_file": Path("ca")}, "kafka.securityProtocol: PLAINTEXT uses no certificates"),
    ],
)
def test_what_can_t_work_is_refused(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match="kafka") as refused:
        a_connection(**fields)
    assert complaint in str(refused.value)


def test_the_password_is_not_shown() -> None:
    assert "hush" not in repr(a_connection(**SECURED))


def test_a_password_file_is_read_anew_for_each_connection(tmp_path: Path) -> None:
    file = tmp_path / "password"
    connection = a_connection(**{**SECURED, "password": None, "password_file": file})
    passwords = []
    for text in ("first\n", "second\n"):
        file.write_text(text)
        passwords.append(client_settings(connection, client_id="x")["sasl_plain_password"])
    assert passwords == ["first", "second"]


def test_a_password_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "missing"
    connection = a_connection(**{**SECURED, "password": None, "password_file": file})
    with pytest.raises(ValueError, match=r"the password file .*missing can't be read"):
        client_settings(connection, client_id="x")


def test_certificates_are_handed_to_the_client_as_paths() -> None:
    files = {"ca_file": Path("ca"), "certificate_file": Path("crt"), "key_file": Path("key")}
    told = client_settings(a_connection(security_protocol="SSL", **files), client_id="x")
    assert (told["ssl_cafile"], told["ssl_certfile"], told["ssl_keyfile"]) == ("ca", "crt", "key")
    assert "ssl_cafile" not in client_settings(a_connection(), client_id="x")


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (DefaultRecordBase.CODEC_SNAPPY, "snappy"),
        (DefaultRecordBase.CODEC_LZ4, "lz4"),
        (DefaultRecordBase.CODEC_ZSTD, "zstd"),
    ],
)
def test_a_codec_that_is_not_installed_is_named_with_its_package(
    number: int, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert getattr(codec, f"has_{name}")()
    monkeypatch.setattr(codec, f"has_{name}", lambda: False)
    with pytest.raises(UnsupportedCodecError) as refused:
        DefaultRecordBase()._assert_has_codec(number)
    assert sentence_of(refused.value, a_connection()) == (
        f"records are compressed with {name}, "
        f"but the Python package {CODEC_PACKAGES[name]} is not installed"
    )


def test_a_codec_that_nobody_knows_is_said_in_the_client_s_words() -> None:
    error = UnsupportedCodecError("Unrecognized compression type: 7")
    said = sentence_of(error, a_connection())
    assert said.startswith("records are compressed in a way that can't be read (")
    assert said.endswith("Unrecognized compression type: 7)")
