"""Objects with a value of the wrong type, or cut, or doubled: refused by name, or good for every use of them."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ET
from contextlib import suppress
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from gateway.domain.errors import InvalidCalendarData, InvalidInput, TooManyInstances
from gateway.domain.ical import parse_object
from gateway.domain.jcal import to_jcal
from gateway.domain.model import Window
from gateway.domain.recurrence import expand
from plugins.radicale.calendar_data import CalendarData
from plugins.radicale.filter_match import Subject, matches
from plugins.radicale.filters import read_filter
from plugins.radicale.problems import Problem
from tests import filter_strategies as make

EXAMPLES = 20_000 if os.environ.get("CALGATE_SOAK") == "1" else 150
BERLIN = ZoneInfo("Europe/Berlin")
TYPES = ("DATE", "DATE-TIME", "PERIOD", "INTEGER", "FLOAT", "BINARY", "BOOLEAN", "URI", "DURATION", "TIME",
         "RECUR", "UTC-OFFSET", "TEXT", "CAL-ADDRESS", "NONSENSE")  # fmt: skip
VALUES = ("", "garbage", "99999999999", "TRUE", "20260101", "20260101T000000", "-P", "P1D", "1;2;3", "a,b,,c",
          "20260101T000000/PT1H", "20260101T000000Z,20260102T000000Z", "FREQ=DAILY", "+0100", "\\")  # fmt: skip


@st.composite
def mutants(draw: DrawFn) -> bytes:
    """Return an object of which some lines say something else than they should."""
    lines = draw(make.objects(kind=draw(make.kinds))).decode().split("\r\n")
    own = [place for place, line in enumerate(lines) if ":" in line and not line.startswith(("BEGIN", "END"))]
    for place in draw(st.lists(st.sampled_from(own), min_size=1, max_size=3)):
        head, _, value = lines[place].partition(":")
        how = draw(st.sampled_from(["type", "value", "both", "end", "twice"]))
        if how in {"type", "both"}:
            head = f"{head};VALUE={draw(st.sampled_from(TYPES))}"
        if how in {"value", "both"}:
            value = draw(st.sampled_from(VALUES))
        if how == "end":
            value += draw(st.sampled_from([";", ",", "\\", '"', "Z"]))
        lines[place] = f"{head}:{value}" if how != "twice" else f"{lines[place]}\r\n{lines[place]}"
    return "\r\n".join(lines).encode()


@given(ical=mutants(), filter_=make.filters("VEVENT"))
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_mutant_is_refused_or_good_for_everything(ical: bytes, filter_: str) -> None:
    try:
        parsed = parse_object(ical, max_bytes=len(ical))
        year = Window(start=make.DAYS[0], end=make.DAYS[0].replace(year=2027))
        expand(parsed, zone=BERLIN, window=year, limit=5000)
    except (InvalidInput, TooManyInstances):
        return
    assert json.loads(to_jcal(ical))[0] == "vcalendar"
    matches(Subject(ical, BERLIN), read_filter(ET.fromstring(f"<q>{filter_}</q>")))
    for kind in ("expand", "limit-recurrence-set"):
        span = 'start="20260301T000000Z" end="20260401T000000Z"'
        node = ET.fromstring(f"<C:calendar-data {make.NS}><C:{kind} {span}/></C:calendar-data>")
        with suppress(Problem):  # too many instances
            CalendarData.of(node, zone=BERLIN, limit=5000).element(ical)


@pytest.mark.parametrize(
    "name", ["DTSTART", "DTEND", "RRULE", "RDATE", "EXDATE", "DURATION", "RECURRENCE-ID"]
)
@pytest.mark.parametrize("type_", ["TIME", "URI", "INTEGER", "UTC-OFFSET"])
def test_a_time_of_another_type_is_refused_by_its_line(name: str, type_: str) -> None:
    value = {"TIME": "090000", "URI": "urn:x", "INTEGER": "5", "UTC-OFFSET": "+0100"}[type_]
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:x",
        "BEGIN:VEVENT",
        "UID:one",
        "DTSTAMP:20260101T000000Z",
    ]
    if name != "DTSTART":
        lines.append("DTSTART:20260310T090000Z")
    lines += [f"{name};VALUE={type_}:{value}", "END:VEVENT", "END:VCALENDAR", ""]
    with pytest.raises(InvalidCalendarData) as refused:
        parse_object("\r\n".join(lines).encode(), max_bytes=10_000)
    assert refused.value.property_name == name
