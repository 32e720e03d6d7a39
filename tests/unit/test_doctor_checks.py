"""What doctor says about this machine: each check finds what it is there for, and names a remedy."""

from __future__ import annotations

import datetime as dt
import ipaddress
import shutil
import socket
import ssl
import threading
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.cli import checks, checks_address
from gateway.cli.finding import Finding, State
from gateway.services import Database
from gateway.settings import Settings
from gateway.store import instance


def one(found: Iterator[Finding]) -> Finding:
    (finding,) = found
    return finding


@pytest.fixture
def self_signed_port(tmp_path: Path) -> Iterator[int]:
    """A TLS server on loopback with a certificate that nobody trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    start = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=30))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    pem = tmp_path / "both.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            while True:
                plain, _ = listener.accept()
                try:
                    context.wrap_socket(plain, server_side=True).close()
                except OSError:
                    plain.close()
        except OSError:
            return  # the listener was closed

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(timeout=5)


class TestAddress:
    def test_pain_51_a_self_signed_certificate_is_broken(self, self_signed_port: int) -> None:
        finding = checks_address._certificate("127.0.0.1", self_signed_port)
        assert finding.state is State.BROKEN
        assert "refuse to subscribe" in finding.text
        assert "public authority" in finding.remedy

    def test_nobody_listening_is_a_warning(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        assert checks_address._certificate("127.0.0.1", port).state is State.WARNING

    def test_no_address_is_worth_a_note(self) -> None:
        assert one(checks_address.check_public_url(None)).state is State.NOTE

    @pytest.mark.parametrize(
        ("addresses", "is_public"),
        [
            (["10.0.0.5"], False),
            (["127.0.0.1", "::1"], False),
            (["8.8.8.8"], True),
            (["fe80::1%eth0"], False),
        ],
    )
    def test_private_addresses_are_not_reachable_from_outside(
        self, monkeypatch: pytest.MonkeyPatch, addresses: list[str], is_public: bool
    ) -> None:
        answer = [(None, None, None, None, (address, 0)) for address in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: answer)
        assert (checks_address._not_public("cal.example.org") is None) is is_public

    def test_a_name_that_does_not_resolve(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def unknown(*_arguments: object, **_options: object) -> None:
            raise socket.gaierror(-2, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        (finding,) = checks_address.check_public_url("https://cal.example.org")
        assert finding.state is State.WARNING
        assert "does not resolve" in finding.text


class TestMachine:
    @pytest.mark.parametrize(
        ("free_bytes", "state"),
        [(10 * 1024**3, State.OK), (200 * 1024**2, State.WARNING), (1024, State.BROKEN)],
    )
    def test_free_space(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch, free_bytes: int, state: State
    ) -> None:
        settings.data.mkdir()
        usage = namedtuple("usage", "total used free")  # noqa: PYI024 - the shape of shutil's own answer
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(0, 0, free_bytes))
        assert one(checks.check_space(settings)).state is state

    @pytest.mark.parametrize(
        ("version", "state"), [("3.53.4", State.OK), ("3.51.3", State.OK), ("3.51.2", State.WARNING)]
    )
    def test_the_sqlite_bug(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch, version: str, state: State
    ) -> None:
        driver = SimpleNamespace(sqlite_version=version, __name__="sqlite3")
        monkeypatch.setattr(checks, "sqlite_driver", lambda: driver)
        finding = one(checks.check_driver(settings))
        assert finding.state is state
        assert version in finding.text

    def test_a_private_directory_protects_what_lies_in_it(self, settings: Settings) -> None:
        settings.data.mkdir(mode=0o700)
        settings.sqlite_path.touch(mode=0o644)
        assert one(checks.check_data(settings)).state is State.OK
        settings.data.chmod(0o711)
        finding = one(checks.check_data(settings))
        assert finding.state is State.WARNING
        assert str(settings.sqlite_path) in finding.remedy

    def test_zones_are_there(self, settings: Settings) -> None:
        assert one(checks.check_zones(settings)).state is not State.BROKEN

    def test_a_radicale_conf_that_is_not_there_is_broken(self, tmp_path: Path) -> None:
        found = list(checks.check_radicale(Settings(data=tmp_path, radicale_conf=tmp_path / "none.conf")))
        assert [finding.state for finding in found] == [State.BROKEN]

    def test_clocks_that_differ_are_a_warning(
        self, postgresql_db: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = dt.datetime.now(dt.UTC)
        assert checks._clock(postgresql_db, now=now).state is State.OK
        monkeypatch.setattr(instance, "clock", lambda _tx: now - dt.timedelta(minutes=2))
        assert checks._clock(postgresql_db, now=now).state is State.WARNING
        assert checks._clock(postgresql_db, now=dt.datetime(1999, 1, 1, tzinfo=dt.UTC)).state is State.BROKEN

    def test_a_check_that_fails_does_not_stop_the_others(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def breaks(_settings: Settings) -> Iterator[Finding]:
            raise ZeroDivisionError

        monkeypatch.setattr(checks, "check_space", breaks)
        found = checks.examine(settings, now=dt.datetime(2026, 3, 2, tzinfo=dt.UTC), deep=False)
        assert [each.state for each in found if each.name == "doctor"] == [State.BROKEN]
        assert {"data", "sqlite", "zones", "database"} <= {each.name for each in found}
