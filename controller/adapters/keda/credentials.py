"""The scaler's mutual TLS, from files that are read anew when they change."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import grpc

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files: the server's certificate chain and key, and who may sign a client's.

    The certificate must name the host of KEDA's ``scalerAddress``: KEDA can't be told another.
    """

    certificate: Path
    key: Path
    client_ca: Path

    def stamps(self) -> tuple[tuple[int, int, int], ...]:
        """Return what changes when a file does.

        Raises:
            OSError: if a file is not there.
        """
        found = [path.stat() for path in (self.certificate, self.key, self.client_ca)]
        return tuple((one.st_mtime_ns, one.st_size, one.st_ino) for one in found)


def server_credentials(files: TlsFiles) -> grpc.ServerCredentials:
    """Return credentials that demand a client certificate; connections made later see new files.

    Files that can't be read later leave the last good ones in force.

    Raises:
        OSError: if a file can't be read now.
    """
    seen = [files.stamps()]

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        try:
            stamps = files.stamps()
            if stamps == seen[0]:
                return None
            fresh = _configuration(files)
        except OSError as error:
            _log.warning("the scaler's certificates stay as they are: %s", error)
            return None
        seen[0] = stamps
        _log.info("the scaler's certificates were read anew")
        return fresh

    # None says that nothing changed; the stubs don't know.
    return grpc.dynamic_ssl_server_credentials(
        _configuration(files),
        renewed,  # type: ignore[arg-type]
        require_client_authentication=True,
    )


def _configuration(files: TlsFiles) -> grpc.ServerCertificateConfiguration:
    pair = (files.key.read_bytes(), files.certificate.read_bytes())
    return grpc.ssl_server_certificate_configuration(
        [pair], root_certificates=files.client_ca.read_bytes()
    )
