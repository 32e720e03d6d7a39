"""Privacy before serialising: what a face may show of a calendar object (rules.md, Who may see what).

An allow-list by property name, everywhere and also inside nested components: what is not named here never
leaves. Times go through ``projection_times``, which lets nothing but dates, numbers and rule parts pass.
Stamps (DTSTAMP, SEQUENCE ...) are the caller's: they come from the change log, not from the object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from gateway.domain.content_lines import PRODID, escape_text, strip_controls, write
from gateway.domain.line_tree import HasIcal, LineComponent, parameter, read_tree, split, text_value
from gateway.domain.model import Busy, Classification, FeedLevel, Window
from gateway.domain.projection_alarms import alarm_lines
from gateway.domain.projection_times import TimeLines, time_lines
from gateway.domain.zone_book import Moment, ObjectTimes, ZoneBook

COMPONENTS = ("VEVENT", "VTODO", "VJOURNAL")

# The names under which a feed's owner chooses fields, and the properties they stand for.
FIELD_PROPERTIES: dict[str, str] = {
    "location": "LOCATION",
    "description": "DESCRIPTION",
    "categories": "CATEGORIES",
    "url": "URL",
    "geo": "GEO",
    "color": "COLOR",
    "priority": "PRIORITY",
    "resources": "RESOURCES",
    "contact": "CONTACT",
    "comment": "COMMENT",
    "conference": "CONFERENCE",
    "image": "IMAGE",
    "attach": "ATTACH",
}
# Full means every property of the standards but those of other people: never ATTENDEE or ORGANIZER.
_FULL = frozenset(FIELD_PROPERTIES.values()) | {
    "SUMMARY",
    "RELATED-TO",
    "PERCENT-COMPLETE",
    "COMPLETED",
    "STRUCTURED-DATA",
    "STYLED-DESCRIPTION",
    "LOCATION-TYPE",
    "X-ALT-DESC",
    "X-APPLE-STRUCTURED-LOCATION",
}
_BUSY_WORDS = {
    Busy.BUSY: "Busy",
    Busy.TENTATIVE: "Tentative",
    Busy.UNAVAILABLE: "Away",
    Busy.FREE: "Free",
}
_OUTLOOK = {Busy.BUSY: "BUSY", Busy.TENTATIVE: "TENTATIVE", Busy.UNAVAILABLE: "OOF", Busy.FREE: "FREE"}
_CLASSES = {
    "": Classification.PUBLIC,
    "PUBLIC": Classification.PUBLIC,
    "CONFIDENTIAL": Classification.CONFIDENTIAL,
}
_STATUS = {
    "VTODO": ("NEEDS-ACTION", "COMPLETED", "IN-PROCESS", "CANCELLED"),
    "VJOURNAL": ("DRAFT", "FINAL", "CANCELLED"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What one face may show.

    Attributes:
        fields: names of ``FIELD_PROPERTIES`` that the level *chosen fields* adds to the title.
        shows_private: PRIVATE and CONFIDENTIAL are shown like all others.
        has_alarms: reminders are kept (without text of their own below *full*).
        mask: makes the UID of a masked object, the same one for ever on this face.
        untitled: stands where there is no title.
    """

    level: FeedLevel
    mask: Callable[[str], str]
    fields: frozenset[str] = frozenset()
    shows_private: bool = False
    has_alarms: bool = False
    untitled: str = "(no title)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """When an object was made and changed, and how often: from the change log, so that bytes are stable."""

    created_at_utc: datetime
    modified_at_utc: datetime
    sequence: int

    def lines(self) -> list[str]:
        """Return DTSTAMP, CREATED, LAST-MODIFIED and SEQUENCE."""
        modified = utc_text(self.modified_at_utc)
        return [
            f"DTSTAMP:{modified}",
            f"CREATED:{utc_text(self.created_at_utc)}",
            f"LAST-MODIFIED:{modified}",
            f"SEQUENCE:{self.sequence}",
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectedComponent:
    """One component as it may leave, without its UID and stamps.

    Attributes:
        time: its time lines; RECURRENCE-ID first where it is an override.
        lines: everything else, one unfolded content line each.
        title: the title as text, for faces that draw it.
        place: the location as text, or None.
        is_masked: nothing of its text is in it.
    """

    name: str
    time: TimeLines
    lines: tuple[str, ...]
    title: str
    place: str | None
    busy: Busy
    is_masked: bool
    is_cancelled: bool
    is_override: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Projected:
    """A calendar object as a face may show it: the master first, the overrides in the order of the file."""

    uid: str
    components: tuple[ProjectedComponent, ...]
    times: ObjectTimes


def project(
    stored: HasIcal,
    *,
    uid: str,
    view: View,
    zone: tzinfo,
    book: ZoneBook,
    is_hold: bool = False,
    neutral_titles: bool = True,
) -> Projected:
    """Return what ``view`` may show of an object.

    Args:
        stored: the object as stored; it was accepted before.
        uid: its UID, unmasked.
        view: the rules of the face.
        zone: of the resource, for floating times and dates.
        book: collects the zones that the file needs.
        is_hold: it is shown as tentative.
        neutral_titles: masked components get a neutral SUMMARY.

    Raises:
        ValueError: the stored bytes cannot be read.
    """
    tree = read_tree(stored)
    times = ObjectTimes(book, tree, stored, zone)
    found = sorted(
        (child for child in tree.children if child.name in COMPONENTS),
        key=lambda child: child.first("RECURRENCE-ID") is not None,
    )
    if not found:
        raise ValueError("there is nothing in it")
    is_headless = found[0].first("RECURRENCE-ID") is not None
    master_class = Classification.PUBLIC if is_headless else classification_of(found[0])
    master_start: Moment | None = None
    parts = []
    for component in found:
        strictest = max(master_class, classification_of(component))
        time = time_lines(component, times, master_start)
        if component is found[0] and not is_headless:
            master_start = time.start
        parts.append(_part(component, time, strictest, view, is_hold=is_hold, is_neutral=neutral_titles))
    is_masked = all(part.is_masked for part in parts)
    return Projected(uid=view.mask(uid) if is_masked else uid, components=tuple(parts), times=times)


def busy_object(
    stored: HasIcal, *, uid: str, stamp: Stamp, zone: tzinfo, window: Window, is_hold: bool = False
) -> bytes:
    """Return a complete VCALENDAR that says when an object takes time and nothing else (masked CalDAV).

    Args:
        stored: the object as stored.
        uid: already masked (rules.md: HMAC of the UID by the link's key).
        stamp: of the stored object.
        zone: of the resource.
        window: what the VTIMEZONEs must cover at least; they begin with the first event anyway.
        is_hold: it is shown as tentative.
    """
    view = View(level=FeedLevel.FREEBUSY, mask=lambda _: uid)
    book = ZoneBook()
    projected = project(stored, uid=uid, view=view, zone=zone, book=book, is_hold=is_hold)
    body: list[str] = []
    for part in projected.components:
        body += component_lines(part, uid=uid, stamp=stamp)
    return write(
        [
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            f"PRODID:{PRODID}",
            "CALSCALE:GREGORIAN",
            *book.vtimezones(window),
            *body,
            "END:VCALENDAR",
        ]
    )


def component_lines(part: ProjectedComponent, *, uid: str, stamp: Stamp) -> list[str]:
    """Return the unfolded lines of one component."""
    return [
        f"BEGIN:{part.name}",
        f"UID:{escape_text(uid)}",
        *stamp.lines(),
        *part.time.lines,
        *part.lines,
        f"END:{part.name}",
    ]


def utc_text(instant: datetime) -> str:
    """Return an aware UTC instant as iCalendar writes it."""
    return f"{instant:%Y%m%dT%H%M%SZ}"


def classification_of(component: LineComponent) -> Classification:
    """Return the CLASS of one component; unknown values count as PRIVATE."""
    return _CLASSES.get(component.word("CLASS"), Classification.PRIVATE)


def busy_of_words(*, name: str, status: str, transp: str, outlook: str) -> Busy:
    """Return how a component counts, from the upper-case words of STATUS, TRANSP and Outlook's status."""
    if name != "VEVENT" or status == "CANCELLED" or outlook in {"FREE", "WORKINGELSEWHERE"}:
        return Busy.FREE
    if transp == "TRANSPARENT":
        return Busy.FREE
    if outlook == "OOF":
        return Busy.UNAVAILABLE
    return Busy.TENTATIVE if "TENTATIVE" in {status, outlook} else Busy.BUSY


def _part(
    component: LineComponent,
    time: TimeLines,
    strictest: Classification,
    view: View,
    *,
    is_hold: bool,
    is_neutral: bool,
) -> ProjectedComponent:
    is_private = strictest is not Classification.PUBLIC and not view.shows_private
    is_masked = is_private or view.level is FeedLevel.FREEBUSY
    status = component.word("STATUS")
    busy = busy_of_words(
        name=component.name,
        status=status,
        transp=component.word("TRANSP"),
        outlook=component.word("X-MICROSOFT-CDO-BUSYSTATUS"),
    )
    if is_hold and busy is Busy.BUSY:
        busy = Busy.TENTATIVE
    lines = _state_lines(component.name, status, busy, time)
    # Free/busy tells nothing apart, so that not even the class of an object shows.
    shown_class = Classification.PUBLIC if view.level is FeedLevel.FREEBUSY else strictest
    lines.append(f"CLASS:{shown_class.name}")
    title = _BUSY_WORDS[busy] if is_masked else view.untitled
    place: str | None = None
    if is_masked:
        if is_neutral:
            lines.append(f"SUMMARY:{title}")
    else:
        kept = _text_lines(component, view)
        found = next((line for name, line in kept if name == "SUMMARY"), None)
        title = (text_value(found).strip() if found is not None else "") or view.untitled
        if found is None:
            lines.append(f"SUMMARY:{escape_text(title)}")
        place = next((text_value(line) for name, line in kept if name == "LOCATION"), None)
        lines += [line for _, line in kept]
        if view.has_alarms:
            lines += alarm_lines(component, title, is_full=view.level is FeedLevel.FULL)
    return ProjectedComponent(
        name=component.name,
        time=time,
        lines=tuple(lines),
        title=title,
        place=place,
        busy=busy,
        is_masked=is_masked,
        is_cancelled=status == "CANCELLED",
        is_override=component.first("RECURRENCE-ID") is not None,
    )


def _state_lines(name: str, status: str, busy: Busy, time: TimeLines) -> list[str]:
    if name != "VEVENT":
        return [f"STATUS:{status}"] if status in _STATUS[name] else []
    if status != "CANCELLED":
        status = "TENTATIVE" if busy is Busy.TENTATIVE or status == "TENTATIVE" else "CONFIRMED"
    lines = [
        f"STATUS:{status}",
        f"TRANSP:{'OPAQUE' if busy.blocks else 'TRANSPARENT'}",
        f"X-MICROSOFT-CDO-BUSYSTATUS:{_OUTLOOK[busy]}",
        f"X-MICROSOFT-CDO-INTENDEDSTATUS:{_OUTLOOK[busy]}",
    ]
    if time.is_all_day:
        lines.append("X-MICROSOFT-CDO-ALLDAYEVENT:TRUE")
    return lines


def _text_lines(component: LineComponent, view: View) -> list[tuple[str, str]]:
    """Return (name, line) of the properties with text that the level allows, never an empty SUMMARY."""
    is_full = view.level is FeedLevel.FULL
    if is_full:
        allowed = _FULL
    elif view.level is FeedLevel.FIELDS:
        allowed = frozenset({"SUMMARY", *(FIELD_PROPERTIES[name] for name in view.fields)})
    else:
        allowed = frozenset({"SUMMARY"})
    lines: list[tuple[str, str]] = []
    for name, line in component.lines:
        if name not in allowed:
            continue
        if name == "ATTACH" and (parameter(split(line)[0], "ENCODING") or "").upper() == "BASE64":
            continue  # bytes inside a feed would cost every subscriber the size budget
        if name == "SUMMARY" and not text_value(line).strip():
            continue
        if not is_full or name == "SUMMARY":
            parameters, value = split(line)
            line = f"{name}{_kept_parameters(name, parameters)}:{value}"
        elif not line.startswith(name):
            line = name + line[len(name) :]
        lines.append((name, line if line.isascii() and line.isprintable() else strip_controls(line)))
    if is_full:
        _repeat_url(lines)
    return lines


def _kept_parameters(name: str, parameters: str) -> str:
    """Return what a reader needs to understand the value; parameters can hold text (CN, ALTREP, LABEL)."""
    kind = (parameter(parameters, "VALUE") or "").upper()
    if kind == "URI" or (name in {"CONFERENCE", "IMAGE"} and kind):
        return ";VALUE=URI"
    return ""


def _repeat_url(lines: list[tuple[str, str]]) -> None:
    """Put the URL into the description as well: Outlook does not show the property."""
    url = next((split(line)[1].strip() for name, line in lines if name == "URL"), "")
    if not url:
        return
    for place, (name, line) in enumerate(lines):
        if name == "DESCRIPTION":
            if url not in line and escape_text(url) not in line:
                lines[place] = (name, f"{line}\\n\\n{escape_text(url)}")
            return
    lines.append(("DESCRIPTION", f"DESCRIPTION:{escape_text(url)}"))


def chosen_fields(names: Iterable[str]) -> Sequence[str]:
    """Return the names sorted and without doubles; raise ValueError with the unknown ones."""
    wanted = {name.strip().lower() for name in names if name.strip()}
    wanted.discard("title")
    if unknown := sorted(wanted - FIELD_PROPERTIES.keys()):
        raise ValueError(", ".join(unknown))
    return sorted(wanted)
