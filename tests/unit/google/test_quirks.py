"""One peculiarity of Google, one test or two."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.contract import ObjectKey, Scope
from plugins.google.quirks.colors import EVENT_COLORS, ink_for, nearest_event_color
from plugins.google.quirks.cursors import make_cursor, read_cursor
from plugins.google.quirks.event_ids import event_id
from plugins.google.quirks.markers import MAX_VALUE, private_properties, read_marker
from plugins.google.quirks.texts import (
    MAX_DESCRIPTION,
    fitted,
    one_line,
    tidy,
    to_markup,
    to_plain,
    with_link,
    without_link,
)

KEY = ObjectKey(instance_id="i", resource_uuid="r", uid="u")
LINK = "https://cal.example.org/o/1?a=1&b=<2>"
texts = st.text(st.characters(exclude_categories=("Cs",)) | st.sampled_from("<>&;/ab \n\r\t"), max_size=200)


@given(st.text(), st.text(), st.text(), st.integers(0, 100))
def test_ids_are_of_googles_alphabet_and_differ_with_every_part(a: str, b: str, c: str, number: int) -> None:
    key = ObjectKey(
        instance_id=a.encode("utf-8", "replace").decode(),
        resource_uuid=b.encode("utf-8", "replace").decode(),
        uid=c.encode("utf-8", "replace").decode(),
    )
    made = event_id(key, number)
    assert re.fullmatch(r"[a-v0-9]{52}", made)
    assert made == event_id(key, number) != event_id(key, number + 1)


def test_ids_of_shifted_fields_differ() -> None:
    one = ObjectKey(instance_id="ab", resource_uuid="c", uid="d")
    other = ObjectKey(instance_id="a", resource_uuid="bc", uid="d")
    assert event_id(one, 0) != event_id(other, 0)


def test_markers_fit_googles_limits_and_come_back() -> None:
    properties = private_properties(KEY, "e" * 52, link=LINK, status="", guests=["A@example.org"])
    assert all(len(name) <= 44 and len(value or "") <= MAX_VALUE for name, value in properties.items())
    marker = read_marker(properties)
    assert marker.is_genuine("e" * 52)
    assert not marker.is_genuine("f" * 52)
    assert marker.uid_hash == KEY.marker
    assert "u" not in (properties["calgate-uid"] or "").split("-")
    assert (
        private_properties(KEY, "e", link="https://x/" + "y" * 2000, status="", guests=[])["calgate-link"]
        is None
    )
    assert not read_marker({"calgate-uid": 7, "calgate-event": None}).is_genuine("")


@given(texts)
def test_plain_text_comes_back_whatever_it_looks_like(text: str) -> None:
    kept = tidy(text)
    assert tidy(kept) == kept
    assert to_plain(to_markup(kept)) == kept


@given(texts, st.integers(1, 200))
def test_descriptions_with_links_fit_and_come_back(text: str, times: int) -> None:
    kept = fitted(text * times, LINK)
    assert fitted(kept, LINK) == kept
    sent = with_link(kept, LINK)
    assert len(sent) <= MAX_DESCRIPTION
    assert without_link(to_plain(sent), LINK) == kept


@pytest.mark.parametrize(
    ("markup", "plain"),
    [
        ("a<br>b<BR/>c", "a\nb\nc"),
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("<ul><li>x</li><li>y</li></ul>", "- x\n- y"),
        ('<a href="https://x.example/">https://x.example/</a>', "https://x.example/"),
        ("<script>alert(1)</script>safe<style>p{}", "safe"),
        ("1 &lt; 2 &amp;&amp; 3 &gt; 2", "1 < 2 && 3 > 2"),
        ("a < b", "a < b"),
        ("&nbsp;x", "x"),
    ],
)
def test_markup_becomes_plain_text(markup: str, plain: str) -> None:
    assert to_plain(markup) == plain


def test_hostile_markup_is_read_in_bounded_time() -> None:
    for markup in ("<" * 200_000, "<a " * 100_000, "<!--" * 100_000, "<script" * 50_000, "&" * 200_000):
        assert len(to_plain(markup)) <= MAX_DESCRIPTION


def test_titles_are_one_line() -> None:
    assert one_line("  a\r\n\tb \x00 c ") == "a b c"
    assert len(one_line("x" * 5000)) == 1024


@pytest.mark.parametrize(
    ("color", "name"), [("#dc2127", "11"), ("#ff0000", "11"), ("#E1E1E1", "8"), ("#0000ff", "9")]
)
def test_the_nearest_of_eleven_colours_stands_for_ours(color: str, name: str) -> None:
    assert nearest_event_color(color) == name
    assert name in EVENT_COLORS


@pytest.mark.parametrize("color", [None, "", "red", "#12345", "#gggggg", "#1234567"])
def test_what_is_no_colour_leaves_the_calendars_own(color: str | None) -> None:
    assert nearest_event_color(color) is None


def test_ink_can_be_read() -> None:
    assert (ink_for("#ffffff"), ink_for("#000000")) == ("#000000", "#ffffff")


@pytest.mark.parametrize("cursor", ["", "x", "[]", "{}", '{"v":1}', '{"v":1,"c":1,"s":2,"t":3}', "null"])
def test_a_cursor_that_is_not_ours_is_none(cursor: str) -> None:
    assert read_cursor(cursor, "cal", Scope.OBJECTS) is None


def test_a_cursor_knows_its_calendar_and_scope() -> None:
    cursor = make_cursor("token", "cal", Scope.OBJECTS)
    assert read_cursor(cursor, "cal", Scope.OBJECTS) == "token"
    assert read_cursor(cursor, "other", Scope.OBJECTS) is None
    assert read_cursor(cursor, "cal", Scope.BUSY) is None
