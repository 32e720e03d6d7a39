"""Differences between two texts of an object for people to read: before and after, field by field.

Privacy first: who may not read an object is told which fields differ, and sees no value but times.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.domain.errors import InvalidInput
from gateway.domain.fingerprint import MASTER, REMINDERS, TIME, Canonical, canonical, differing
from gateway.domain.model import Classification, Level

_OPEN = frozenset({TIME, "status", "transparency", "class", "component"})
_LISTS = frozenset({"categories", REMINDERS})  # the canonical form keeps them as JSON
_LONGEST = 200
_PUBLIC = "PUBLIC"


class Eyes(enum.StrEnum):
    """How much somebody may read of the objects of one resource (rules.md, Who may see what)."""

    TIMES = "times"
    PUBLIC = "public"  # objects that are PRIVATE or CONFIDENTIAL show their times only
    ALL = "all"

    def read(self, classification: Classification) -> bool:
        """Return whether the text of an object of this class may be shown."""
        return self is Eyes.ALL or (self is Eyes.PUBLIC and classification is Classification.PUBLIC)


def eyes_of(level: Level | None) -> Eyes:
    """Return what a level on a resource lets its holder read."""
    if level is None or level < Level.READ:
        return Eyes.TIMES
    return Eyes.ALL if level is Level.MANAGE else Eyes.PUBLIC


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field that differs.

    Attributes:
        occurrence: the recurrence id of the component, "" for the master or the only one.
        field: its name; ``component`` where a whole override is only on one side.
        before: None where there was nothing, or where it may not be shown (``is_hidden``).
        after: as ``before``.
    """

    occurrence: str
    field: str
    before: str | None
    after: str | None
    is_hidden: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return it as commands show it."""
        found: dict[str, Any] = {"field": self.field, "before": self.before, "after": self.after}
        if self.occurrence:
            found["occurrence"] = self.occurrence
        if self.is_hidden:
            found["hidden"] = True
        return found


def changes_between(
    before: bytes | None,
    after: bytes | None,
    *,
    eyes: Eyes,
    floor: Classification = Classification.PUBLIC,
) -> tuple[Change, ...]:
    """Return what differs, the master first; None stands for no object at all.

    ``floor`` is the class of the object here, where a provider's text has lost it. A text that is not one
    calendar object leads to a single change of ``component``.
    """
    try:
        one = canonical(before) if before else {}
        other = canonical(after) if after else {}
    except InvalidInput:
        return (Change(occurrence=MASTER, field="component", before=None, after=None, is_hidden=True),)
    shows = eyes.read(max(floor, _strictest(one, other)))
    found: list[Change] = []
    for name, fields in sorted(differing(one, other).items()):
        names = fields
        if fields == {"component"} and not (one and other):
            names = set(one.get(name, {})) | set(other.get(name, {}))
        found += [_change(name, each, one, other, shows=shows) for each in sorted(names, key=_order)]
    return tuple(found)


def classification_of(form: Canonical) -> Classification:
    """Return the strictest class of all components."""
    words = {fields.get("class", _PUBLIC) for fields in form.values()}
    if "CONFIDENTIAL" in words:
        return Classification.CONFIDENTIAL
    return Classification.PUBLIC if words <= {_PUBLIC} else Classification.PRIVATE


def _strictest(one: Canonical, other: Canonical) -> Classification:
    return max(classification_of(one), classification_of(other))


def _order(field: str) -> tuple[int, str]:
    return (0 if field == TIME else 1 if field == "title" else 2, field)


def _change(name: str, field: str, one: Canonical, other: Canonical, *, shows: bool) -> Change:
    before, after = _value(one.get(name), field), _value(other.get(name), field)
    if shows or field in _OPEN:
        return Change(occurrence=name, field=field, before=before, after=after)
    return Change(occurrence=name, field=field, before=None, after=None, is_hidden=True)


def _value(fields: Mapping[str, str] | None, field: str) -> str | None:
    if fields is None:
        return None
    if field == "component":
        return _time(fields[TIME])
    value = fields.get(field)
    if value is None:
        return None
    if field == TIME:
        return _time(value)
    if field in _LISTS:
        value = ", ".join(json.loads(value))
    return value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}\u2026"


def _time(value: str) -> str:
    """Return ``20260310T090000Z to 20260310T100000Z, FREQ=WEEKLY, without ...`` from the canonical field."""
    form: dict[str, Any] = json.loads(value)
    parts = [f"{form['start']} to {form['end']}" if form.get("end") else str(form.get("start") or "no time")]
    if form.get("zone"):
        parts.append(str(form["zone"]))
    parts += [str(rule) for rule in form.get("RRULE", [])]
    for name, word in (("EXRULE", "not by"), ("RDATE", "also"), ("EXDATE", "without")):
        if form.get(name):
            parts.append(f"{word} {' '.join(map(str, form[name]))}")
    return ", ".join(parts)
