"""From what a person types to her calendars, or to one sentence that says why not."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.providers.contract import Answer
from gateway.providers.errors import ProviderError, SignInRefused
from plugins.caldav import discovery, service_records
from tests.contract.caldav.dav_account import connect


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://127.0.0.1:9", "reached"),
        ("https://169.254.169.254/", "private network"),
        ("http://dav.example.org/", "https://"),
        ("ftp://dav.example.org/", "https://"),
        ("https://ann:secret@dav.example.org/", "own fields"),
        ("", "host"),
        ("https://", "host"),
    ],
)
async def test_an_address_that_cannot_be_is_one_sentence(url: str, told: str) -> None:
    with pytest.raises(ProviderError, match=told) as caught:
        await connect(url)
    assert "secret" not in str(caught.value)


async def test_loopback_is_refused_where_the_operator_has_not_allowed_it() -> None:
    with pytest.raises(ProviderError, match="https://|private network"):
        await connect("http://127.0.0.1:9", allow_loopback="")


ZONE = {
    ("_caldavs._tcp.example.org.", "SRV"): [
        "20 0 443 spare.example.org.", "10 5 8443 cal.example.org.", "10 50 443 dav.example.org.",
    ],
    ("_caldavs._tcp.example.org.", "TXT"): ['"path=/dav/"'],
    ("_caldavs._tcp.plain.test.", "SRV"): ["0 0 443 dav.plain.test."],
    ("_caldavs._tcp.odd.test.", "SRV"): ["0 0 443 dav.odd.test."],
    ("_caldavs._tcp.odd.test.", "TXT"): ['"path=//elsewhere.test/"', '"path=/a/../b"', '"other=/x"'],
    ("_caldavs._tcp.none.test.", "SRV"): ["0 0 0 ."],
    ("_caldavs._tcp.mail.test.", "SRV"): ["0 0 443 dav.host.test."],
}  # fmt: skip


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A name server that knows ``ZONE``; the names that it was asked for."""
    names: list[str] = []

    def records(name: str, kind: str) -> list[str]:
        names.append(name)
        return ZONE.get((name, kind), [])

    monkeypatch.setattr(service_records, "records", records)
    return names


@pytest.mark.usefixtures("asked")
def test_a_domain_names_its_service_by_priority_then_weight_with_a_path() -> None:
    named = service_records.named_services
    assert named("example.org") == [
        "https://dav.example.org/dav/", "https://cal.example.org:8443/dav/", "https://spare.example.org/dav/",
    ]  # fmt: skip
    assert named("plain.test") == ["https://dav.plain.test/.well-known/caldav"]
    assert named("odd.test") == ["https://dav.odd.test/.well-known/caldav"]
    assert named("none.test") == named("unknown.test") == []


def test_no_name_server_is_asked_for_addresses_and_machines(asked: list[str]) -> None:
    for host in ("127.0.0.1", "::1", "localhost", "cal.localhost", "nas.local"):
        assert service_records.named_services(host) == []
    assert asked == []


@pytest.mark.parametrize("entered", ["example.org", "ada@example.org", "https://example.org/"])
def test_a_service_named_by_the_domain_is_found_last_and_gets_the_password(
    monkeypatch: pytest.MonkeyPatch, asked: list[str], entered: str
) -> None:
    urls: list[str] = []

    def fetch(_method: str, url: str, **_more: Any) -> Answer:
        urls.append(url)
        if url != "https://dav.example.org/dav/":
            return Answer(status=404, headers={}, body=b"", url=url)
        body = (
            b'<multistatus xmlns="DAV:"><response><href>/dav/</href><propstat><prop>'
            b'<calendar-home-set xmlns="urn:ietf:params:xml:ns:caldav"><href xmlns="DAV:">/dav/ada/</href>'
            b"</calendar-home-set></prop><status>HTTP/1.1 200 OK</status></propstat></response></multistatus>"
        )
        return Answer(status=207, headers={}, body=body, url=url)

    monkeypatch.setattr(discovery, "fetch", fetch)
    found = discovery.discover({}, entered, "secret")
    assert found.homes == ["https://dav.example.org/dav/ada/"]
    assert urls == [
        "https://example.org/.well-known/caldav", "https://example.org/", "https://dav.example.org/dav/",
    ]  # fmt: skip
    assert asked[0] == "_caldavs._tcp.example.org."
    # Whoever names a path has said where it is.
    asked.clear()
    with pytest.raises(SignInRefused, match="no CalDAV server"):
        discovery.discover({}, "https://example.org/other/", "secret")
    assert asked == []


@pytest.mark.usefixtures("asked")
def test_a_record_that_leads_to_a_stranger_is_told_and_gets_no_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    urls: list[str] = []

    def fetch(_method: str, url: str, **_more: Any) -> Answer:
        urls.append(url)
        return Answer(status=404, headers={}, body=b"", url=url)

    monkeypatch.setattr(discovery, "fetch", fetch)
    with pytest.raises(SignInRefused, match=r"another host, dav\.host\.test"):
        discovery.discover({}, "mail.test", "secret")
    assert not [url for url in urls if "host.test" in url]
