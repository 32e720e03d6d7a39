"""jCal (RFC 7265): a calendar object as JSON, in both directions; what is stored is always iCalendar.

Both ways go line by line, so that nothing is lost but what jCal has no place for, such as the folding.
Whether the result is a calendar object is for ``ical`` to say.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from gateway.domain.content_lines import fold
from gateway.domain.errors import InvalidCalendarData
from gateway.domain.ical_reader import MAX_DEPTH, decode, split_line, unfolded
from gateway.domain.jcal_values import (
    DEFAULT_TYPES,
    MULTIPLE,
    STRUCTURED,
    UNKNOWN,
    Misfit,
    Number,
    dumps,
    from_json,
    split_escaped,
    to_json,
)

MEDIA_TYPE = "application/calendar+json"
_NAME = re.compile(r"[A-Za-z0-9-]{1,200}")
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")
# A date that does not say that it is one, and the other way round: people and programs forget VALUE.
_OTHER_TYPES = {"date-time": ("date",), "date": ("date-time",)}
_PROPERTY = re.compile(r"[A-Za-z0-9-]+")
_PARAMETER = re.compile(r';([A-Za-z0-9-]+)=((?:"[^"]*+"|[^";:,]*+)(?:,(?:"[^"]*+"|[^";:,]*+))*+)')
_ITEM = re.compile(r',("[^"]*"|[^",]*)')
_CIRCUMFLEX = re.compile(r"\^([n'^])")


def to_jcal(ical: bytes) -> bytes:
    """Return the jCal of one iCalendar object that was accepted, as UTF-8.

    Raises:
        InvalidCalendarData: it is no iCalendar.
    """
    stack: list[list[Any]] = [["", [], []]]  # Any: JSON
    for number, line in unfolded(decode(ical)):
        try:
            name, params, raw = _split(line)
        except ValueError:
            raise InvalidCalendarData("this is not a content line (NAME:value)", line=number) from None
        if name == "BEGIN":
            component: list[Any] = [raw.strip().lower(), [], []]
            stack[-1][2].append(component)
            stack.append(component)
        elif name == "END":
            stack.pop()
        elif len(stack) > 1:
            stack[-1][1].append(_property(name.lower(), params, raw))
        if not stack:
            break
    if not stack or len(stack) > 1 or len(stack[0][2]) != 1:
        raise InvalidCalendarData("there is no VCALENDAR in it, or more than one")
    return dumps(stack[0][2][0]).encode("utf-8", "replace")


def _split(line: str) -> tuple[str, dict[str, Any], str]:  # Any: a text or a list of them
    """Return name, parameters and raw value of a content line, as RFC 5545 §3.1 and RFC 6868 write them.

    Raises:
        ValueError: it is no content line.
    """
    start = _PROPERTY.match(line)
    place = start.end() if start else 0
    params: dict[str, Any] = {}
    while found := _PARAMETER.match(line, place):
        items = [_unquoted(item) for item in _ITEM.findall(f",{found[2]}")]
        # As in TZID=Amsterdam, Berlin without the quotes it needs.
        is_one = len(items) == 1 or found[1].upper() == "TZID"
        params[found[1].lower()] = ",".join(items) if is_one else items
        place = found.end()
    if start and line[place : place + 1] == ":":
        return start[0].upper(), params, line[place + 1 :]
    name, others, raw = split_line(line)  # what is not written so, and was accepted all the same
    return name, {key.lower(): value for key, value in (others or {}).items()}, raw


def _unquoted(text: str) -> str:
    value = text.removeprefix('"').removesuffix('"') if text.startswith('"') else text
    return _CIRCUMFLEX.sub(lambda found: {"n": "\n", "'": '"', "^": "^"}[found[1]], value)


def _property(name: str, params: dict[str, Any], raw: str) -> list[Any]:  # Any: see _split; JSON
    told = dict(params)
    given = told.pop("value", None)
    given = str(given).lower() if given is not None else None
    default = DEFAULT_TYPES.get(name, UNKNOWN)
    kind = given or default
    if name == "categories":
        kind = "text"  # they are texts, whatever the line says
    for one in (kind, *_OTHER_TYPES.get(kind, ())):
        try:
            values = list(_values(name, one, raw))
        except ValueError:
            continue
        if one == "binary":
            told.pop("encoding", None)  # the type says it (RFC 7265 §3.6.1)
        return [name, told, one, *values]
    return [name, told, UNKNOWN, raw]


def _values(name: str, kind: str, raw: str) -> Iterator[Any]:  # Any: JSON
    if kind == UNKNOWN:
        yield raw
    elif name in STRUCTURED and kind == DEFAULT_TYPES[name]:
        parts = [to_json(kind, part) for part in split_escaped(raw, ";")]
        if len(parts) == 1 and name == "geo":
            raise ValueError(raw)
        yield parts if len(parts) > 1 else parts[0]
    elif name in MULTIPLE or (kind not in {"text", "recur"} and name not in DEFAULT_TYPES and "," in raw):
        for part in split_escaped(raw, ","):
            yield to_json(kind, part)
    else:
        yield to_json(kind, raw)


# -- the way back -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FromJcal:
    """iCalendar made of jCal; ``places`` are the JSON Pointers (RFC 6901) of its content lines."""

    ical: bytes = field(repr=False)
    numbers: tuple[int, ...]
    places: tuple[str, ...]

    def place(self, line: int) -> str:
        """Return where in the JSON the line with this number, from 1, comes from."""
        return self.places[max(0, bisect_right(self.numbers, line) - 1)]


class _Refused(Exception):
    """This part of the JSON cannot be taken."""

    def __init__(self, reason: str, place: str, name: str | None = None) -> None:
        self.place, self.name = place, name
        super().__init__(reason)


def from_jcal(data: bytes) -> FromJcal:
    """Return the iCalendar of one jCal object.

    Raises:
        InvalidCalendarData: it is no jCal; the line of the JSON, or the place in it, is named.
    """
    try:
        tree = json.loads(
            data.decode("utf-8-sig"),
            parse_float=Number,
            parse_int=Number,
            parse_constant=_no_constant,
            object_pairs_hook=_object,
        )
    except UnicodeDecodeError:
        raise InvalidCalendarData("this is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise InvalidCalendarData(
            f"this is not JSON: {error.msg} (column {error.colno})", line=error.lineno
        ) from None
    except RecursionError:
        raise InvalidCalendarData("the JSON is nested too deep") from None
    except ValueError as error:
        raise InvalidCalendarData(f"this is not jCal: {error}") from None
    try:
        return _written(tree)
    except _Refused as error:
        raise InvalidCalendarData(
            f"{error} (at {error.place or 'the top'} of the JSON)", property_name=error.name
        ) from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:  # Any: JSON
    found = {name.lower(): value for name, value in pairs}
    if len(found) < len(pairs):
        raise ValueError("an object has the same name twice")
    return found


def _written(tree: Any) -> FromJcal:  # Any: JSON
    parts: list[bytes] = []
    numbers: list[int] = []
    places: list[str] = []
    number = 1
    for line, place in _component(tree, "", 1):
        try:
            data = fold(line)
        except UnicodeEncodeError:
            raise _Refused("half a character cannot be written as UTF-8", place) from None
        parts.append(data)
        numbers.append(number)
        places.append(place)
        number += data.count(b"\n")
    return FromJcal(b"".join(parts), tuple(numbers), tuple(places))


def _component(node: Any, place: str, depth: int) -> Iterator[tuple[str, str]]:  # Any: JSON
    if depth > MAX_DEPTH:
        raise _Refused(f"components are nested deeper than {MAX_DEPTH}", place)
    if not isinstance(node, list) or len(node) != 3:
        raise _Refused("a component is an array of its name, its properties and its components", place)
    name, properties, children = node
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise _Refused("a component begins with its name", f"{place}/0")
    if depth == 1 and name.lower() != "vcalendar":
        raise _Refused("the object begins with vcalendar", f"{place}/0")
    if not isinstance(properties, list) or not isinstance(children, list):
        raise _Refused("the properties and the components of a component are arrays", place)
    yield f"BEGIN:{name.upper()}", place
    for index, one in enumerate(properties):
        where = f"{place}/1/{index}"
        yield _content_line(one, where), where
    for index, child in enumerate(children):
        yield from _component(child, f"{place}/2/{index}", depth + 1)
    yield f"END:{name.upper()}", place


def _content_line(node: Any, place: str) -> str:  # Any: JSON
    if not isinstance(node, list) or len(node) < 4:
        raise _Refused("a property is an array of its name, parameters, type and values", place)
    name, params, kind, *values = node
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name.lower() in {"begin", "end"}:
        raise _Refused("a property begins with its name", f"{place}/0")
    name = name.lower()
    if not isinstance(params, dict):
        raise _Refused("the parameters are an object", f"{place}/1", name.upper())
    if not isinstance(kind, str) or not _NAME.fullmatch(kind):
        raise _Refused("the type of a property is a name", f"{place}/2", name.upper())
    kind = kind.lower()
    head = name.upper() + "".join(
        _parameter(key, value, f"{place}/1/{key}", name.upper()) for key, value in params.items()
    )
    if kind not in {UNKNOWN, DEFAULT_TYPES.get(name)}:
        head += f";VALUE={kind.upper()}"
    if kind == "binary" and "encoding" not in params:
        head += ";ENCODING=BASE64"
    if len(values) > 1 and (name in STRUCTURED or (name in DEFAULT_TYPES and name not in MULTIPLE)):
        raise _Refused("this property has one value", f"{place}/4", name.upper())
    written = []
    for index, value in enumerate(values):
        where = f"{place}/{index + 3}"
        try:
            text = _value(name, kind, value)
        except Misfit as error:
            raise _Refused(str(error), where, name.upper()) from None
        if _CONTROL.search(text):
            raise _Refused("the value holds a line break or another control character", where, name.upper())
        written.append(text)
    return f"{head}:{','.join(written)}"


def _value(name: str, kind: str, value: Any) -> str:  # Any: JSON
    if name in STRUCTURED and kind == DEFAULT_TYPES[name] and isinstance(value, list):
        return ";".join(from_json(kind, part) for part in value)
    return from_json(kind, value)


def _parameter(key: str, value: Any, place: str, name: str) -> str:  # Any: JSON
    if not _NAME.fullmatch(key):
        raise _Refused("a parameter has a name of letters, digits and hyphens", place, name)
    if key == "value":
        raise _Refused("the type stands behind the parameters, not among them", place, name)
    items = value if isinstance(value, list) else [value]
    if not items or not all(isinstance(item, str) for item in items):
        raise _Refused("a parameter is a string, or an array of strings", place, name)
    return f";{key.upper()}={','.join(_parameter_value(item, place, name) for item in items)}"


def _parameter_value(value: str, place: str, name: str) -> str:
    """Return a parameter's value with its quotes (RFC 6868); see ``content_lines.quote_parameter``."""
    text = value.replace("\r\n", "\n").replace("^", "^^").replace("\n", "^n").replace('"', "^'")
    if _CONTROL.search(text):
        raise _Refused("a parameter holds a control character", place, name)
    return f'"{text}"' if any(mark in text for mark in ",;:\\") else text
