"""expand and limit-recurrence-set on random objects, against the slow evaluator of recurrence."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ET
from datetime import datetime
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from plugins.radicale.calendar_data import CalendarData
from tests import filter_reference as reference
from tests import filter_strategies as make
from tests.compliance import proves

EXAMPLES = 10_000 if os.environ.get("CALGATE_SOAK") == "1" else 100
Spans = set[tuple[datetime, datetime]]
ranges = st.tuples(make.moments, st.sampled_from([1, 3, 40])).map(
    lambda drawn: (
        f'start="{drawn[0]:%Y%m%dT%H%M%SZ}" end="{drawn[0] + drawn[1] * reference.DAY:%Y%m%dT%H%M%SZ}"'
    )
)
zones = st.sampled_from(make.ZONES)


def given_as(kind: str, ical: bytes, span: str, zone: str) -> str:
    """Return an object as calendar-data gives it."""
    node = ET.fromstring(f"<C:calendar-data {make.NS}><C:{kind} {span}/></C:calendar-data>")
    data = CalendarData.of(node, zone=ZoneInfo(zone), limit=5000)
    found = ET.fromstring(
        data.element(ical).replace("<C:calendar-data>", f"<C:calendar-data {make.NS}>", 1)
    ).text
    assert found is not None
    return found


def spans(ical: str, span: str, zone: ZoneInfo) -> Spans:
    """Return the instances of an object that overlap a range."""
    calendar = reference.read(ical)
    wanted = reference.Range.of(ET.fromstring(f"<r {span}/>"))
    found: Spans = set()
    for comp in calendar.comps:
        for start in reference.instances(calendar, comp, zone):
            if reference.event_overlaps(comp, start, zone, wanted):
                end = reference.end_of(comp, start, zone)
                if end is None:
                    after = reference.When(start.wall + reference.DAY, start.zone, is_date=True)
                    end = after.instant if start.is_date else start.instant
                found.add((start.instant, end))
    return found


@proves("RFC 4791 §9.6.5")
@given(ical=make.objects(), span=ranges, zone=zones)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_expanding_gives_every_instance_of_the_range_and_no_other(ical: bytes, span: str, zone: str) -> None:
    expanded = given_as("expand", ical, span, zone)
    assert not re.search("RRULE|RDATE|EXDATE|TZID|VTIMEZONE", expanded)
    assert spans(expanded, span, ZoneInfo(zone)) == spans(ical.decode(), span, ZoneInfo(zone))


@proves("RFC 4791 §9.6.6")
@given(ical=make.objects(), span=ranges, zone=zones)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_limited_set_has_the_same_instances_in_the_range(ical: bytes, span: str, zone: str) -> None:
    limited = given_as("limit-recurrence-set", ical, span, zone)
    assert spans(limited, span, ZoneInfo(zone)) == spans(ical.decode(), span, ZoneInfo(zone))
    assert len(reference.read(limited).comps) <= len(reference.read(ical.decode()).comps)


PARTS = ("UID", "SUMMARY", "DTSTART", "RRULE", "ATTENDEE", "ACTION", "TRIGGER", "X-NONE")


@st.composite
def comps(draw: DrawFn, name: str = "VCALENDAR") -> str:
    """Return a comp element: nothing in it, or what is wanted of properties and then of components."""
    if draw(st.integers(0, 3)) == 0:
        return f'<C:comp name="{name}"/>'
    inner = "<C:allprop/>"
    if draw(st.booleans()):
        names = draw(st.sets(st.sampled_from(PARTS)))
        inner = "".join(f'<C:prop name="{one}"{draw(NOVALUE)}/>' for one in sorted(names))
    below = {"VCALENDAR": ["VEVENT", "VTIMEZONE"], "VEVENT": ["VALARM"]}.get(name, [])
    if draw(st.booleans()):
        inner += "<C:allcomp/>"
    else:
        inner += "".join(draw(comps(one)) for one in below if draw(st.booleans()))
    return f'<C:comp name="{name}">{inner}</C:comp>'


NOVALUE = st.sampled_from(["", ' novalue="no"', ' novalue="yes"'])


def part_of(comp: reference.Comp, wanted: ET.Element) -> reference.Comp:
    """Return what is left of a component, read from RFC 4791 §9.6.1-9.6.4."""
    if len(wanted) == 0:
        return comp
    has = {node.tag.partition("}")[2] for node in wanted}
    props = {node.get("name"): node.get("novalue") for node in wanted if node.tag.endswith("}prop")}
    kept = [
        reference.Prop(prop.name, {}, "") if props.get(prop.name) == "yes" else prop
        for prop in comp.props
        if "allprop" in has or prop.name in props
    ]
    found = reference.Comp(comp.name, kept)
    for child in comp.comps:
        named = [node for node in wanted if node.tag.endswith("}comp") and node.get("name") == child.name]
        if named:
            found.comps.append(part_of(child, named[0]))
        elif "allcomp" in has:
            found.comps.append(child)
    return found


@proves("RFC 4791 §9.6.1")
@given(ical=make.objects(), comp=comps())
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_parts_of_objects_are_just_those_that_are_named(ical: bytes, comp: str) -> None:
    node = ET.fromstring(f"<C:calendar-data {make.NS}>{comp}</C:calendar-data>")
    data = CalendarData.of(node, zone=ZoneInfo("Europe/Berlin"), limit=5000).element(ical)
    text = ET.fromstring(data.replace("<C:calendar-data>", f"<C:calendar-data {make.NS}>", 1)).text
    assert text is not None
    assert reference.read(text) == part_of(reference.read(ical.decode()), node[0])
