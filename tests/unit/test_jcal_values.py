"""jCal that comes in: every value both ways, and what is refused with its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.domain.errors import InvalidCalendarData
from gateway.domain.jcal import from_jcal, to_jcal

# What a content line can hold: no control characters, no half characters.
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.just("\n"), max_size=120)
WORD = st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True)
NUMBER = st.integers(min_value=-(10**30), max_value=10**30)
_TWO = st.integers(0, 59).map("{:02}".format)
_DAY = st.dates().map(lambda day: day.isoformat())
_TIME = st.tuples(st.integers(0, 23).map("{:02}".format), _TWO, _TWO, st.sampled_from(["", "Z"])).map(
    lambda part: f"{part[0]}:{part[1]}:{part[2]}{part[3]}"
)
_WHEN = st.tuples(_DAY, _TIME).map("T".join)
_LASTS = st.sampled_from(["P1D", "-PT15M", "P2W", "PT1H30M", "P1DT12H"])
_RULE = st.fixed_dictionaries(
    {"freq": st.sampled_from(["DAILY", "WEEKLY"])},
    optional={
        "count": st.integers(1, 99),
        "until": _WHEN,
        "byday": st.lists(st.sampled_from(["MO", "-1SU", "2TU"]), min_size=2, max_size=3),
        "bymonthday": st.integers(-31, 31),
        "x-part": st.sampled_from(["A", "b c"]),
    },
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "date": _DAY,
    "date-time": _WHEN,
    "duration": _LASTS,
    "float": st.decimals(-(10**6), 10**6, places=4, allow_nan=False).map(lambda one: float(f"{one:f}")),
    "integer": NUMBER,
    "period": st.tuples(_WHEN, _LASTS | _WHEN).map(list),
    "recur": _RULE,
    "text": TEXT,
    "time": _TIME,
    "uri": TEXT.map(lambda text: text.replace("\n", "")),
    "utc-offset": st.sampled_from(["+01:00", "-05:30", "+00:20:08"]),
    "x-kind": TEXT.map(lambda text: text.replace("\n", "")),
    "unknown": TEXT.map(lambda text: text.replace("\n", "")),
}
# Types whose values several of which may stand in one line that nobody knows.
PROPERTY = st.one_of(
    st.tuples(
        WORD.map("x-{}".format),
        st.dictionaries(WORD.map("p-{}".format), TEXT.map(lambda text: text.replace("\r", "")), max_size=2),
        st.just(kind),
        values,
    )
    for kind, values in VALUES.items()
)


def jcal(*properties: Any, kind: str = "vevent") -> bytes:
    return json.dumps(
        ["vcalendar", [["version", {}, "text", "2.0"]], [[kind, list(properties), []]]]
    ).encode()


def properties(data: bytes) -> Any:
    return json.loads(data)[2][0][1]


def same(first: Any, second: Any) -> bool:
    """Return whether two properties are alike; a rule's list of one may be its one value."""
    return json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)


@given(st.lists(PROPERTY, min_size=1, max_size=4))
@example([("x-a", {"p-b": '"^n,;:\\'}, "text", "\\n;,\\\n")])
def test_every_value_is_the_same_on_the_way_back(given_: list[Any]) -> None:
    told = [list(one) for one in given_ if not (one[2] in {"uri", "x-kind"} and "," in str(one[3]))]
    made = from_jcal(jcal(*told))
    assert all(len(line) <= 75 for line in made.ical.split(b"\r\n"))
    assert same(properties(to_jcal(made.ical)), told)


def test_lines_are_as_a_person_would_write_them() -> None:
    made = from_jcal(
        jcal(
            ["uid", {}, "text", "a"],
            ["dtstart", {"tzid": "Europe/Berlin"}, "date-time", "2026-03-10T09:00:00"],
            ["exdate", {}, "date", "2026-03-11", "2026-03-12"],
            ["rrule", {}, "recur", {"freq": "WEEKLY", "byday": ["MO", "TU"], "until": "2026-05-01", "count": 3}],
            ["categories", {}, "text", "a,b", "c"],
            ["geo", {}, "float", [52.10, -13.25]],
            ["request-status", {}, "text", ["2.0", "Good; fine"]],
            ["attendee", {"cn": 'O, "K"', "member": ["mailto:a@b", "mailto:c@d"]}, "cal-address", "mailto:e@f"],
            ["attach", {}, "binary", "QUJD"],
            ["freebusy", {}, "period", ["2026-03-10T09:00:00Z", "PT1H"]],
            ["x-num", {}, "integer", 1e2],
            ["sequence", {}, "integer", 3],
        )
    )  # fmt: skip
    assert made.ical.replace(b"\r\n ", b"").decode().split("\r\n")[3:-3] == [
        "UID:a",
        "DTSTART;TZID=Europe/Berlin:20260310T090000",
        "EXDATE;VALUE=DATE:20260311,20260312",
        "RRULE:FREQ=WEEKLY;BYDAY=MO,TU;UNTIL=20260501;COUNT=3",
        "CATEGORIES:a\\,b,c",
        "GEO:52.1;-13.25",
        "REQUEST-STATUS:2.0;Good\\; fine",
        'ATTENDEE;CN="O, ^\'K^\'";MEMBER="mailto:a@b","mailto:c@d":mailto:e@f',
        "ATTACH;VALUE=BINARY;ENCODING=BASE64:QUJD",
        "FREEBUSY:20260310T090000Z/PT1H",
        "X-NUM;VALUE=INTEGER:100",
        "SEQUENCE:3",
    ]


DEEP = b"[" * 100_000 + b"]" * 100_000
BAD: dict[str, tuple[bytes, str]] = {
    "no JSON": (b'["vcalendar",\n[],\n[}', "line 3"),
    "no UTF-8": (b'["\xff"]', "not UTF-8"),
    "deep": (DEEP, "too deep"),
    "NaN": (b'["vcalendar",[["x-a",{},"float",NaN]],[]]', "NaN"),
    "a name twice": (b'["vcalendar",[["x-a",{"A":"1","a":"2"},"text","b"]],[]]', "same name twice"),
    "an object": (b"{}", "at the top"),
    "another component": (b'["vevent",[],[]]', "/0"),
    "no array": (b'["vcalendar",{},[]]', "arrays"),
    "a bad name": (jcal(kind="v event"), "/2/0/0"),
    "nested": (b'["vcalendar",[],[["a",[],[["b",[],[["c",[],[["d",[],[["e",[],[["f",[],[]]]]]]]]]]]]]]', "deeper"),
    "short": (jcal(["uid", {}, "text"]), "/2/0/1/0"),
    "an injected property": (jcal(["uid\r\nx", {}, "text", "a"]), "/2/0/1/0/0"),
    "an END": (jcal(["end", {}, "unknown", "VEVENT"]), "/2/0/1/0/0"),
    "an injected line": (jcal(["url", {}, "uri", "a\r\nATTENDEE:x"]), "/2/0/1/0/3"),
    "a control character": (jcal(["summary", {}, "text", "a\u0000"]), "/2/0/1/0/3"),
    "half a character": (b'["vcalendar",[["x-a",{},"text","\\ud800"]],[]]', "half a character"),
    "a bad parameter": (jcal(["uid", {"a b": "c"}, "text", "a"]), "/2/0/1/0/1/a b"),
    "a parameter of a line": (jcal(["uid", {"a": "c\rd"}, "text", "a"]), "/2/0/1/0/1/a"),
    "a number as parameter": (jcal(["uid", {"a": 1}, "text", "a"]), "/2/0/1/0/1/a"),
    "VALUE": (jcal(["dtstart", {"value": "date"}, "date", "2026-01-01"]), "/2/0/1/0/1/value"),
    "no parameters": (jcal(["uid", [], "text", "a"]), "/2/0/1/0/1"),
    "no type": (jcal(["uid", {}, 1, "a"]), "/2/0/1/0/2"),
    "two values": (jcal(["summary", {}, "text", "a", "b"]), "/2/0/1/0/4"),
    "a date": (jcal(["dtstart", {}, "date", "20260101"]), "2026-03-10"),
    "a time": (jcal(["dtstart", {}, "date-time", "2026-01-01"]), "2026-03-10T09:00:00"),
    "a period": (jcal(["freebusy", {}, "period", "a/b"]), "pair"),
    "a rule": (jcal(["rrule", {}, "recur", "FREQ=DAILY"]), "object"),
    "a rule's part": (jcal(["rrule", {}, "recur", {"freq": "DAILY;COUNT=1"}]), "semicolon"),
    "a rule's empty part": (jcal(["rrule", {}, "recur", {"freq": []}]), "no value"),
    "a number": (jcal(["sequence", {}, "integer", "1"]), "number"),
    "a whole number": (jcal(["sequence", {}, "integer", 1.5]), "whole number"),
    "a huge number": (b'["vcalendar",[["x-a",{},"float",1e999999999]],[]]', "too long"),
    "no text": (jcal(["summary", {}, "text", None]), "string"),
    "no boolean": (jcal(["x-a", {}, "boolean", "true"]), "true or false"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_jcal_is_refused_with_its_place(name: str) -> None:
    data, told = BAD[name]
    with pytest.raises(InvalidCalendarData) as refused:
        from_jcal(data)
    assert told in str(refused.value)


def test_a_value_that_has_not_its_type_is_kept_as_it_is_written() -> None:
    text = (
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nPRIORITY;X-A=b:high\r\nRRULE:\r\n"
        b"RDATE;VALUE=PERIOD:20260101T000000Z/P99999999D\r\nX-B;VALUE=INTEGER:1,2\r\nGEO:1.50;2\r\n"
        b"END:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    assert properties(to_jcal(text))[1:] == [
        ["priority", {"x-a": "b"}, "unknown", "high"],
        ["rrule", {}, "unknown", ""],
        ["rdate", {}, "period", ["2026-01-01T00:00:00Z", "P99999999D"]],
        ["x-b", {}, "integer", 1, 2],
        ["geo", {}, "float", [1.5, 2]],
    ]
    assert from_jcal(to_jcal(text)).ical == text
