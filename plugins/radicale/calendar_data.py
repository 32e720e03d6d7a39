"""calendar-data (RFC 4791 §9.6): whole objects, parts of them, expanded or limited recurrence sets."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, tzinfo

from gateway.domain import vavailability
from gateway.domain.content_lines import fold
from gateway.domain.date_bounds import FIRST, LAST
from gateway.domain.errors import TooManyInstances
from gateway.domain.ical import ParsedObject, parse_object
from gateway.domain.jcal import MEDIA_TYPE, to_jcal
from gateway.domain.line_tree import LineComponent, read_tree
from gateway.domain.model import Window
from gateway.domain.recurrence import Instance, iter_instances
from gateway.domain.zone_book import ObjectTimes, ZoneBook
from plugins.radicale import zone_references
from plugins.radicale.names import caldav, text
from plugins.radicale.problems import Problem
from plugins.radicale.times import read_window
from plugins.radicale.zone_references import Wish

_TIMES = frozenset(
    {"DTSTART", "DTEND", "DUE", "DURATION", "RRULE", "RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID"}
)
_RULES = ("RRULE", "RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID", "DURATION")
KINDS = frozenset({"VEVENT", "VTODO", "VJOURNAL"})
_ENDS = {"VEVENT": "DTEND", "VTODO": "DUE"}
MAX_EXPANDED = 50_000  # instances in one answer


@dataclass(frozen=True, slots=True)
class _Bytes:
    ical: bytes = field(repr=False)


@dataclass(slots=True)
class CalendarData:
    """How calendar data is wanted; counts the instances it has written."""

    zone: tzinfo
    limit: int
    expand: Window | None = None
    limit_set: Window | None = None
    comp: ET.Element | None = None
    is_jcal: bool = False
    zones: Wish = Wish.AS_STORED
    written: int = 0

    @classmethod
    def of(cls, node: ET.Element, *, zone: tzinfo, limit: int) -> CalendarData:
        """Read a calendar-data element.

        Raises:
            Problem: 403 with the precondition of RFC 4791 §7.8 where it cannot be done.
        """
        kind = node.get("content-type", "text/calendar").strip().lower()
        if kind not in {"text/calendar", MEDIA_TYPE} or node.get("version", "2.0") != "2.0":
            raise Problem(
                403,
                f"Calendar data is text/calendar or {MEDIA_TYPE} here, version 2.0.",
                "<C:supported-calendar-data/>",
            )
        expand, limit_set = node.find(caldav("expand")), node.find(caldav("limit-recurrence-set"))
        if (free_busy := node.find(caldav("limit-freebusy-set"))) is not None:
            read_window(free_busy)  # it limits VFREEBUSY components, and none are stored
        return cls(
            zone=zone,
            limit=limit,
            expand=read_window(expand) if expand is not None else None,
            limit_set=read_window(limit_set) if limit_set is not None else None,
            comp=node.find(caldav("comp")),
            is_jcal=kind == MEDIA_TYPE,
        )

    @property
    def is_whole(self) -> bool:
        """Return whether objects are wanted as they are stored."""
        return self.expand is None and self._has_all

    @property
    def is_expanded(self) -> bool:
        """Return whether objects are wanted expanded, and whole otherwise."""
        return self.expand is not None and self._has_all

    @property
    def _has_all(self) -> bool:
        is_cut = self.limit_set is not None and self.expand is None
        return self.comp is None and self.zones is Wish.AS_STORED and not self.is_jcal and not is_cut

    def element(self, ical: bytes) -> str:
        """Return the calendar-data element for one object, as this person may read it."""
        data = ical
        if self.expand is not None:
            data = self.expanded(ical, self.expand)
        elif self.limit_set is not None:
            data = self._limited(ical, self.limit_set)
        data = zone_references.applied(self.zones, data)
        if self.comp is not None:
            tree = read_tree(_Bytes(data))
            data = b"".join(_partial(tree, self.comp))
        if self.is_jcal:
            inner = text(to_jcal(data).decode())
            return f'<C:calendar-data content-type="{MEDIA_TYPE}" version="2.0">{inner}</C:calendar-data>'
        # A bare CR would not survive an XML parser.
        return (
            f"<C:calendar-data>{text(data.decode('utf-8-sig')).replace(chr(13), '&#13;')}</C:calendar-data>"
        )

    def _instances(self, parsed: ParsedObject, window: Window) -> list[Instance]:
        try:
            found = iter_instances(parsed, zone=self.zone, window=window, limit=self.limit)
        except TooManyInstances:
            raise Problem(
                403, "The time range holds too many instances; ask for a shorter one.", "<C:max-instances/>"
            ) from None
        self.count(len(found))
        return found

    def count(self, instances: int) -> None:
        """Take note of instances in the answer.

        Raises:
            Problem: 403, too many of them.
        """
        self.written += instances
        if self.written > MAX_EXPANDED:
            raise Problem(
                403, f"An answer holds at most {MAX_EXPANDED} instances; ask for less.", "<C:max-instances/>"
            )

    def expanded(self, ical: bytes, window: Window) -> bytes:
        """Return the instances in the window as components of their own, in UTC (RFC 4791 §9.6.5)."""
        root = read_tree(_Bytes(ical))
        if any(child.name == vavailability.NAME for child in root.children):
            return ical  # it has parts and no instances
        single = single_event(root, ical, self.zone)
        if single is not None:
            self.written += 1
            return _single_expanded(root, single, window)
        parsed = parse_object(ical, max_bytes=len(ical))
        trees = by_component(parsed, root)
        parts = [b"BEGIN:VCALENDAR\r\n", *(fold(line) for _, line in root.lines)]
        day_zone = parsed.floating_zone or self.zone
        bodies: dict[int, tuple[bytes, bytes]] = {}
        for instance in self._instances(parsed, window):
            tree = trees[id(instance.component)]
            body = bodies.get(id(tree))
            if body is None:
                body = bodies[id(tree)] = split_body(tree)
            parts += (body[0], *_time_lines(instance, tree, day_zone), body[1])
        parts.append(b"END:VCALENDAR\r\n")
        return b"".join(parts)

    def _limited(self, ical: bytes, window: Window) -> bytes:
        """Leave out the overrides that do not touch the window (RFC 4791 §9.6.6)."""
        parsed = parse_object(ical, max_bytes=len(ical))
        if not parsed.overrides:
            return ical
        root = read_tree(_Bytes(ical))
        trees = by_component(parsed, root)
        # An override counts where it is, and where the rule had placed it.
        near = {id(trees[id(one.component)]) for one in self._instances(parsed, window)}
        if any(id(trees[id(c)]) not in near for c in parsed.overrides):
            placed: set[datetime | None] = set()
            if parsed.master is not None:
                bare = replace(parsed, overrides=(), components=(parsed.master,))
                placed = {one.recurrence_id for one in self._instances(bare, window)}
            for one in self._instances(_only_overrides(parsed), Window(start=FIRST, end=LAST)):
                name = one.recurrence_id
                if name in placed or (name is not None and window.start <= name < window.end):
                    near.add(id(trees[id(one.component)]))
        dropped = {id(trees[id(c)]) for c in parsed.overrides} - near
        root.children = [child for child in root.children if id(child) not in dropped]
        return b"".join(_lines(root))


@dataclass(frozen=True, slots=True)
class SingleEvent:
    """An event that happens once, read without understanding the rest of it."""

    tree: LineComponent
    start: datetime
    end: datetime
    days: tuple[str, str] | None  # first and, exclusive, last day of an all-day event


def single_event(root: LineComponent, ical: bytes, zone: tzinfo) -> SingleEvent | None:
    """Return the event where the object is one that needs no rules: most are, and this costs far less."""
    found = [child for child in root.children if child.name in KINDS]
    if len(found) != 1 or found[0].name != "VEVENT" or root.first("X-WR-TIMEZONE") is not None:
        return None
    tree = found[0]
    start_line, end_line = tree.first("DTSTART"), tree.first("DTEND")
    if start_line is None or end_line is None or any(tree.first(name) is not None for name in _RULES):
        return None
    times = ObjectTimes(ZoneBook(), root, _Bytes(ical), zone)
    try:
        start, end = times.of_line(start_line), times.of_line(end_line)
        if (start.zone is None) != (end.zone is None) or (start.zone is None and end.wall <= start.wall):
            return None
        days = (start.text, end.text) if start.zone is None else None
        return SingleEvent(tree, start.instant(zone), end.instant(zone), days)
    except (ValueError, OverflowError):
        return None


def _single_expanded(root: LineComponent, event: SingleEvent, window: Window) -> bytes:
    parts = [b"BEGIN:VCALENDAR\r\n", *(fold(line) for _, line in root.lines)]
    if window.overlaps(event.start, event.end):
        head, rest = split_body(event.tree)
        if event.days is not None:
            first, last = event.days
            time = f"DTSTART;VALUE=DATE:{first}\r\nDTEND;VALUE=DATE:{last}\r\n"
        else:
            time = f"DTSTART:{event.start:%Y%m%dT%H%M%S}Z\r\nDTEND:{event.end:%Y%m%dT%H%M%S}Z\r\n"
        parts += [head, time.encode(), rest]
    parts.append(b"END:VCALENDAR\r\n")
    return b"".join(parts)


def _only_overrides(parsed: ParsedObject) -> ParsedObject:
    return replace(parsed, master=None, components=parsed.overrides)


def by_component(parsed: ParsedObject, root: LineComponent) -> dict[int, LineComponent]:
    """Return the lines of each parsed component: both lists keep the order of the file."""
    trees = [child for child in root.children if child.name in KINDS]
    master = next((tree for tree in trees if tree.first("RECURRENCE-ID") is None), None)
    overrides = [tree for tree in trees if tree is not master]
    found = {id(c): tree for c, tree in zip(parsed.overrides, overrides, strict=True)}
    if parsed.master is not None and master is not None:
        found[id(parsed.master)] = master
    return found


def split_body(tree: LineComponent) -> tuple[bytes, bytes]:
    """Return what stands before and after the time lines of an instance."""
    rest = [fold(line) for name, line in tree.lines if name not in _TIMES]
    nested = [line for child in tree.children for line in _lines(child)]
    return fold(f"BEGIN:{tree.name}"), b"".join((*rest, *nested, fold(f"END:{tree.name}")))


def _time_lines(instance: Instance, tree: LineComponent, day_zone: tzinfo) -> Iterator[bytes]:
    end_name = _ENDS.get(tree.name)
    has_end = any(tree.first(name) is not None for name in ("DTEND", "DUE", "DURATION"))
    if tree.first("DTSTART") is not None:
        yield _moment("DTSTART", instance.start, instance.local_start, is_date=instance.is_all_day)
    if end_name is not None and has_end:
        yield _moment(end_name, instance.end, instance.local_end, is_date=instance.is_all_day)
    if instance.recurrence_id is not None:
        day = instance.recurrence_id.astimezone(day_zone).date()
        yield _moment("RECURRENCE-ID", instance.recurrence_id, day, is_date=instance.is_all_day)


def _moment(name: str, instant: datetime, local: date, *, is_date: bool) -> bytes:
    if is_date:
        return f"{name};VALUE=DATE:{local:%Y%m%d}\r\n".encode()
    return f"{name}:{instant:%Y%m%dT%H%M%S}Z\r\n".encode()


def _lines(tree: LineComponent) -> Iterator[bytes]:
    yield fold(f"BEGIN:{tree.name}")
    for _, line in tree.lines:
        yield fold(line)
    for child in tree.children:
        yield from _lines(child)
    yield fold(f"END:{tree.name}")


def _partial(tree: LineComponent, comp: ET.Element) -> Iterator[bytes]:
    """Yield only the properties and components that a comp element names (RFC 4791 §9.6.1-4)."""
    if (comp.get("name") or "").upper() != tree.name:
        return
    props = {
        (node.get("name") or "").upper(): node.get("novalue") == "yes"
        for node in comp.findall(caldav("prop"))
    }
    subs = {(node.get("name") or "").upper(): node for node in comp.findall(caldav("comp"))}
    # An empty element means the whole component, as in the example of RFC 4791 §7.8.1.
    is_whole = len(comp) == 0
    has_all_props = is_whole or comp.find(caldav("allprop")) is not None
    has_all_comps = is_whole or comp.find(caldav("allcomp")) is not None
    yield fold(f"BEGIN:{tree.name}")
    for name, line in tree.lines:
        if has_all_props or name in props:
            yield fold(f"{name}:" if props.get(name) else line)
    for child in tree.children:
        if child.name in subs:
            yield from _partial(child, subs[child.name])
        elif has_all_comps:
            yield from _lines(child)
    yield fold(f"END:{tree.name}")
