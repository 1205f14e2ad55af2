"""TLS: the name is checked against the certificate, and a plain step back is refused."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.errors import RefusedError, UnreachableError
from core.limits import Limits
from net.http import Http
from tests.fakes.hostile_server import HostileServer, Script, answer

LIMITS = Limits(connect_seconds=20, read_seconds=20, attempts=1)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate and its key for registry.test, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "registry.test")])
    start = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    names = [x509.DNSName("registry.test"), x509.IPAddress(ipaddress.ip_address("127.0.0.2"))]
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=36500))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


def server_side(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def client(server: HostileServer, host: str, trusted: Path | None) -> tuple[Http, str]:
    home = f"https://{host}:{server.port}"
    tls = ssl.create_default_context(cafile=trusted) if trusted is not None else None
    return Http(LIMITS, home=home, resolve=lambda _host, _port: ["127.0.0.1"], tls=tls), home


def test_name_in_the_certificate_is_believed_under_a_trusted_authority(certificate: Path) -> None:
    with HostileServer({"/a": answer(200, b"ok")}, tls=server_side(certificate)) as server:
        http, home = client(server, "registry.test", certificate)
        assert http.get(home + "/a").body == b"ok"
        assert http.get(home + "/a").body == b"ok"
        http.close()


@pytest.mark.parametrize("host", ["other.test", "127.0.0.1"])
def test_another_name_than_the_certificates_is_unreachable(certificate: Path, host: str) -> None:
    with HostileServer({"/a": answer(200)}, tls=server_side(certificate)) as server:
        http, home = client(server, host, certificate)
        with pytest.raises(UnreachableError, match="TLS certificate"):
            http.get(home + "/a")
        assert server.asked == []


def test_authority_that_the_system_does_not_know_is_unreachable(certificate: Path) -> None:
    with HostileServer({"/a": answer(200)}, tls=server_side(certificate)) as server:
        http, home = client(server, "registry.test", None)
        with pytest.raises(UnreachableError, match="TLS certificate"):
            http.get(home + "/a")
        assert server.asked == []


def test_protected_connection_never_becomes_a_plain_one(certificate: Path) -> None:
    script: Script = {}
    with (
        HostileServer({"/b": answer(200)}) as plain,
        HostileServer(script, tls=server_side(certificate)) as server,
    ):
        script["/a"] = answer(302, Location=plain.url + "/b")
        http, home = client(server, "registry.test", certificate)
        http.allow([plain.url])
        with closing(http), pytest.raises(RefusedError, match="plain connection"):
            http.get(home + "/a")
        assert plain.asked == []
