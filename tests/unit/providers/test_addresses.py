"""The one filter of outgoing addresses."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest

from gateway.providers.addresses import AddressFilter, FilteredResolver, target_of
from gateway.providers.errors import AddressRefused, Unavailable

PRIVATE = [
    "127.0.0.1", "127.9.9.9", "10.1.2.3", "192.168.1.1", "172.16.0.1", "169.254.169.254", "0.0.0.0",
    "224.0.0.1", "255.255.255.255", "100.64.0.1", "::1", "::", "fe80::1", "fc00::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "ff02::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_of_this_machine_and_of_private_networks_are_refused(address: str) -> None:
    assert not AddressFilter().permits(ipaddress.ip_address(address))
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(AddressRefused):
        AddressFilter().check(f"https://{host}/x")


@pytest.mark.parametrize("address", ["8.8.8.8", "2a00:1450:4001::1", "::ffff:8.8.8.8"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert AddressFilter().permits(ipaddress.ip_address(address))


def test_loopback_only_by_setting_and_only_then_in_clear_text() -> None:
    demo = AddressFilter(allow_loopback=True)
    assert demo.check("http://127.0.0.1:8080/x").origin == "http://127.0.0.1:8080"
    assert demo.check("http://[::1]:1/x").origin == "http://[::1]:1"
    for url in ("http://example.org/", "http://10.0.0.1/", "http://8.8.8.8/"):
        with pytest.raises(AddressRefused):
            demo.check(url)


def test_named_networks_are_allowed() -> None:
    office = AddressFilter.from_config({"networks": "10.0.0.0/8, fd00::/8"})
    assert office.permits(ipaddress.ip_address("10.1.2.3"))
    assert office.permits(ipaddress.ip_address("fd12::1"))
    assert not office.permits(ipaddress.ip_address("192.168.0.1"))
    assert not office.allow_loopback


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "ftp://example.org/", "//example.org", "https://", "https:///x", "https://user@example.org/",
        "https://a:b@example.org/", "https://exa mple.org/", "https://example.org:99999/", "https://[::1/",
        "file:///etc/passwd", "https://exa\\mple.org/", "https://%31.example.org/",
    ],
)  # fmt: skip
def test_what_is_no_plain_web_address_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        AddressFilter(allow_loopback=True).check(url)


def test_origins_are_compared_in_one_form() -> None:
    assert target_of("HTTPS://Example.ORG./a").origin == "https://example.org:443"


def _answering(*addresses: str) -> Any:
    def getaddrinfo(host: str, port: int, **_more: Any) -> list[Any]:
        families = [socket.AF_INET6 if ":" in each else socket.AF_INET for each in addresses]
        return [(family, 1, 6, "", (each, port)) for family, each in zip(families, addresses, strict=True)]

    return getaddrinfo


def test_a_name_that_points_inside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _answering("10.0.0.1", "::1"))
    with pytest.raises(AddressRefused, match="networks"):
        AddressFilter().resolve("evil.example.org", 443)


async def test_only_the_permitted_addresses_of_a_name_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", _answering("10.0.0.1", "8.8.8.8"))
    found = await FilteredResolver(AddressFilter()).resolve("mixed.example.org", 443)
    assert [each["host"] for each in found] == ["8.8.8.8"]


def test_a_name_that_cannot_be_resolved_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_args: Any, **_more: Any) -> Any:
        raise socket.gaierror(socket.EAI_AGAIN, "later")

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    with pytest.raises(Unavailable):
        AddressFilter().resolve("example.org", 443)
