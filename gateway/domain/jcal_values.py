"""The value types of jCal (RFC 7265 §3.6), each in both directions: the text of iCalendar, and JSON.

Nothing is understood here beyond its form: what has not the form of its type is a ``ValueError``, and no
number or date is ever rounded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

UNKNOWN = "unknown"
# The type of a property whose line names none (RFC 5545, 7953, 7986, 9073, 9074, 9253).
DEFAULT_TYPES: Mapping[str, str] = {
    name: kind
    for kind, names in {
        "text": "action busytype calscale categories class color comment contact description location"
        " location-type method name participant-type prodid proximity related-to request-status resource-type"
        " resources status summary transp tzid tzid-alias-of tzname uid version",
        "uri": "attach concept source tzurl url",
        "cal-address": "attendee calendar-address organizer",
        "date-time": "acknowledged completed created dtend dtstamp dtstart due exdate last-modified rdate"
        " recurrence-id tzuntil",
        "duration": "duration trigger",
        "period": "freebusy",
        "recur": "exrule rrule",
        "integer": "percent-complete priority repeat sequence",
        "float": "geo",
        "utc-offset": "tzoffsetfrom tzoffsetto",
    }.items()
    for name in names.split()
}
# Properties whose line holds several values, or one of several parts.
MULTIPLE = frozenset({"categories", "exdate", "freebusy", "rdate", "resources"})
STRUCTURED = frozenset({"geo", "request-status"})
_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)Z?", re.ASCII)  # Google writes dates of birthdays with a Z
_TIME = re.compile(r"(\d\d)(\d\d)(\d\d)(Z?)", re.ASCII)
_OFFSET = re.compile(r"([+-]\d\d)(\d\d)(\d\d)?", re.ASCII)
_J_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_J_TIME = re.compile(r"(\d\d):(\d\d):(\d\d)(Z?)", re.ASCII)
_J_OFFSET = re.compile(r"([+-]\d\d):(\d\d)(?::(\d\d))?", re.ASCII)
_DURATION = re.compile(r"[+-]?P(?=[\dT])(?:\d+[WD])*(?:T(?:\d+[HMS])+)?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,300}", re.ASCII)
_FLOAT = re.compile(r"[+-]?\d{1,300}(?:\.\d{1,300})?", re.ASCII)
_PLAIN = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?", re.ASCII)
_ESCAPED = re.compile(r"\\([\\;,nN])")
_UNESCAPED = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})
_RULE_NUMBERS = frozenset(
    {
        "byhour",
        "byminute",
        "bymonth",
        "bymonthday",
        "bysecond",
        "bysetpos",
        "byweekno",
        "byyearday",
        "count",
        "interval",
    }
)
_RULE_PART = re.compile(r"[A-Za-z0-9-]+")
_RULE_VALUE = re.compile(r"[^,;]*")
_MAX_EXPONENT = 300


class Misfit(ValueError):
    """A value has not the form of its type; the message says what belongs there."""


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number as it is written: a float would round it."""

    literal: str

    def as_ical(self) -> str:
        """Return it without an exponent, which iCalendar does not have.

        Raises:
            Misfit: it is too large or too small to be written out.
        """
        if _PLAIN.fullmatch(self.literal):
            return self.literal
        value = Decimal(self.literal)
        exponent = value.as_tuple().exponent
        if (
            not isinstance(exponent, int)
            or abs(exponent) > _MAX_EXPONENT
            or len(self.literal) > _MAX_EXPONENT
        ):
            raise Misfit("the number is too long")
        return format(value, "f")


def dumps(tree: Any) -> str:  # Any: JSON
    """Return JSON in which a `Number` stands as it was written."""
    numbers: list[str] = []

    def keep(value: object) -> str:
        if not isinstance(value, Number):
            raise TypeError(type(value).__name__)
        numbers.append(value.literal)
        return f"\0{len(numbers) - 1}"

    text = json.dumps(tree, ensure_ascii=False, separators=(",", ":"), default=keep)
    # No text of a calendar object holds a NUL.
    return re.sub(r'"\\u0000(\d+)"', lambda found: numbers[int(found[1])], text) if numbers else text


# -- from iCalendar -----------------------------------------------------------------------------------------


def _matched(pattern: re.Pattern[str], text: str) -> re.Match[str]:
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return found


def unescape(text: str) -> str:
    """Return a TEXT value as it is read (RFC 5545 §3.3.11); other backslashes stay."""
    if "\\" not in text:
        return text
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], text)


def split_escaped(text: str, mark: str) -> list[str]:
    """Return the parts between marks that no backslash takes away."""
    if "\\" not in text:
        return text.split(mark)
    parts, start, place = [], 0, 0
    while place < len(text):
        if text[place] == "\\":
            place += 2
            continue
        if text[place] == mark:
            parts.append(text[start:place])
            start = place + 1
        place += 1
    return [*parts, text[start:]]


def _date(text: str) -> str:
    return "-".join(_matched(_DATE, text).groups())


def _time(text: str) -> str:
    hour, minute, second, utc = _matched(_TIME, text).groups()
    return f"{hour}:{minute}:{second}{utc}"


def _date_time(text: str) -> str:
    day, mark, time = text.partition("T")
    if not mark:
        raise ValueError(text)
    return f"{_date(day)}T{_time(time)}"


def _period(text: str) -> list[str]:
    start, mark, end = text.partition("/")
    if not mark:
        raise ValueError(text)
    return [_date_time(start), _duration(end) if "P" in end else _date_time(end)]


def _duration(text: str) -> str:
    return _matched(_DURATION, text)[0]


def _offset(text: str) -> str:
    return ":".join(filter(None, _matched(_OFFSET, text).groups()))


def _boolean(text: str) -> bool:
    return {"TRUE": True, "FALSE": False}[text.upper()]


def _integer(text: str) -> int:
    return int(_matched(_INTEGER, text)[0])


def _float(text: str) -> Number:
    literal = _matched(_FLOAT, text)[0].lstrip("+")
    sign, digits = ("-", literal[1:]) if literal.startswith("-") else ("", literal)
    whole, point, fraction = digits.partition(".")
    return Number(f"{sign}{whole.lstrip('0') or '0'}{point}{fraction}")


def _recur(text: str) -> dict[str, Any]:  # Any: JSON
    found: dict[str, Any] = {}
    for part in text.removesuffix(";").split(";"):
        key, mark, value = part.partition("=")
        name = key.strip().lower()
        if not mark or not _RULE_PART.fullmatch(name) or name in found:
            raise ValueError(text)
        items: list[Any] = [item.strip() for item in value.split(",")]
        if name in _RULE_NUMBERS:
            items = [item if name == "bymonth" and item.endswith("L") else _integer(item) for item in items]
        elif name == "until":
            items = [_date_time(item) if "T" in item else _date(item) for item in items]
        found[name] = items[0] if len(items) == 1 else items
    return found


_TO_JSON: Mapping[str, Callable[[str], Any]] = {
    "boolean": _boolean,
    "date": _date,
    "date-time": _date_time,
    "duration": _duration,
    "float": _float,
    "integer": _integer,
    "period": _period,
    "recur": _recur,
    "text": unescape,
    "time": _time,
    "utc-offset": _offset,
}


def to_json(kind: str, text: str) -> Any:  # Any: JSON
    """Return one value of a content line as JSON.

    Raises:
        ValueError: it has not the form of its type.
    """
    make = _TO_JSON.get(kind)
    if make is None:
        return text
    try:
        return make(text if kind == "text" else text.strip())
    except LookupError:
        raise ValueError(text) from None


# -- from JSON ----------------------------------------------------------------------------------------------


def escape(text: str) -> str:
    """Return a text as a TEXT value (RFC 5545 §3.3.11)."""
    return text.replace("\r\n", "\n").translate(_UNESCAPED)


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise Misfit("a string belongs here")
    return value


def _form(pattern: re.Pattern[str], value: Any, example: str) -> re.Match[str]:
    found = pattern.fullmatch(_string(value))
    if found is None:
        raise Misfit(f"a value like {example} belongs here")
    return found


def _ical_date(value: Any) -> str:
    return "".join(_form(_J_DATE, value, "2026-03-10").groups())


def _ical_time(value: Any) -> str:
    return "".join(_form(_J_TIME, value, "09:00:00").groups())


def _ical_date_time(value: Any) -> str:
    day, mark, time = _string(value).partition("T")
    if not mark:
        raise Misfit("a value like 2026-03-10T09:00:00 belongs here")
    return f"{_ical_date(day)}T{_ical_time(time)}"


def _ical_duration(value: Any) -> str:
    return _form(_DURATION, value, "PT1H")[0]


def _ical_period(value: Any) -> str:
    if not isinstance(value, list) or len(value) != 2:
        raise Misfit("a pair of start and end, or start and duration, belongs here")
    end = _string(value[1])
    return f"{_ical_date_time(value[0])}/{_ical_duration(end) if 'P' in end else _ical_date_time(end)}"


def _ical_offset(value: Any) -> str:
    return "".join(filter(None, _form(_J_OFFSET, value, "+01:00").groups()))


def _ical_boolean(value: Any) -> str:
    if not isinstance(value, bool):
        raise Misfit("true or false belongs here")
    return "TRUE" if value else "FALSE"


def _ical_float(value: Any) -> str:
    if not isinstance(value, Number):
        raise Misfit("a number belongs here")
    return value.as_ical()


def _ical_integer(value: Any) -> str:
    # 1.0 is the same number as 1 in JSON.
    text = re.sub(r"\.0+$", "", _ical_float(value))
    if _INTEGER.fullmatch(text) is None:
        raise Misfit("a whole number belongs here")
    return text


def _ical_recur(value: Any) -> str:
    if not isinstance(value, dict) or not value:
        raise Misfit("an object with the parts of the rule belongs here")
    parts = []
    for name, given in value.items():
        if not _RULE_PART.fullmatch(name):
            raise Misfit("the parts of a rule have names of letters, digits and hyphens")
        items = given if isinstance(given, list) else [given]
        if not items:
            raise Misfit(f"{name.lower()} has no value")
        parts.append(f"{name.upper()}={','.join(_rule_value(name.lower(), item) for item in items)}")
    return ";".join(parts)


def _rule_value(name: str, value: Any) -> str:
    if name == "until":
        return _ical_date_time(value) if "T" in _string(value) else _ical_date(value)
    if isinstance(value, Number):
        return _ical_integer(value)
    found = _RULE_VALUE.fullmatch(_string(value))
    if found is None:
        raise Misfit(f"{name} holds a comma or semicolon; write a list")
    return found[0]


_FROM_JSON: Mapping[str, Callable[[Any], str]] = {
    "boolean": _ical_boolean,
    "date": _ical_date,
    "date-time": _ical_date_time,
    "duration": _ical_duration,
    "float": _ical_float,
    "integer": _ical_integer,
    "period": _ical_period,
    "recur": _ical_recur,
    "text": lambda value: escape(_string(value)),
    "time": _ical_time,
    "utc-offset": _ical_offset,
}


def from_json(kind: str, value: Any) -> str:  # Any: JSON
    """Return one value as it stands in a content line.

    Raises:
        Misfit: it has not the form of its type.
    """
    return _FROM_JSON.get(kind, _string)(value)
