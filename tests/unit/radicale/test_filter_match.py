"""The filter of calendar-query against a slow, obvious evaluator, on random objects."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugins.radicale.filter_match import Subject, matches
from plugins.radicale.filters import read_filter
from tests import filter_strategies as make
from tests.compliance import proves
from tests.filter_reference import is_match

EXAMPLES = 20_000 if os.environ.get("CALGATE_SOAK") == "1" else 150


@proves("RFC 4791 §9.7", "RFC 4791 §9.9")
@given(
    case=make.cases(),
    zone=st.sampled_from(make.ZONES),
)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_filter_finds_what_the_reference_finds(case: tuple[bytes, list[str]], zone: str) -> None:
    ical, filters = case
    for text in filters:
        query = f"<C:calendar-query {make.NS}>{text}</C:calendar-query>"
        found = matches(Subject(ical, ZoneInfo(zone)), read_filter(ET.fromstring(query)))
        assert found == is_match(ical.decode(), ET.fromstring(text), ZoneInfo(zone)), text
