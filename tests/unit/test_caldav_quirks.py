"""What single CalDAV servers do in their own way, and what is made of it."""

from __future__ import annotations

import pytest

from gateway.domain.line_edit import tree_of
from gateway.providers.addresses import target_of
from gateway.providers.contract import Answer, ObjectKey
from gateway.providers.errors import (
    BadAnswer,
    Forbidden,
    NotFound,
    QuotaExhausted,
    RateLimited,
    Reach,
    Rejected,
    Unavailable,
    VersionConflict,
)
from plugins.caldav.errors import error_of
from plugins.caldav.hrefs import is_plain, name_of, object_path
from plugins.caldav.multistatus import members, parse
from plugins.caldav.quirks.colors import color_here, color_there
from plugins.caldav.quirks.cursors import MAX_KNOWN, Place, make_cursor, place_of, read_cursor
from plugins.caldav.quirks.etags import clean, condition
from plugins.caldav.quirks.markers import COPY, copy_name, copy_of, copy_uid
from plugins.caldav.quirks.other_hosts import may_follow

HOME = "https://dav.example.org/cal/room%201/"
KEY = ObjectKey(instance_id="i", resource_uuid="r", uid="one@example.org")


@pytest.mark.parametrize(
    ("tag", "shown", "sent"),
    [
        ('"a"', '"a"', '"a"'),
        ('W/"a"', 'W/"a"', '"a"'),
        ('"a-gzip"', '"a-gzip"', '"a"'),
        ("a", '"a"', '"a"'),
        (' "a" ', '"a"', '"a"'),
        ("", "", ""),
        (None, "", ""),
        ('"a\r\nX: y"', "", ""),
        ('"a"b"', "", ""),
    ],
)
def test_an_etag_is_cleaned_and_sent_in_its_strong_form(tag: str | None, shown: str, sent: str) -> None:
    assert (clean(tag), condition(tag or "")) == (shown, sent)


@pytest.mark.parametrize(
    ("href", "name"),
    [
        ("/cal/room%201/a.ics", "a.ics"),
        ("/cal/room 1/a.ics", "a.ics"),
        ("a.ics", "a.ics"),
        ("https://dav.example.org/cal/room%201/a%40b.ics", "a@b.ics"),
        ("https://dav.example.org:443/cal/room%201/a.ics", "a.ics"),
        ("/cal/room%201/100%25.ics", "100%.ics"),
        ("/cal/room%201/", None),
        ("/cal/room%201/x/a.ics", None),
        ("/cal/room%201/x%2Fa.ics", None),
        ("/cal/room%201/../../etc/a.ics", None),
        ("/cal/room%201/%2e%2e", None),
        ("/other/a.ics", None),
        ("https://evil.example.net/cal/room%201/a.ics", None),
        ("http://dav.example.org/cal/room%201/a.ics", None),
        ("https://user:pass@dav.example.org/cal/room%201/a.ics", None),
        ("https://[broken/a.ics", None),
        ("/cal/room%201/a%00b.ics", None),
        ("/cal/room%201/" + "a" * 600, None),
        ("", None),
    ],
)
def test_only_what_lies_directly_in_the_calendar_is_believed(href: str, name: str | None) -> None:
    assert name_of("/cal/room%201/", HOME, href) == name
    if name is not None:
        assert name_of("/cal/room%201/", HOME, object_path("/cal/room%201/", name)) == name


@pytest.mark.parametrize("path", ["/a/../b/", "a/b/", "/a//b/", "/a/%2e%2e/b/", "/a/\x00/", ""])
def test_a_path_that_leads_elsewhere_is_no_calendar(path: str) -> None:
    assert not is_plain(path)


@pytest.mark.parametrize(
    ("here", "there", "may"),
    [
        ("https://caldav.icloud.com", "https://p34-caldav.icloud.com:443", True),
        ("https://dav.example.org", "https://dav.example.org:8443", True),
        ("https://example.org", "https://dav.example.org", True),
        ("https://dav.example.org", "http://dav.example.org", False),
        ("https://dav.example.org", "https://evil.example.net", False),
        ("https://shop.co.uk", "https://evil.co.uk", False),
        ("https://a.shop.co.uk", "https://b.shop.co.uk", True),
        ("https://a.shop.co.uk", "https://b.evil.co.uk", False),
        ("https://10.0.0.1", "https://20.0.0.1", False),
        ("http://127.0.0.1:1", "http://127.0.0.1:2", False),
    ],
)
def test_a_password_follows_within_one_domain_only(here: str, there: str, may: bool) -> None:
    assert may_follow(target_of(here), target_of(there)) is may


def test_a_cursor_holds_a_listing_and_is_refused_elsewhere() -> None:
    place = place_of({"a.ics": '"1"', "b.ics": '"2"'})
    cursor = make_cursor(place, "/cal/")
    assert read_cursor(cursor, "/cal/") == place
    assert read_cursor(cursor, "/other/") is None
    assert read_cursor(make_cursor(Place(token="t"), "/cal/"), "/cal/") == Place(token="t")
    for broken in ("", "[]", "{}", "null", '{"v":1}', cursor[:-3], cursor.replace('"k":"', '"k":"!')):
        assert read_cursor(broken, "/cal/") is None
    many = place_of({f"{number}.ics": str(number) for number in range(MAX_KNOWN + 1)})
    assert many.known is None
    assert len(make_cursor(many, "/cal/")) < 200


def test_colours_have_or_lack_an_alpha_channel_or_are_names() -> None:
    assert [color_there(each) for each in ("#336699", "#33669980", "blue", None)] == [
        "#336699FF", "#336699FF", None, None,
    ]  # fmt: skip
    assert [color_here(each) for each in ("#336699FF", "#336699", "Red", "", None)] == [
        "#336699", "#336699", "#ff0000", None, None,
    ]  # fmt: skip


def _event(*lines: str) -> bytes:
    return "\r\n".join(
        ["BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT", "END:VCALENDAR", ""]
    ).encode()


def test_pain_05_a_copy_is_known_by_its_uid_or_by_its_property_and_place_caldav() -> None:
    name, uid = copy_name(KEY), copy_uid(KEY)
    own = copy_of(tree_of(_event(f"UID:{uid}")), name)
    assert own is not None
    assert own.marker == KEY.marker
    assert copy_of(tree_of(_event("UID:rewritten", f"{COPY}:{uid} {name}")), name) == own
    # A person's duplicate keeps the property under another name and UID.
    assert copy_of(tree_of(_event("UID:fresh", f"{COPY}:{uid} {name}")), "other.ics") is None
    assert copy_of(tree_of(_event("UID:fresh")), name) is None


_ERROR = b'<?xml version="1.0"?><D:error xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">%s</D:error>'


@pytest.mark.parametrize(
    ("status", "body", "is_write", "kind"),
    [
        (429, b"", True, RateLimited),
        (507, b"", True, QuotaExhausted),
        (403, _ERROR % b"<D:quota-not-exceeded/>", True, QuotaExhausted),
        (500, b"<html>", True, Unavailable),
        (423, b"", True, Unavailable),
        (404, b"<html>", False, NotFound),
        (410, b"", True, NotFound),
        (412, b"", True, VersionConflict),
        (413, b"", True, Rejected),
        (403, _ERROR % b"<C:max-instances/>", True, Rejected),
        (409, _ERROR % b"<C:no-uid-conflict><D:href>/x</D:href></C:no-uid-conflict>", True, Rejected),
        (415, b"<html>", True, Rejected),
        (403, b"<html>", True, Forbidden),
        (403, _ERROR % b"<D:need-privileges/>", True, Forbidden),
        (302, b"", True, BadAnswer),
        (418, b"", False, BadAnswer),
    ],
)
def test_an_answer_becomes_the_error_that_says_what_to_do(
    status: int, body: bytes, is_write: bool, kind: type[Exception]
) -> None:
    error = error_of(Answer(status=status, headers={}, body=body, url=""), is_write=is_write)
    assert type(error) is kind
    assert error.maybe_applied is (is_write and kind in {Unavailable, BadAnswer} and status != 423)
    if kind is Forbidden:
        assert error.reach is Reach.CALENDAR


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>Sign in<br></body></html>",
        b"",
        b"not xml",
        b'<D:multistatus xmlns:D="DAV:"><D:response>',
        b'<!DOCTYPE x [<!ENTITY a "b">]><D:multistatus xmlns:D="DAV:"/>',
    ],
)
def test_what_is_no_multistatus_is_no_answer(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        list(members(parse(body)))


def test_one_bad_response_spoils_no_other() -> None:
    body = (
        b'<D:multistatus xmlns:D="DAV:"><D:response><D:href>/a</D:href><D:status>HTTP/1.1 500 Oops</D:status>'
        b"</D:response><D:response><D:href>/b</D:href><D:propstat><D:prop><D:getetag>1</D:getetag></D:prop>"
        b"<D:status>HTTP/1.1 200 OK</D:status></D:propstat><D:propstat><D:prop><D:displayname/></D:prop>"
        b"<D:status>HTTP/1.1 403 Forbidden</D:status></D:propstat></D:response></D:multistatus>"
    )
    one, two = members(parse(body))
    assert (one.status, two.status, two.text("{DAV:}getetag")) == (500, 200, "1")
    assert "{DAV:}displayname" not in two.properties
