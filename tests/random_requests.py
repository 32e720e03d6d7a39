"""Requests that no client would send: random XML from names that the server knows, objects with odd lines.

What is random comes from the caller, so that a failure can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from xml.sax.saxutils import escape, quoteattr

from tests.dav_world import PREFIXES, make_event


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


DECLARED = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in {**PREFIXES, "X": "urn:x"}.items())
ROOTS = _words(
    "D:propfind D:propertyupdate D:sync-collection C:calendar-query C:calendar-multiget C:free-busy-query"
    " D:principal-property-search D:principal-search-property-set D:principal-match D:expand-property"
    " CS:calendarserver-principal-search C:mkcalendar D:mkcol D:acl-principal-prop-set X:odd"
)
NAMES = _words(
    "D:prop D:allprop D:propname D:include D:set D:remove D:getetag D:resourcetype D:displayname D:acl D:owner"
    " D:sync-token D:sync-level D:limit D:nresults D:href D:property D:property-search D:match D:self"
    " D:supported-report-set D:quota-used-bytes D:getlastmodified D:creationdate D:getcontentlength"
    " C:calendar-data C:comp C:prop C:allprop C:allcomp C:expand C:limit-recurrence-set C:limit-freebusy-set"
    " C:filter C:comp-filter C:prop-filter C:param-filter C:time-range C:text-match C:is-not-defined C:timezone"
    " C:timezone-id C:calendar-timezone C:calendar-timezone-id C:schedule-calendar-transp C:opaque"
    " C:supported-calendar-component-set C:calendar-availability C:calendar-home-set CS:search-token CS:limit"
    " CS:nresults CS:getctag IC:calendar-color IC:calendar-order X:any"
)
ATTRIBUTES = _words(
    "name start end collation negate-condition test match-type content-type version novalue namespace context"
)
DATES = _words(
    "20260301T000000Z 20260401T000000Z 00010101T000000Z 99991231T235959Z 20260310T090000Z 20261301T000000Z x"
    " 20260310 -1 20260310T090000 00000101T000000Z 20260229T000000Z 99999999T999999Z 20260310T235960Z"
)
COMPONENTS = _words("VCALENDAR VEVENT VTODO VJOURNAL VALARM VTIMEZONE VAVAILABILITY VFREEBUSY X-A")
PROPERTIES = _words("UID SUMMARY DTSTART DTEND ATTENDEE PARTSTAT TZID RRULE TRIGGER CATEGORIES")
WORDS = (
    *COMPONENTS, *PROPERTIES, "i;octet", "i;ascii-casemap", "i;unicode-casemap", "i;nope", "yes", "no", "anyof",
    "equals", "application/calendar+json", "2.0", "1", "0", "infinite", "-5", "9" * 30, "\u0661", "é", "ß",
    "a" * 3000, "%", "\\", "'", '"', "Europe/Berlin", "../../etc/passwd", "DAV:", "displayname", "#ff0000", "red",
    "urn:calgate:sync:1", "/dav/bob/free/s1.ics", "/dav/", "/dav/bob/free/%ff", "http://x/dav/bob/", "", " \n",
    "BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:X\nEND:VTIMEZONE\nEND:VCALENDAR",
)  # fmt: skip
LINES = (
    "RRULE:FREQ=DAILY", "RRULE:FREQ=MONTHLY;BYDAY=5MO;BYSETPOS=-1", "RRULE:FREQ=YEARLY;BYWEEKNO=53;BYYEARDAY=366",
    "RRULE:FREQ=HOURLY;INTERVAL=99999999999", f"RRULE:FREQ=DAILY;COUNT={'9' * 20}",
    "RRULE:FREQ=DAILY;UNTIL=00000101", "RRULE:FREQ=WEEKLY;BYDAY=;INTERVAL=0", "RRULE:", "DURATION:PT1H",
    "RRULE:FREQ=DAILY;COUNT=3", "RDATE;VALUE=PERIOD:20260101T000000Z/P99999999D", "DTSTART:20260310T 90000Z",
    "DURATION:P99999999999999W", "TRIGGER:-P99999999999999D", "TRIGGER:nonsense", "DTSTART:00010101T000000Z",
    "DTEND:99991231T235959", "DTSTART:99991231T235959Z", "DTSTART;TZID=Nope/Nope:20260101T000000",
    "DTSTART;TZID=Old:20260101T000000", "EXDATE;VALUE=DATE:20260310,,", "EXDATE:20260310\\T090000Z",
    "EXDATE:2026031\u0660T090000Z", "RECURRENCE-ID;RANGE=THISANDFUTURE:20260310T090000Z", "CLASS:PRIVATE",
    "GEO:1;2;3", "X-CALGATE-KIND:hold", "BEGIN:VALARM", "END:VALARM", "METHOD:REQUEST", "SEQUENCE:x",
    "DTSTART;VALUE=DATE:20260310", "DTEND;VALUE=DATE:20260311", 'ATTENDEE;CN="a;b":mailto:x', "no line at all",
    "STATUS:CANCELLED", "PRIORITY;X-A=^n:1", "CATEGORIES:a\\,b,c", f"SUMMARY:{'x' * 900}",
)  # fmt: skip
OLD_ZONE = (
    "BEGIN:VTIMEZONE\r\nTZID:Old\r\nBEGIN:STANDARD\r\nDTSTART:00010101T000000\r\nTZOFFSETFROM:+0200\r\n"
    "TZOFFSETTO:+0100\r\nEND:STANDARD\r\nEND:VTIMEZONE\r\n"
)
HEADERS: dict[str, Sequence[str]] = {
    "HTTP_DEPTH": ("0", "1", "1", "infinity", "2"),
    "HTTP_PREFER": ("return=minimal", "return=representation", "depth-noroot", 'a="b', 'return="'),
    "HTTP_IF": ("(<x>)", '(["x"])', "(Not <DAV:no-lock>)", "<", '<http://x/dav/bob/free/>(["x"])'),
    "HTTP_IF_MATCH": ("*", '"x"', 'W/"x"', "x,,y", '"'),
    "HTTP_IF_UNMODIFIED_SINCE": ("x", "Mon, 02 Mar 2026 09:00:00 GMT", "Mon, 99 Mar 99999 09:00:00"),
    "HTTP_ACCEPT": ("application/calendar+json", "*/*;q=0", "text/calendar;q=2"),
    "HTTP_CALDAV_TIMEZONES": ("F", "T", "x"),
}


@dataclass(slots=True)
class Sent:
    """One request; ``path`` lies below the mount."""

    method: str
    path: str
    body: bytes = b""
    kind: str = "text/xml"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Requests:
    """A source of requests."""

    random: Random
    token: str = "urn:x"

    def request(self, login: str) -> Sent:
        """Return the next request of a person."""
        pick, calendar = self.random.choice, f"/{login}/free/"
        name = f"{calendar}f{self.random.randrange(40)}.ics"
        makers: list[Callable[[], Sent]] = [
            lambda: Sent("REPORT", calendar, self._mutated(self._query())),
            lambda: Sent("REPORT", calendar, self._mutated(self._sync())),
            lambda: Sent("REPORT", self._path(login), self._mutated(self._element(pick(ROOTS), 0))),
            lambda: Sent("PROPFIND", self._path(login), self._mutated(self._propfind())),
            lambda: Sent("PROPPATCH", self._path(login), self._mutated(self._patch())),
            lambda: Sent("PUT", name, self._mutated(self._object()), "text/calendar"),
            lambda: Sent("POST", calendar, self._mutated(self._object()), "text/calendar"),
            lambda: Sent("PUT", name, self._mutated(self._jcal()), "application/calendar+json"),
            lambda: Sent("GET", name),
            lambda: Sent(
                pick(["COPY", "MOVE"]), name, headers={"HTTP_DESTINATION": f"/dav/{login}/room/x.ics"}
            ),
        ]
        sent = pick(makers)()
        for header, values in HEADERS.items():
            if self.random.random() < (0.6 if header == "HTTP_DEPTH" else 0.1):
                sent.headers[header] = pick(values)
        return sent

    def _path(self, login: str) -> str:
        return self.random.choice(
            [
                "/",
                "/@principals/",
                "/@principals/room/",
                f"/{login}/",
                f"/{login}/free/",
                f"/{login}/free/f1.ics",
            ]
        )

    def _word(self) -> str:
        return self.random.choice([*WORDS, *DATES, self.token, f"{self.token}:listing-3"])

    def _element(self, name: str, depth: int) -> str:
        wanted = self.random.sample(ATTRIBUTES, self.random.choice([0, 0, 1, 2]))
        attributes = "".join(f" {one}={quoteattr(self._word())}" for one in wanted)
        count = self.random.choice([0, 0, 1, 1, 2, 3]) if depth < 6 else 0
        inner = "".join(self._element(self.random.choice(NAMES), depth + 1) for _ in range(count))
        text = escape(self._word()) if self.random.random() < 0.5 else ""
        return f"<{name}{'' if depth else ' ' + DECLARED}{attributes}>{text}{inner}</{name}>"

    def _propfind(self) -> str:
        inner = "".join(self._element(self.random.choice(NAMES), 5) for _ in range(3))
        return f"<D:propfind {DECLARED}><D:prop>{inner}</D:prop></D:propfind>"

    def _patch(self) -> str:
        step = self.random.choice(["set", "remove"])
        inner = "".join(self._element(self.random.choice(NAMES), 5) for _ in range(2))
        return (
            f"<D:propertyupdate {DECLARED}><D:{step}><D:prop>{inner}</D:prop></D:{step}></D:propertyupdate>"
        )

    def _span(self, name: str) -> str:
        pick = self.random.choice
        return f'<C:{name} start="{pick(DATES)}" end="{pick(DATES)}"/>'

    def _data(self) -> str:
        kind = self.random.choice(["", "", ' content-type="application/calendar+json"'])
        inner = self.random.choice(["", self._span("expand"), self._span("limit-recurrence-set")])
        return f"<C:calendar-data{kind}>{inner}</C:calendar-data>"

    def _sync(self) -> str:
        token = self.random.choice(["", self._word()])
        limit = f"<D:limit><D:nresults>{escape(self._word())}</D:nresults></D:limit>"
        return (
            f"<D:sync-collection {DECLARED}><D:sync-token>{escape(token)}</D:sync-token><D:sync-level>1"
            f"</D:sync-level>{self.random.choice(['', limit])}<D:prop>{self._data()}</D:prop></D:sync-collection>"
        )

    def _query(self) -> str:
        zone = self.random.choice(["", "", f"<C:timezone-id>{escape(self._word())}</C:timezone-id>"])
        return (
            f"<C:calendar-query {DECLARED}><D:prop><D:getetag/>{self._data()}</D:prop><C:filter>"
            f"{self._comp_filter('VCALENDAR', 0)}</C:filter>{zone}</C:calendar-query>"
        )

    def _comp_filter(self, name: str, depth: int) -> str:
        pick, parts = self.random.choice, []
        if depth and self.random.random() < 0.4:
            parts.append(self._span("time-range"))
        for _ in range(pick([0, 0, 1, 2])):
            test = pick(
                ["", "<C:is-not-defined/>", self._span("time-range"), f"<C:text-match>{escape(self._word())}</C:text-match>"]
            )  # fmt: skip
            parts.append(f'<C:prop-filter name="{pick(PROPERTIES)}">{test}</C:prop-filter>')
        count = pick([0, 1, 1, 2]) if depth < 4 else 0
        parts += [self._comp_filter(pick(COMPONENTS), depth + 1) for _ in range(count)]
        return f'<C:comp-filter name="{name}">{"".join(parts)}</C:comp-filter>'

    def _object(self) -> str:
        uid = f"u{self.random.randrange(60)}"
        lines = self.random.choices(LINES, k=self.random.choice([0, 1, 1, 2, 3]))
        text = make_event(uid, *lines).decode()
        if self.random.random() < 0.3:  # one of the times is another line's
            text = text.replace("DTEND:20260310T100000Z\r\n", "")
        return text.replace("BEGIN:VEVENT\r\n", f"{OLD_ZONE}BEGIN:VEVENT\r\n", 1)

    def _jcal(self) -> str:
        values = [
            '"x"',
            "1",
            "1e999",
            "[]",
            "{}",
            "null",
            '"2026-03-10"',
            '{"freq":"DAILY"}',
            '"a\\nb"',
            "true",
        ]
        kinds = ["text", "date", "date-time", "recur", "period", "integer", "unknown", "x-a"]
        names = ["uid", "dtstart", "dtend", "rrule", "rdate", "geo", "x-b", "sequence", "end", "a b"]
        pick = self.random.choice
        odd = "".join(
            f',["{pick(names)}",{{}},"{pick(kinds)}",{pick(values)}]' for _ in range(pick([0, 1, 1, 2]))
        )
        return (
            f'["vcalendar",[["version",{{}},"text","2.0"]],[["vevent",[["uid",{{}},"text","j{pick(range(40))}"],'
            f'["dtstart",{{}},"date-time","2026-03-10T09:00:00Z"]{odd}],[]]]]'
        )

    def _mutated(self, text: str) -> bytes:
        data = bytearray(text.encode())
        if self.random.random() < 0.85:
            return bytes(data)
        for _ in range(self.random.choice([1, 1, 2, 5])):
            place = self.random.randrange(len(data))
            how = self.random.randrange(4)
            if how == 0:
                data[place] = self.random.randrange(256)
            elif how == 1:
                del data[place : place + self.random.randrange(1, 20)]
            elif how == 2:
                data[place:place] = data[place : place + self.random.randrange(1, 40)]
            else:
                data[place:place] = self.random.choice(
                    [b"<", b"&", b"&#0;", b"]]>", b"\xff", b"\0", b"<!DOCTYPE a>"]
                )
            data = data or bytearray(b"x")
        return bytes(data)
