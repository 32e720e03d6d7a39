"""OData query options as far as the calendar needs them: $filter, $select, $expand, $orderby, $top, $skip."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from gateway.lab.core.errors import Refusal
from gateway.lab.microsoft.event_rules import property_id

T = TypeVar("T")
Test = Callable[[dict[str, Any]], bool]
_TOKEN = re.compile(
    r"""\s*('(?:[^']|'')*'|[()]|,|:|[A-Za-z_@][\w.@]*(?:/[A-Za-z_@][\w.@]*)*|-?\d[\w.:+\-]*)""",
)
_EXTENDED = ("singleValueExtendedProperties", "multiValueExtendedProperties")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda one, other: one == other,
    "ne": lambda one, other: one != other,
    "gt": lambda one, other: one is not None and one > other,
    "ge": lambda one, other: one is not None and one >= other,
    "lt": lambda one, other: one is not None and one < other,
    "le": lambda one, other: one is not None and one <= other,
}
_FUNCTIONS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part.lower() in text.lower(),
    "startswith": lambda text, part: text.lower().startswith(part.lower()),
    "endswith": lambda text, part: text.lower().endswith(part.lower()),
}
ALWAYS = ("@odata.etag", "@odata.type", "id")
HIDDEN = ("cancelledOccurrences", "exceptionOccurrences", *_EXTENDED)


def bad(text: str) -> Refusal:
    """Return the refusal of a query that cannot be read or is not supported."""
    return Refusal(400, "ErrorInvalidUrlQuery", text)


class _Reader:
    """Reads one $filter expression."""

    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        place = 0
        while place < len(text.rstrip()):
            match = _TOKEN.match(text, place)
            if match is None:
                raise bad(f"Invalid filter clause at position {place}.")
            self.tokens.append(match[1])
            place = match.end()
        self.place = 0
        self.names: set[str] = set()
        """The properties that the expression looks at."""

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise bad(f"Invalid filter clause: {wanted or 'more'} expected.")
        self.place += 1
        return token

    def whole(self) -> Test:
        test = self.either()
        if self.peek():
            raise bad("Invalid filter clause: unexpected text at its end.")
        return test

    def either(self) -> Test:
        tests = [self.both()]
        while self.peek() == "or":
            self.take()
            tests.append(self.both())
        return lambda item: any(test(item) for test in tests)

    def both(self) -> Test:
        tests = [self.one()]
        while self.peek() == "and":
            self.take()
            tests.append(self.one())
        return lambda item: all(test(item) for test in tests)

    def one(self) -> Test:
        if self.peek() == "not":
            self.take()
            inner = self.one()
            return lambda item: not inner(item)
        if self.peek() == "(":
            self.take()
            inner = self.either()
            self.take(")")
            return inner
        name = self.take()
        if name in _FUNCTIONS:
            return self.function(name)
        if name.lower().endswith("/any"):
            return self.any_of(name[: -len("/any")])
        operator = self.take()
        if operator not in _COMPARE:
            raise bad(f"Invalid filter clause: {operator!r} is no operator.")
        wanted = literal(self.take())
        compare = _COMPARE[operator]
        self.names.add(name.partition("/")[0])
        if name == "id":
            return lambda item: compare(_identifier(item.get("id")), _identifier(wanted))
        return lambda item: compare(_value(item, name), wanted)

    def function(self, name: str) -> Test:
        self.take("(")
        path = self.take()
        self.take(",")
        part = str(literal(self.take()))
        self.take(")")
        self.names.add(path.partition("/")[0])
        return lambda item: _FUNCTIONS[name](str(_value(item, path) or ""), part)

    def any_of(self, collection: str) -> Test:
        if collection not in _EXTENDED and collection != "categories":
            raise bad(f"Invalid filter clause: any() of {collection!r}.")
        self.names.add(collection)
        self.take("(")
        variable = self.take()
        self.take(":")
        start = self.place
        depth = 1
        while depth:
            depth += {"(": 1, ")": -1}.get(self.take(), 0)
        inner = _Reader("")
        inner.tokens = [
            token.removeprefix(f"{variable}/") if token.startswith(f"{variable}/") else token
            for token in self.tokens[start : self.place - 1]
        ]
        inner.tokens = ["." if token == variable else token for token in inner.tokens]
        test = inner.whole()
        return lambda item: any(
            test(entry if isinstance(entry, dict) else {".": entry}) for entry in item.get(collection) or []
        )


def _identifier(text: Any) -> str:
    """Ids of extended properties are compared without regard to the case of their GUID."""
    try:
        return property_id(str(text))
    except Refusal:
        return str(text)


def literal(word: str) -> Any:
    """Return the value of a literal; raises Refusal 400."""
    if word.startswith("'"):
        return word[1:-1].replace("''", "'")
    if word in {"true", "false"}:
        return word == "true"
    if word == "null":
        return None
    return int(word) if re.fullmatch(r"-?\d{1,18}", word) else word


def _value(item: dict[str, Any], path: str) -> Any:
    value: Any = item
    for part in path.split("/"):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def condition(text: str) -> tuple[Test, frozenset[str]]:
    """Return a test for events, and the properties that it looks at; raises Refusal 400."""
    reader = _Reader(text)
    test = reader.whole()
    return test, frozenset(reader.names)


def is_extended(names: frozenset[str]) -> bool:
    """Tell whether extended properties are among the names."""
    return bool(names & set(_EXTENDED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Expansion:
    """What $expand names."""

    names: frozenset[str]
    properties: dict[str, Test]
    """Extended properties to show, by the name of their collection."""


def expansion(text: str) -> Expansion:
    """Read $expand; extended properties need a filter; raises Refusal 400."""
    names, tests = set(), {}
    for part in _split(text):
        match = re.fullmatch(r"\s*(\w+)\s*(?:\(\s*\$filter\s*=\s*(.+)\))?\s*", part, re.DOTALL)
        if match is None:
            raise bad(f"Invalid $expand: {part[:80]!r}.")
        name = match[1]
        if name in _EXTENDED:
            if not match[2]:
                raise bad(f"$expand of {name} needs a $filter on id.")
            tests[name] = _Reader(match[2]).whole()
        elif name not in {"calendar", "exceptionOccurrences", "attachments", "extensions"}:
            raise bad(f"Could not find a property named {name!r} to expand.")
        names.add(name)
    return Expansion(names=frozenset(names), properties=tests)


def _split(text: str) -> list[str]:
    parts, depth, quoted, current = [], 0, False, ""
    for sign in text:
        quoted ^= sign == "'"
        depth += 0 if quoted else {"(": 1, ")": -1}.get(sign, 0)
        if sign == "," and not depth and not quoted:
            parts.append(current)
            current = ""
        else:
            current += sign
    return [part for part in [*parts, current] if part.strip()]


def trimmed(item: dict[str, Any], select: str, wanted: Expansion, *, markers: bool = False) -> dict[str, Any]:
    """Return an event with what $select and $expand name.

    Args:
        item: a whole event, hidden properties included.
        select: the text of $select; empty means everything that is not hidden.
        wanted: what is expanded.
        markers: True shows extended properties unasked (a mutation).
    """
    names = {name.strip() for name in select.split(",") if name.strip()}
    result = {
        name: value
        for name, value in item.items()
        if (name in names or name in ALWAYS if names else True) and name not in HIDDEN
    }
    for name, test in wanted.properties.items():
        found = [entry for entry in item.get(name) or [] if test(entry)]
        if found:
            result[name] = found
    if markers:
        result |= {name: item[name] for name in _EXTENDED if item.get(name)}
    return result


def number(text: str, name: str, default: int, most: int) -> int:
    """Read $top or $skip; raises Refusal 400."""
    if not text:
        return default
    if not re.fullmatch(r"\d{1,9}", text) or int(text) > most:
        raise bad(f"{name}: a number from 0 to {most} is needed.")
    return int(text)


def order_names(text: str) -> frozenset[str]:
    """Return the properties that $orderby looks at."""
    return frozenset(
        part.strip().partition(" ")[0].partition("/")[0] for part in text.split(",") if part.strip()
    )


def ordered(pairs: list[tuple[dict[str, Any], T]], text: str) -> list[tuple[dict[str, Any], T]]:
    """Return (event, anything) pairs in the order that $orderby names; raises Refusal 400."""
    for part in reversed([part.strip() for part in text.split(",") if part.strip()]):
        path, _, direction = part.partition(" ")
        if direction.strip() not in {"", "asc", "desc"}:
            raise bad(f"Invalid $orderby: {part[:80]!r}.")

        def key(pair: tuple[dict[str, Any], T], path: str = path) -> str:
            return str(_value(pair[0], path) or "")

        pairs = sorted(pairs, key=key, reverse=direction.strip() == "desc")
    return pairs
