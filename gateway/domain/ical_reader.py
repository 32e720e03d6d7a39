"""The reader: bytes to icalendar's components, with line numbers, bounds and no shared state.

icalendar gives every value its meaning. What it would do wrongly for a server is replaced here: its time
zones live in one table per process keyed by TZID, so that one person's VTIMEZONE would move another's
events; it makes a class for every unknown component name; and it knows no limits. So times are read as wall
clocks that keep their TZID parameter (``timezone`` resolves them per object), and UTC as aware UTC.
"""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from icalendar.cal.component import Component
from icalendar.cal.component_factory import ComponentFactory
from icalendar.parser import Contentline, Parameters
from icalendar.parser.ical.component import ComponentIcalParser
from icalendar.parser.property import unescape_backslash
from icalendar.prop import TypesFactory, vRecur

from gateway.domain.errors import InvalidCalendarData
from gateway.domain.known_timezones import KnownTimezones, Line

MAX_DEPTH = 6
MAX_COMPONENTS = 20_000
MAX_PROPERTIES = 200_000
MAX_VALUES = 50_000

# Values that decide where and whether an object is: broken ones refuse it, other broken ones are kept.
ESSENTIAL = frozenset(
    {
        "DTSTART",
        "DTEND",
        "DUE",
        "DURATION",
        "RRULE",
        "EXRULE",
        "RDATE",
        "EXDATE",
        "RECURRENCE-ID",
        "UID",
        "TZID",
        "TZOFFSETFROM",
        "TZOFFSETTO",
    }
)
_LISTS = frozenset({"RDATE", "EXDATE"})
_MOMENTS = frozenset({"DTSTART", "DTEND", "DUE", "RECURRENCE-ID"})
_RULES = frozenset({"RRULE", "EXRULE"})
_OFFSETS = frozenset({"TZOFFSETFROM", "TZOFFSETTO"})
# What icalendar's types raise on values of another type than they expect.
_UNREADABLE = (ValueError, TypeError, OverflowError, AttributeError, LookupError)
_MAY_BE_EMPTY = frozenset({"RDATE", "EXDATE", "RRULE", "EXRULE", "DURATION"})
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)")
_LINE = re.compile(r"([A-Za-z0-9-]+)((?:;[A-Za-z0-9-]+=[^\"\\^;:,]*)*):(.*)", re.DOTALL)
# Google writes birthdays as RDATE:20131210Z; a date has no zone.
_DATE_IN_UTC = re.compile(r"(?<![0-9T])([0-9]{8})Z")
_FORM = re.compile(r"\d{8}(?:T\d{6}Z?)?(?:/(?:[+-]?P[0-9DHMSTW]+|\d{8}T\d{6}Z?))?", re.ASCII)
_FACTORY = ComponentFactory()
_TYPES = TypesFactory.instance()
_ZONES = KnownTimezones()


def decode(data: bytes) -> str:
    """Return the text of a calendar file.

    Raises:
        InvalidCalendarData: not UTF-8, or NUL and other control characters; the line is named.
    """
    found = _CONTROL.search(data)
    if found:
        raise InvalidCalendarData(
            "there is a NUL or another control character; remove it",
            line=data.count(b"\n", 0, found.start()) + 1,
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidCalendarData("this is not UTF-8; save the file as UTF-8", line=line) from None


def unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, unfolded content line) without the empty lines."""
    number, start = 0, 0
    parts: list[str] = []
    for line in text.split("\n"):
        number += 1
        line = line.removesuffix("\r")
        if not line:
            continue
        if line[0] in " \t" and parts:
            parts.append(line[1:])
            continue
        if parts:
            yield start, "".join(parts) if len(parts) > 1 else parts[0]
        parts = [line]
        start = number
    if parts:
        yield start, "".join(parts)


def _content_line(line: str) -> Contentline:
    return Contentline(line)  # type: ignore[no-untyped-call]  # icalendar has no types here


def split_line(line: str) -> tuple[str, Parameters | None, str]:
    """Return name (upper case), parameters (None where there are none) and raw value of an unfolded line.

    Raises:
        ValueError: it is not a content line.
    """
    match = _LINE.fullmatch(line)
    if match is None:
        name, params, value = _content_line(line).raw_parts()
        for key, content in params.items():
            # Several values of one parameter, as in TZID=Amsterdam, Berlin without the quotes it needs.
            if isinstance(content, list) and key in ("TZID", "VALUE"):
                params[key] = ",".join(content)
        return name.upper(), params, value
    name, raw, value = match.groups()
    if not raw:
        return name.upper(), None, value
    params = Parameters()
    for part in raw[1:].split(";"):
        key, _, content = part.partition("=")
        params[key] = content
    return name.upper(), params, value


def read(data: bytes) -> Component:
    """Return the one VCALENDAR of the data.

    Raises:
        InvalidCalendarData: it cannot be read; line and property are named where there are any.
    """
    calendars = read_all(data)
    if not calendars:
        raise InvalidCalendarData("there is no VCALENDAR in it")
    if len(calendars) > 1:
        raise InvalidCalendarData("there is more than one VCALENDAR in it")
    return calendars[0]


def read_all(data: bytes) -> list[Component]:
    """Return every top component of the data; see ``read``."""
    text = decode(data)
    if not text.strip():
        raise InvalidCalendarData("it is empty")
    return _Reader(text).parse()


@lru_cache(maxsize=512)
def _value_type(name: str, value_param: str | None) -> Any:
    return _TYPES.for_property(name, value_param)


class _Reader(ComponentIcalParser):
    """icalendar's parser with our lines, limits, errors and without its process-wide zone cache."""

    def __init__(self, text: str) -> None:
        super().__init__([], _FACTORY, _TYPES)
        self._lines = unfolded(text)
        self._put_back: deque[Line] = deque()
        self._line: Line = (0, "")
        self._components_begun = 0
        self._zone: tuple[Line, ...] = ()  # the lines of the VTIMEZONE that is being read

    def parse(self) -> list[Component]:
        self._stack: list[Component] = []
        self._components: list[Component] = []
        properties = 0
        for entry in iter(self._next, None):
            self._line = entry
            number, line = entry
            try:
                name, params, raw = split_line(line)
            except ValueError:
                raise InvalidCalendarData("this is not a content line (NAME:value)", line=number) from None
            if name == "BEGIN":
                self._begin(raw.strip().upper())
            elif name == "END":
                self._end(raw.strip().upper())
            else:
                properties += 1
                if properties > MAX_PROPERTIES:
                    raise InvalidCalendarData(f"there are more than {MAX_PROPERTIES} properties", line=number)
                self._property(name, params, raw, line)
        if self._stack:
            name = str(self._stack[-1].name)[:40]
            raise InvalidCalendarData(f"BEGIN:{name} has no END", line=self._stack[-1].__dict__["line"])
        return self._components

    @property
    def _line_number(self) -> int:
        return self._line[0]

    def _next(self) -> Line | None:
        return self._put_back.popleft() if self._put_back else next(self._lines, None)

    def _begin(self, name: str) -> None:
        if len(self._stack) == 1 and name == "VTIMEZONE" and self._is_known_zone():
            return
        self._components_begun += 1
        if len(self._stack) >= MAX_DEPTH:
            raise InvalidCalendarData(
                f"components are nested deeper than {MAX_DEPTH}", line=self._line_number
            )
        if self._components_begun > MAX_COMPONENTS:
            raise InvalidCalendarData(
                f"there are more than {MAX_COMPONENTS} components", line=self._line_number
            )
        if not self._stack and name != "VCALENDAR":
            raise InvalidCalendarData("it must begin with BEGIN:VCALENDAR", line=self._line_number)
        if not re.fullmatch(r"[A-Z0-9-]+", name):
            raise InvalidCalendarData("BEGIN needs a component name", line=self._line_number)
        known = _FACTORY.get(name)
        component = known() if known is not None else Component()
        # Attributes of this one component: where it begins, and its name if icalendar has no class for it.
        component.__dict__["line"] = self._line_number
        if known is None:
            component.__dict__["name"] = name
        self._stack.append(component)

    def _is_known_zone(self) -> bool:
        """Take a VTIMEZONE as it was read before; return False where these lines are new."""
        block = _ZONES.block(self._line, iter(self._next, None))
        known = _ZONES.find(block)
        if known is None:
            self._zone = block
            self._put_back.extend(block[1:])
            return False
        self._components_begun += 1 + len(known.subcomponents)
        self._stack[-1].subcomponents.append(known)
        return True

    def _end(self, name: str) -> None:
        if not self._stack or self._stack[-1].name != name:
            expected = f"END:{self._stack[-1].name}"[:40] if self._stack else "BEGIN"
            raise InvalidCalendarData(f"END does not match; {expected} was expected", line=self._line_number)
        component = self._stack.pop()
        (self._stack[-1].subcomponents if self._stack else self._components).append(component)
        # Only where the block is the whole component: it may hold another one inside.
        if len(self._stack) == 1 and self._zone and self._line == self._zone[-1]:
            _ZONES.keep(self._zone, component)

    def _property(self, name: str, params: Parameters | None, raw: str, line: str) -> None:
        if not self._stack:
            if name == "X-COMMENT":
                return
            raise InvalidCalendarData("it must begin with BEGIN:VCALENDAR", line=self._line_number)
        if name in _LISTS and raw.count(",") > MAX_VALUES:
            raise InvalidCalendarData("too many values", line=self._line_number, property_name=name)
        if name == "CATEGORIES":
            listed = Parameters() if params is None else params
            listed.pop("VALUE", None)  # they are texts, whatever it says
            self.handle_categories(listed, raw, _content_line(line))
            return
        value_param = params.get("VALUE") if params is not None else None
        factory = _value_type(name, value_param.upper() if isinstance(value_param, str) else None)
        # Dates have no escapes; what reads the line again later does not look for any.
        keeps_raw = hasattr(factory, "get_value_from_content_line") or name in _MOMENTS or name in _LISTS
        value = raw if keeps_raw or "\\" not in raw else unescape_backslash(raw)
        values = value.split(",") if name == "FREEBUSY" else [value]
        if name in _MAY_BE_EMPTY and not value.strip():
            return
        for item in values:
            self._add(name, params, item, factory)

    def _add(self, name: str, params: Parameters | None, value: str, factory: Any) -> None:
        component = self._stack[-1]
        if name in _LISTS:
            value = _DATE_IN_UTC.sub(r"\1", value)
        try:
            parsed = factory(factory.from_ical(value.strip() if name in ESSENTIAL else value))
            if name in ESSENTIAL and not _fits(name, parsed, value):
                raise TypeError(name)
        except _UNREADABLE as error:
            if name in ESSENTIAL:
                raise InvalidCalendarData(
                    "the value cannot be read", line=self._line_number, property_name=name
                ) from None
            self.handle_property_parse_error(error, name, params or Parameters(), value, _content_line(""))
            return
        if params is not None:
            parsed.params = params
        if name in ESSENTIAL and hasattr(parsed, "__dict__"):
            parsed.line = self._line_number
            parsed.raw = value
        _put(component, name, parsed)

    def handle_property_parse_error(
        self,
        exception: Exception,
        name: str,
        params: Parameters,
        val: str,
        line: Contentline,  # noqa: ARG002 - icalendar's signature
    ) -> None:
        """Keep a broken value that decides nothing as icalendar's ``vBroken``."""
        from icalendar.prop import vBroken

        broken = vBroken.from_parse_error(
            raw_value=val, params=params, property_name=name, expected_type="unknown", error=exception
        )
        self._stack[-1].errors.append((name, "the value cannot be read"))
        _put(self._stack[-1], name, broken)


def _fits(name: str, parsed: Any, text: str) -> bool:
    """Return whether a value is of a type that the property can have: VALUE may name any.

    Dates are compared with their text too: icalendar reads blanks, signs and the digits of other scripts.
    """
    if name in _MOMENTS:
        return isinstance(parsed.dt, date) and _FORM.fullmatch(text.strip()) is not None
    if name in _LISTS:
        forms = all(_FORM.fullmatch(part.strip()) for part in text.split(",") if part.strip())
        return forms and all(isinstance(item.dt, date | tuple) for item in parsed.dts)
    if name == "DURATION":
        return isinstance(parsed.dt, timedelta)
    if name in _RULES:
        return isinstance(parsed, vRecur)
    if name in _OFFSETS:
        return isinstance(parsed.td, timedelta)
    return isinstance(parsed, str)


def _put(component: Component, name: str, value: Any) -> None:
    """Add a value as ``Component.add`` does, for a name that is upper case already."""
    old = OrderedDict.get(component, name)
    if old is None:
        OrderedDict.__setitem__(component, name, value)
    elif isinstance(old, list):
        old.append(value)
    else:
        OrderedDict.__setitem__(component, name, [old, value])


def values_of(component: Component, name: str) -> list[Any]:
    """Return every value of a property of one component, in the order of the file."""
    value = OrderedDict.get(component, name)
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def text_of(component: Component, name: str) -> str | None:
    """Return the first value of a text property, stripped, or None where it is absent or empty."""
    values = values_of(component, name)
    text = str(values[0]).strip() if values else ""
    return text or None
