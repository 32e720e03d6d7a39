"""calendar-query over HTTP on random calendars: the index, the candidates and the filter together.

What the answer is decides a slow evaluator that shares no line with the product (``filter_reference``).
"""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import filter_strategies as make
from tests.compliance import proves
from tests.filter_reference import is_match

EXAMPLES = 500 if os.environ.get("CALGATE_SOAK") == "1" else 6
FREE = "/dav/bob/free/"
NO_TIMEZONE = "Europe/Berlin"  # that of the calendar


@proves("RFC 4791 §7.8")
def test_random_queries_on_random_calendars_find_what_the_reference_finds(world: Any) -> None:
    bob = world.bob
    zones = st.sampled_from([NO_TIMEZONE, NO_TIMEZONE, *make.ZONES])

    @given(case=make.calendars(), zone=zones)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def check(case: tuple[list[bytes], list[str]], zone: str) -> None:
        objects, filters = case
        for number, ical in enumerate(objects):
            assert bob.put(f"{FREE}{number}.ics", ical).status in {201, 204}
        try:
            for text in filters:
                where = "" if zone == NO_TIMEZONE else f"<C:timezone-id>{zone}</C:timezone-id>"
                reply = bob.report(FREE, "C:calendar-query", f"<D:prop><D:getetag/></D:prop>{text}{where}")
                wanted = {
                    f"{FREE}{number}.ics"
                    for number, ical in enumerate(objects)
                    if is_match(ical.decode(), ET.fromstring(text), ZoneInfo(zone))
                }
                assert set(reply.hrefs) == wanted, (text, zone)
        finally:
            for number in range(len(objects)):
                bob("DELETE", f"{FREE}{number}.ics")

    check()
