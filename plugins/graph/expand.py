"""Series that Outlook cannot repeat like, as a list of dates: single events there (§7, behaviours.md 20).

What has no end is written out inside the horizon, which the engine moves by whole months.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from gateway.domain.errors import TooManyInstances
from gateway.domain.model import Window
from gateway.domain.recurrence import Instance, iter_instances
from gateway.providers.errors import Rejected
from gateway.providers.flat.model import At, Flat, Key, Override, at_instant, is_same
from gateway.providers.flat.object_reader import Reader, zone_name
from plugins.graph.contents import content_of, fitting

MAX_DATES = 500
_EVER = Window(start=datetime(2, 1, 1, tzinfo=UTC), end=datetime(9990, 1, 1, tzinfo=UTC))


class NoSeries(Exception):
    """Outlook has no series like this; the text is a word for the log."""


def expand(reader: Reader, horizon: Window | None, *, reason: str = "dates") -> Flat:
    """Return a series as a list of its dates, or a single event where there is one.

    Raises:
        Rejected: without an end and without a horizon, too many, or none at all.
    """
    found = _instances(reader, horizon, reason)
    # Two occurrences at one instant are one there: nothing but the start names them.
    instances = {_key(each): each for each in found if not _is_cancelled(each, reader)}
    if not instances:
        raise Rejected("This event takes place at no time, so there is nothing to show.", code="noOccurrence")
    (_, first), *others = sorted(instances.items(), key=lambda pair: (pair[1].start, str(pair[0])))
    start, end = _span(first)
    flat = Flat(
        uid=reader.obj.uid,
        start=start,
        end=end,
        content=content_of(reader, first.component),
        visibility=reader.visibility,
        stamp=reader.stamp,
    )
    rest = {key: each for key, each in others if key != flat.start.key}
    if any(isinstance(key, datetime) == start.is_date for key in rest):
        raise Rejected("All-day and timed instances of one list of dates cannot be shown.", code="mixedDates")
    flat = replace(flat, rdates=tuple(sorted(rest)))
    exceptions = []
    for key, each in sorted(rest.items()):
        begins, ends = _span(each)
        exception = Override(key=key, start=begins, end=ends, content=content_of(reader, each.component))
        if not is_same(exception, flat.implied(key)):
            exceptions.append(exception)
    return replace(flat, exceptions=tuple(exceptions))


def _instances(reader: Reader, horizon: Window | None, reason: str) -> list[Instance]:
    try:
        return iter_instances(reader.obj, zone=reader.zone, window=_EVER, limit=MAX_DATES)
    except TooManyInstances:
        pass
    try:
        if horizon is not None:
            return iter_instances(reader.obj, zone=reader.zone, window=horizon, limit=MAX_DATES)
    except TooManyInstances:
        pass
    raise Rejected(
        f"Outlook cannot repeat like this ({reason}), and the series has more than {MAX_DATES} dates; end it"
        " earlier, or use a daily, weekly, monthly or yearly rule in a named time zone.",
        code="ruleBeyondOutlook",
    )


def parts_of(flat: Flat) -> dict[str, Override]:
    """Return the single events of a list of dates, by the name that each keeps (``calgatePart``)."""
    exceptions = {one.key: one for one in flat.exceptions}
    first = Override(key=flat.start.key, start=flat.start, end=flat.end, content=flat.content)
    others = [exceptions.get(key) or flat.implied(key) for key in flat.rdates]
    return {part_name(one.key): one for one in (first, *others)}


def part_name(key: Key) -> str:
    """Return the name of an instance in a marker."""
    if isinstance(key, datetime):
        return f"{key.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    return f"{key:%Y%m%d}"


def _key(instance: Instance) -> Key:
    if instance.is_all_day and not isinstance(instance.local_start, datetime):
        return instance.local_start
    return instance.start


def _is_cancelled(instance: Instance, reader: Reader) -> bool:
    is_master = instance.component is reader.obj.master
    return not is_master and reader.content(instance.component).status == "CANCELLED"


def _span(instance: Instance) -> tuple[At, At]:
    start = fitting(_at(instance.local_start, instance.start).settled())
    end = _at(instance.local_end, instance.end).settled()
    return start, end if end.is_date else at_instant(end.instant, start.zone)


def _at(local: object, instant: datetime) -> At:
    if not isinstance(local, datetime):
        return At(local)  # type: ignore[arg-type]  # dates and datetimes are all there is
    zone = local.tzinfo
    return at_instant(instant, zone_name(zone) if isinstance(zone, ZoneInfo) else "UTC")
