"""Writing content lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from icalendar.parser import Contentlines

from gateway.domain.content_lines import escape_text, fold, quote_parameter, strip_controls, write
from gateway.domain.ical_reader import read, split_line, text_of

texts = st.text(st.characters(exclude_categories=["Cs"]))
clean = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]))


@given(clean)
def test_pain_45_folding_at_75_octets_never_inside_a_character(text: str) -> None:
    data = fold(f"SUMMARY:{text}")
    assert data.endswith(b"\r\n")
    lines = data.removesuffix(b"\r\n").split(b"\r\n")
    assert all(len(line) <= 75 for line in lines)
    assert all(line.startswith(b" ") and len(line) > 1 for line in lines[1:])
    assert "".join([lines[0].decode(), *(line[1:].decode() for line in lines[1:])]) == f"SUMMARY:{text}"
    assert not any(line.strip() == b"" for line in lines)


@given(texts)
def test_pain_45_control_characters_never_leave(text: str) -> None:
    data = write(["BEGIN:VCALENDAR", f"X-TEXT:{escape_text(text)}", "END:VCALENDAR"])
    assert not {byte for byte in data if byte < 32 and byte not in b"\t\r\n"}
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert data.endswith(b"\r\n")


@given(clean)
def test_text_comes_back_as_it_was(text: str) -> None:
    data = write(["BEGIN:VCALENDAR", f"SUMMARY:a{escape_text(text)}b", "END:VCALENDAR"])
    assert text_of(read(data), "SUMMARY") == f"a{strip_controls(text)}b"
    assert len(Contentlines.from_ical(data)) == 4


@given(clean)
def test_parameters_cannot_break_out(text: str) -> None:
    name, params, value = split_line(f"ATTENDEE;CN={quote_parameter('n' + text)}:mailto:a@b")
    assert (name, value) == ("ATTENDEE", "mailto:a@b")
    assert set(params or {}) == {"CN"}


def test_a_line_break_in_a_text_is_escaped_not_written() -> None:
    assert escape_text("a\r\nATTENDEE:b;c,d\\") == "a\\nATTENDEE:b\\;c\\,d\\\\"
    assert strip_controls("a\0b\x1b\u2028c") == "abc"
