"""Merging busy time and writing VFREEBUSY."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar

from gateway.domain.freebusy import merge, vfreebusy
from gateway.domain.model import Busy, Window

DAY = datetime(2026, 1, 1, tzinfo=UTC)
RANK = [Busy.FREE, Busy.TENTATIVE, Busy.BUSY, Busy.UNAVAILABLE]


def hour(number: float) -> datetime:
    return DAY + timedelta(hours=number)


periods = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 10), st.sampled_from(RANK)).map(
        lambda t: (hour(t[0]), hour(t[0] + t[1]), t[2])
    ),
    max_size=12,
)


@given(periods)
def test_every_moment_has_the_strongest_state_of_all_periods(
    items: list[tuple[datetime, datetime, Busy]],
) -> None:
    merged = merge(items)
    for quarter in range(200):
        moment = hour(quarter / 4)
        expected = max((b for s, e, b in items if s <= moment < e), key=RANK.index, default=Busy.FREE)
        found = [b for s, e, b in merged if s <= moment < e]
        assert found == ([expected] if expected.blocks else [])
    for (_, end, busy), (start, _, following) in itertools.pairwise(merged):
        assert end <= start
        assert end < start or busy is not following


def test_vfreebusy_is_cut_to_its_window_and_grouped() -> None:
    window = Window(start=hour(2), end=hour(20))
    items = [(hour(0), hour(3), Busy.BUSY), (hour(5), hour(6), Busy.TENTATIVE),
             (hour(8), hour(9), Busy.UNAVAILABLE),
             (hour(19), hour(30), Busy.BUSY), (hour(10), hour(11), Busy.FREE)]  # fmt: skip
    data = vfreebusy(
        window, items, uid="u", dtstamp=DAY, method_publish=True, organizer="mailto:a@example.org"
    )
    assert data == vfreebusy(
        window, reversed(items), uid="u", dtstamp=DAY, method_publish=True, organizer="mailto:a@example.org"
    )
    calendar = Calendar.from_ical(data)
    (component,) = calendar.walk("VFREEBUSY")
    found = {(p.params["FBTYPE"], p.start, p.end) for p in component["FREEBUSY"]}
    assert found == {
        ("BUSY", hour(2), hour(3)), ("BUSY", hour(19), hour(20)), ("BUSY-TENTATIVE", hour(5), hour(6)),
        ("BUSY-UNAVAILABLE", hour(8), hour(9)),
    }  # fmt: skip
    assert calendar["METHOD"] == "PUBLISH"
    assert component["DTSTART"].dt == hour(2)
    bare = vfreebusy(window, [], uid="u", dtstamp=DAY, method_publish=False)
    assert b"METHOD" not in bare
    assert b"FREEBUSY:" not in bare.replace(b":VFREEBUSY", b"")


def test_long_lists_are_folded_at_75_octets() -> None:
    items = [(hour(2 * n), hour(2 * n + 1), Busy.BUSY) for n in range(300)]
    data = vfreebusy(Window(start=DAY, end=hour(9999)), items, uid="u", dtstamp=DAY, method_publish=False)
    assert max(map(len, data.split(b"\r\n"))) <= 75
    (component,) = Calendar.from_ical(data).walk("VFREEBUSY")
    assert len(component["FREEBUSY"]) == 300
