"""Random calendar objects and random filters on them, from few values, so that they meet often.

What the RFCs leave open is not written: an end that is no later than its start, a rule that does not mean its
own DTSTART, an alarm that hangs on an end or a start which is not there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import escape, quoteattr

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

NS = 'xmlns:C="urn:ietf:params:xml:ns:caldav"'
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata")
# Both zones change their clocks in this month.
DAYS = [datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=days) for days in (0, 6, 7, 9, 27, 28, 29, 33)]
HOURS = (0, 1, 2, 8, 9, 22, 23)
WORDS = ("Alpha", "alpha", "BETA", "Grüße", "GRÜSSE", "a\\, b", "É", "é", "e\u0301")
PARTS = ("a", "ALPHA", "beta", "grü", "GRÜ", "a, b", "é", "É", "e\u0301", "", "nowhere")
STATUS = {
    "VEVENT": ("CONFIRMED", "TENTATIVE"),
    "VTODO": ("NEEDS-ACTION", "COMPLETED"),
    "VJOURNAL": ("DRAFT",),
}
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

kinds = st.sampled_from(["VEVENT", "VEVENT", "VTODO", "VJOURNAL"])
moments = st.builds(lambda day, hour: day.replace(hour=hour), st.sampled_from(DAYS), st.sampled_from(HOURS))


@st.composite
def time_lines(draw: DrawFn, kind: str) -> tuple[list[str], datetime, str]:
    """Return (lines with start, end and rule, the start as wall clock, how times are written)."""
    begins = draw(moments)
    form = draw(st.sampled_from(["utc", "floating", "date", *ZONES[:2]]))
    lines = [f"DTSTART{written(begins, form)}"]
    end = {"VEVENT": "DTEND", "VTODO": "DUE"}.get(kind)
    if end is not None:
        how = draw(st.sampled_from(["none", "end", "length"]))
        days, hours = draw(
            st.sampled_from([(1, 0), (3, 0)] if form == "date" else [(0, 1), (0, 26), (2, 0), (0, 0)])
        )
        if how == "end" and (days or hours):
            lines.append(f"{end}{written(begins + timedelta(days=days, hours=hours), form)}")
        elif how == "length":
            lines.append(f"DURATION:P{days}D" if days else f"DURATION:PT{hours}H")
    if draw(st.integers(0, 2)) == 0:
        lines += draw(rule_lines(begins, form))
    return lines, begins, form


@st.composite
def rule_lines(draw: DrawFn, begins: datetime, form: str) -> list[str]:
    freq = draw(st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]))
    rule = [f"FREQ={freq}"]
    if draw(st.booleans()):
        rule.append(f"INTERVAL={draw(st.integers(1, 3))}")
    if freq == "WEEKLY" and draw(st.booleans()):
        own = WEEKDAYS[begins.weekday()]
        rule.append("BYDAY=" + ",".join({own, draw(st.sampled_from(WEEKDAYS))}))
    bound = draw(st.sampled_from(["", "count", "until"]))
    if bound == "count":
        rule.append(f"COUNT={draw(st.integers(1, 5))}")
    elif bound == "until":
        last = begins + timedelta(days=draw(st.integers(0, 40)))
        rule.append(
            f"UNTIL={last:%Y%m%d}" if form in {"date", "floating"} else f"UNTIL={last:%Y%m%dT%H%M%SZ}"
        )
    lines = [f"RRULE:{';'.join(rule)}"]
    lines += [
        f"{name}{written(begins + timedelta(days=draw(st.integers(0, 3))), form)}"
        for name in ("EXDATE", "RDATE")
        if draw(st.integers(0, 2)) == 0
    ]
    return lines


def written(moment: datetime, form: str) -> str:
    """Return a date or time as a content line ends: parameters, colon, value."""
    if form == "date":
        return f";VALUE=DATE:{moment:%Y%m%d}"
    if form == "utc":
        return f":{moment:%Y%m%dT%H%M%SZ}"
    return f":{moment:%Y%m%dT%H%M%S}" if form == "floating" else f";TZID={form}:{moment:%Y%m%dT%H%M%S}"


@st.composite
def text_lines(draw: DrawFn, kind: str) -> list[str]:
    lines = [
        f"{name}:{draw(st.sampled_from(WORDS))}"
        for name in ("SUMMARY", "LOCATION", "CATEGORIES", "X-NOTE")
        if draw(st.integers(0, 3))
    ]
    if draw(st.booleans()):
        lines.append(f"STATUS:{draw(st.sampled_from(STATUS[kind]))}")
    if draw(st.booleans()):
        lines.append(f"CREATED:{draw(moments):%Y%m%dT%H%M%SZ}")
    for login in draw(st.sets(st.sampled_from(["ann", "ben"]))):
        state = draw(st.sampled_from(["", ";PARTSTAT=ACCEPTED", ";PARTSTAT=DECLINED", ';CN="Ann, A"']))
        lines.append(f"ATTENDEE{state}:mailto:{login}@example.org")
    return lines


@st.composite
def alarms(draw: DrawFn, *, has_end: bool) -> list[str]:
    lines = ["BEGIN:VALARM", f"ACTION:{draw(st.sampled_from(['DISPLAY', 'AUDIO']))}", "DESCRIPTION:x"]
    how = draw(st.sampled_from(["START", "END", "absolute"] if has_end else ["START", "absolute"]))
    if how == "absolute":
        lines.append(f"TRIGGER;VALUE=DATE-TIME:{draw(moments):%Y%m%dT%H%M%SZ}")
    else:
        related = ";RELATED=END" if how == "END" else draw(st.sampled_from(["", ";RELATED=START"]))
        lines.append(
            f"TRIGGER{related}:{draw(st.sampled_from(['PT0S', '-PT1H', '-P1D', 'PT30M', '-P500D']))}"
        )
    if draw(st.booleans()):
        lines += [f"REPEAT:{draw(st.integers(1, 3))}", f"DURATION:{draw(st.sampled_from(['PT1H', 'P1D']))}"]
    return [*lines, "END:VALARM"]


@st.composite
def components(draw: DrawFn, uid: str, kind: str) -> list[str]:
    """Return the components of one object: a master, and perhaps an override of it."""
    head = [f"BEGIN:{kind}", f"UID:{uid}", "DTSTAMP:20260101T000000Z"]
    lines: list[str] = []
    begins, form = DAYS[0], "utc"
    if kind == "VEVENT" or draw(st.integers(0, 2)):
        lines, begins, form = draw(time_lines(kind))
    if kind == "VTODO" and not lines and draw(st.booleans()):
        lines.append(f"DUE{written(draw(moments), draw(st.sampled_from(['utc', 'floating', 'date'])))}")
    if kind == "VTODO" and draw(st.booleans()):
        lines.append(f"COMPLETED:{draw(moments):%Y%m%dT%H%M%SZ}")
    texts = draw(text_lines(kind))
    is_timed = any(line.startswith("DTSTART") for line in lines)
    has_end = kind == "VEVENT" or any(line.startswith(("DUE", "DURATION")) for line in lines)
    bells = draw(alarms(has_end=has_end)) if is_timed and kind != "VJOURNAL" and draw(st.booleans()) else []
    found = [*head, *lines, *texts, *bells, f"END:{kind}"]
    if any(line.startswith("RRULE") for line in lines) and draw(st.booleans()):
        found += draw(override(kind, head, begins, form))
    return found


@st.composite
def override(draw: DrawFn, kind: str, head: Sequence[str], begins: datetime, form: str) -> list[str]:
    lines = [f"RECURRENCE-ID{written(begins, form)}", f"DTSTART{written(draw(moments), form)}"]
    if kind in {"VEVENT", "VTODO"} and draw(st.booleans()):
        lines.append("DURATION:P1D" if form == "date" else "DURATION:PT2H")
    has_end = kind == "VEVENT" or len(lines) > 2
    bells = draw(alarms(has_end=has_end)) if kind != "VJOURNAL" and draw(st.booleans()) else []
    return [*head, *lines, *draw(text_lines(kind)), *bells, f"END:{kind}"]


@st.composite
def objects(draw: DrawFn, uid: str = "one", kind: str = "VEVENT") -> bytes:
    """Return one calendar object."""
    inner = draw(components(uid, kind))
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", *inner, "END:VCALENDAR", ""]
    return "\r\n".join(lines).encode()


# -- filters -------------------------------------------------------------------------------------------


@st.composite
def time_ranges(draw: DrawFn) -> str:
    start = draw(moments)
    end = start + draw(
        st.sampled_from([timedelta(seconds=1), timedelta(hours=1), timedelta(days=7), timedelta(days=40)])
    )
    kept = draw(st.sampled_from(["both", "both", "start", "end"]))
    written_ = f' start="{start:%Y%m%dT%H%M%SZ}"' if kept != "end" else ""
    written_ += f' end="{end:%Y%m%dT%H%M%SZ}"' if kept != "start" else ""
    return f"<C:time-range{written_}/>"


@st.composite
def text_matches(draw: DrawFn, parts: Sequence[str] = PARTS) -> str:
    collation = draw(st.sampled_from(["", "i;ascii-casemap", "i;octet", "i;unicode-casemap"]))
    attributes = f" collation={quoteattr(collation)}" if collation else ""
    negated = draw(st.sampled_from(["", "yes", "no"]))
    attributes += f' negate-condition="{negated}"' if negated else ""
    return f"<C:text-match{attributes}>{escape(draw(st.sampled_from(parts)))}</C:text-match>"


@st.composite
def prop_filters(draw: DrawFn) -> str:
    name = draw(
        st.sampled_from(["SUMMARY", "LOCATION", "CATEGORIES", "X-NOTE", "STATUS", "UID", "CREATED", "COMPLETED",
                         "DTSTART", "ATTENDEE"])
    )  # fmt: skip
    if draw(st.integers(0, 9)) == 0:
        return f'<C:prop-filter name="{name}"><C:is-not-defined/></C:prop-filter>'
    inner = ""
    if name in {"CREATED", "COMPLETED", "DTSTART"}:
        inner = draw(time_ranges())
    elif name == "ATTENDEE":
        inner = draw(st.sampled_from(["", "<C:text-match>ANN@</C:text-match>"]))
        if draw(st.booleans()):
            inner += draw(param_filters())
    elif draw(st.booleans()):
        inner = draw(text_matches(("one", "ON", "COMPLETED", "tent") if name in {"UID", "STATUS"} else PARTS))
    return f'<C:prop-filter name="{name}">{inner}</C:prop-filter>'


@st.composite
def param_filters(draw: DrawFn) -> str:
    name = draw(st.sampled_from(["PARTSTAT", "CN"]))
    inner = draw(
        st.one_of(
            st.just(""), st.just("<C:is-not-defined/>"), text_matches(("acc", "DECLINED", "Ann, A", "n"))
        )
    )
    return f'<C:param-filter name="{name}">{inner}</C:param-filter>'


@st.composite
def alarm_filters(draw: DrawFn) -> str:
    inner = draw(
        st.sampled_from(["", "<C:is-not-defined/>", "range", "range",
                         '<C:prop-filter name="ACTION"><C:text-match>audio</C:text-match></C:prop-filter>'])
    )  # fmt: skip
    if inner == "range":
        inner = draw(time_ranges())
    return f'<C:comp-filter name="VALARM">{inner}</C:comp-filter>'


@st.composite
def comp_filters(draw: DrawFn, kind: str) -> str:
    if draw(st.integers(0, 9)) == 0:
        return f'<C:comp-filter name="{kind}"><C:is-not-defined/></C:comp-filter>'
    inner = draw(time_ranges()) if draw(st.booleans()) else ""
    inner += "".join(draw(st.lists(prop_filters(), max_size=2)))
    if kind != "VJOURNAL" and draw(st.integers(0, 2)) == 0:
        inner += draw(alarm_filters())
    return f'<C:comp-filter name="{kind}">{inner}</C:comp-filter>'


@st.composite
def filters(draw: DrawFn, kind: str) -> str:
    """Return a CALDAV:filter, most of the time about one kind of components."""
    inner = draw(comp_filters(kind)) if draw(st.integers(0, 9)) else ""
    if draw(st.integers(0, 9)) == 0:
        inner += draw(comp_filters(draw(kinds)))
    return f'<C:filter {NS}><C:comp-filter name="VCALENDAR">{inner}</C:comp-filter></C:filter>'


@st.composite
def calendars(draw: DrawFn) -> tuple[list[bytes], list[str]]:
    """Return the objects of a calendar, their UIDs counted from 0, and filters on it."""
    shown = [draw(objects(str(number), draw(kinds))) for number in range(draw(st.integers(3, 8)))]
    return shown, [draw(filters(draw(kinds))) for _ in range(8)]


@st.composite
def cases(draw: DrawFn) -> tuple[bytes, list[str]]:
    """Return an object and filters that could find it."""
    kind = draw(kinds)
    return draw(objects(kind=kind)), draw(st.lists(filters(kind), min_size=1, max_size=4))
