"""Bad input: a clear answer with the precondition, nothing stored, nothing lost."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from tests.compliance import proves

FREE = "/dav/bob/free/"


def todo(uid: str) -> bytes:
    return (
        f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VTODO\r\nUID:{uid}\r\n"
        "DTSTAMP:20260101T000000Z\r\nEND:VTODO\r\nEND:VCALENDAR\r\n"
    ).encode()


def cases(event: Any) -> dict[str, tuple[bytes, str]]:
    """Return bad objects with the precondition each fails."""
    good = event("bad")
    deep = b"BEGIN:VEVENT\r\n" + b"BEGIN:VALARM\r\n" * 40 + b"END:VALARM\r\n" * 40
    return {
        "empty": (b"   ", "valid-calendar-data"),
        "no iCalendar": (b"hello", "valid-calendar-data"),
        "broken line": (good.replace(b"UID:bad", b"UID:bad\r\nno content line"), "valid-calendar-data"),
        "unclosed": (good.replace(b"END:VEVENT\r\n", b""), "valid-calendar-data"),
        "NUL": (good.replace(b"UID:bad", b"UID:b\0d"), "valid-calendar-data"),
        "broken UTF-8": (good.replace(b"UID:bad", b"UID:b\xff"), "valid-calendar-data"),
        "no UID": (good.replace(b"UID:bad\r\n", b""), "valid-calendar-object-resource"),
        "two UIDs": (
            good.replace(b"END:VCALENDAR", event("other").split(b"test//EN\r\n")[1].rstrip()),
            "valid-calendar-object-resource",
        ),
        "no DTSTART": (
            b"\r\n".join(line for line in good.split(b"\r\n") if not line.startswith(b"DTSTART")),
            "valid-calendar-object-resource",
        ),
        "end before start": (
            event("bad", start="20260310T090000Z", end="20260310T080000Z"),
            "valid-calendar-object-resource",
        ),
        "METHOD": (
            good.replace(b"BEGIN:VEVENT", b"METHOD:REQUEST\r\nBEGIN:VEVENT"),
            "valid-calendar-object-resource",
        ),
        "two kinds": (
            good.replace(b"END:VCALENDAR", b"BEGIN:VTODO\r\nUID:bad\r\nEND:VTODO\r\nEND:VCALENDAR"),
            "valid-calendar-object-resource",
        ),
        "free/busy": (
            good.replace(b"VEVENT", b"VFREEBUSY"), "supported-calendar-component",
        ),
        "too large": (event("bad", "DESCRIPTION:" + "x" * 70_000), "max-resource-size"),
        "every second": (event("bad", "RRULE:FREQ=SECONDLY"), "max-instances"),
        "every minute": (event("bad", "RRULE:FREQ=MINUTELY"), "max-instances"),
        "deep nesting": (good.replace(b"BEGIN:VEVENT\r\n", deep), "valid-calendar-data"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["empty", "no iCalendar", "broken line", "unclosed", "NUL", "broken UTF-8", "no UID", "two UIDs",
     "no DTSTART", "end before start", "METHOD", "two kinds", "free/busy", "too large", "every second",
     "every minute", "deep nesting"],
)  # fmt: skip
@proves("RFC 4791 §4.1", "RFC 4791 §5.3.2.1", "RFC 4791 §5.2.5", "RFC 4791 §5.2.8")
def test_a_bad_object_is_refused_by_name_and_the_old_one_stays(
    sqlite_world: Any, event: Any, name: str
) -> None:
    bob, path = sqlite_world.bob, FREE + "bad.ics"
    bob.put(path, event("bad"))
    data, condition = cases(event)[name]
    answer = bob.put(path, data)
    assert (answer.status, answer.conditions) == (403, {condition}), answer.body
    assert len(answer.message) > 10
    assert bob("GET", path).body == event("bad")


def test_a_broken_line_is_named(sqlite_world: Any, event: Any) -> None:
    answer = sqlite_world.bob.put(FREE + "x.ics", event("x").replace(b"DTEND:2026", b"DTEND:abcd"))
    assert "line 8" in answer.message
    assert "DTEND" in answer.message


@pytest.mark.parametrize("kind", ["text/vcard", "application/json", "text/calendar; charset=latin-1"])
def test_another_content_type_is_refused(sqlite_world: Any, event: Any, kind: str) -> None:
    answer = sqlite_world.bob.put(FREE + "x.ics", event("x"), Content_Type=kind)
    assert (answer.status, answer.conditions) == (403, {"supported-calendar-data"})


def test_a_part_of_an_object_is_not_put(sqlite_world: Any, event: Any) -> None:
    bob, path = sqlite_world.bob, FREE + "x.ics"
    bob.put(path, event("x"))
    assert bob.put(path, b"SUMMARY:x", Content_Range="bytes 20-28/400").status == 400
    assert bob("GET", path).body == event("x")


@proves("RFC 4791 §5.2.3")
def test_a_component_that_the_calendar_does_not_take_is_refused(sqlite_world: Any) -> None:
    bob = sqlite_world.bob
    body = (
        '<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop>'
        '<C:supported-calendar-component-set><C:comp name="VEVENT"/></C:supported-calendar-component-set>'
        "</D:prop></D:set></C:mkcalendar>"
    )
    assert bob("MKCALENDAR", "/dav/bob/events/", body).status == 201
    answer = bob.put("/dav/bob/events/x.ics", todo("x"))
    assert (answer.status, answer.conditions) == (403, {"supported-calendar-component"})


@pytest.mark.parametrize("expect", ["", "Expect: 100-continue\r\n"])
def test_a_hundred_megabytes_are_refused_before_they_are_sent(sqlite_world: Any, expect: str) -> None:
    host, port = sqlite_world.base.removeprefix("http://").split(":")
    import base64

    token = base64.b64encode(f"bob:{sqlite_world.bob.password}".encode()).decode()
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(
            f"PUT {FREE}big.ics HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {token}\r\n"
            f"Content-Type: text/calendar\r\nContent-Length: 104857600\r\n{expect}\r\n".encode()
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_a_body_without_length_is_cut_off_at_the_limit(sqlite_world: Any) -> None:
    import requests

    def endless() -> Any:
        for _ in range(1000):
            yield b"x" * 65536

    try:
        answer = requests.put(
            sqlite_world.base + FREE + "big.ics",
            data=endless(),
            auth=("bob", sqlite_world.bob.password),
            timeout=30,
        )
        assert answer.status_code == 413
    except requests.exceptions.ConnectionError:
        pass  # the server has closed the connection while the client still sent
    assert sqlite_world.bob("GET", FREE + "big.ics").status == 404


@pytest.mark.parametrize("method", ["PROPFIND", "REPORT", "PROPPATCH", "MKCALENDAR"])
@pytest.mark.parametrize(
    "body",
    [
        "<D:propfind",
        '<!DOCTYPE x [<!ENTITY a "b">]><D:propfind xmlns:D="DAV:"><D:prop>&a;</D:prop></D:propfind>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd"><D:propfind xmlns:D="DAV:"/>',
        "<a>" * 3000 + "</a>" * 3000,
        "\x00",
        '<?xml version="1.0" encoding="no-such"?><a/>',
    ],
)
@proves("RFC 4918 §17")
def test_bad_xml_is_an_error_of_the_client(sqlite_world: Any, method: str, body: str) -> None:
    path = "/dav/bob/new/" if method == "MKCALENDAR" else FREE
    answer = sqlite_world.bob(method, path, body, Depth="0")
    assert answer.status == 400
    assert sqlite_world.bob.propfind("/dav/bob/new/").status == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/dav/bob/free/../room/x.ics", 400),
        ("/dav/bob/free/%2e%2e/room/x.ics", 400),
        ("/dav/bob/free/a%2Fb.ics", 400),
        ("/dav/bob/free/a%5Cb.ics", 400),
        ("/dav/bob//free/x.ics", 400),
        ("/dav/bob/free//x.ics", 400),
        ("/dav/bob/free/x%00.ics", 400),
        ("/dav/bob/free/x%0d%0aSet-Cookie:a.ics", 400),
        ("/dav/bob/free/%ff.ics", 400),
        ("/dav/bob/free/" + "x" * 4096, 414),
        ("/dav/bob/free/" + "x" * 501, 414),
        ("/dav/bob/free/a/b/c.ics", 404),
        ("/dav/alice/free/x.ics", 403),
        ("/dav/bob/secret/x.ics", 404),
        ("/dav/bob/none/x.ics", 404),
    ],
)
def test_path_tricks_are_refused(sqlite_world: Any, event: Any, path: str, status: int) -> None:
    # requests would tidy the path up before sending it.
    import base64

    host, port = sqlite_world.base.removeprefix("http://").split(":")
    token = base64.b64encode(f"bob:{sqlite_world.bob.password}".encode()).decode()
    body = event("x")
    for method in ("PUT", "GET", "DELETE", "PROPFIND"):
        with socket.create_connection((host, int(port)), timeout=20) as connection:
            connection.sendall(
                f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {token}\r\n"
                f"Content-Type: text/calendar\r\nContent-Length: {len(body) if method == 'PUT' else 0}\r\n"
                "Connection: close\r\n\r\n".encode()
                + (body if method == "PUT" else b"")
            )
            got = int(connection.recv(4096).split()[1])
        assert got == status, (method, got)
    assert sqlite_world.bob.sync(FREE).hrefs == []


def test_headers_that_rewrite_paths_are_dropped(sqlite_world: Any) -> None:
    answer = sqlite_world.bob.propfind(
        "/dav/bob/", "D:current-user-principal",
        X_Script_Name="/evil", X_Forwarded_Host="evil.example", X_Forwarded_Proto="https",
        X_Forwarded_For="1.2.3.4", X_Remote_User="alice",
    )  # fmt: skip
    assert answer.hrefs == ["/dav/bob/"]


def test_a_full_disk_is_507_and_the_old_state_is_intact(sqlite_world: Any, event: Any) -> None:
    bob = sqlite_world.bob
    bob.put(FREE + "one.ics", event("one"))
    with sqlite_world.db.engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        connection.rollback()
    # The limit holds per connection: use up all of them.
    from sqlalchemy import event as sa_event

    def limit(connection: Any, _record: Any, _proxy: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {pages}").close()

    sa_event.listen(sqlite_world.db.engine, "checkout", limit)
    statuses = [
        bob.put(FREE + f"{n}.ics", event(f"n{n}", "DESCRIPTION:" + "x" * 60_000)).status for n in range(3)
    ]
    sa_event.remove(sqlite_world.db.engine, "checkout", limit)
    assert 507 in statuses
    assert bob("GET", FREE + "one.ics").body == event("one")
    kept = {f"{FREE}{n}.ics" for n, status in enumerate(statuses) if status == 201} | {FREE + "one.ics"}
    assert set(bob.sync(FREE).hrefs) == kept


def test_a_locked_database_is_503_with_a_time_to_come_back(
    sqlite_world: Any, event: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.domain.errors import StoreBusy
    from gateway.services import objects

    def busy(*_: object, **__: object) -> None:
        raise StoreBusy

    monkeypatch.setattr(objects, "put", busy)
    answer = sqlite_world.bob.put(FREE + "one.ics", event("one"))
    assert answer.status == 503
    assert int(answer.headers["Retry-After"]) > 0


def test_an_unforeseen_error_says_nothing_private(
    sqlite_world: Any, event: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gateway.services import objects

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("CANARY")

    monkeypatch.setattr(objects, "put", broken)
    answer = sqlite_world.bob.put(FREE + "one.ics", event("one"))
    assert answer.status == 500
    assert b"CANARY" not in answer.body
