"""Rules that Google does not know, as a list of dates: the last resort, for what ends (behaviours.md 20)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from gateway.domain.errors import TooManyInstances
from gateway.domain.model import Window
from gateway.domain.recurrence import Instance, iter_instances
from gateway.providers.errors import Rejected
from gateway.providers.flat.model import At, Flat, Key, Override, at_instant, is_same
from gateway.providers.flat.object_reader import Reader, zone_name

MAX_DATES = 500
_EVER = Window(start=datetime(2, 1, 1, tzinfo=UTC), end=datetime(9990, 1, 1, tzinfo=UTC))


def materialise(reader: Reader) -> Flat:
    """Return a series that lists its dates, or a single event.

    Raises:
        Rejected: endless, too many, or none at all.
    """
    try:
        found = iter_instances(reader.obj, zone=reader.zone, window=_EVER, limit=MAX_DATES)
    except TooManyInstances:
        raise Rejected(
            f"Google cannot repeat like this, and the series has more than {MAX_DATES} dates;"
            " end it earlier, or use a daily, weekly, monthly or yearly rule in a named time zone.",
            code="ruleBeyondGoogle",
        ) from None
    # Two occurrences at one instant are one there: nothing but the start names them.
    instances = {_key(each): each for each in found if not _is_cancelled(each, reader)}
    if not instances:
        raise Rejected("This event takes place at no time, so there is nothing to show.", code="noOccurrence")
    (_, first), *others = sorted(instances.items(), key=lambda pair: pair[1].start)
    start, end = _span(first)
    flat = Flat(
        uid=reader.obj.uid,
        start=start.settled(),
        end=end.settled(),
        content=reader.content(first.component),
        visibility=reader.visibility,
        stamp=reader.stamp,
    )
    same_type = {key: each for key, each in others if each.is_all_day == first.is_all_day}
    if len(same_type) < len(others):
        raise Rejected("All-day and timed instances of one list of dates cannot be shown.", code="mixedDates")
    flat = replace(flat, rdates=tuple(sorted(key for key in same_type if key != flat.start.key)))
    exceptions = []
    for key, each in sorted(same_type.items()):
        begins, ends = _span(each)
        exception = Override(
            key=key, start=begins.settled(), end=ends.settled(), content=reader.content(each.component)
        )
        if not is_same(exception, flat.implied(key)):
            exceptions.append(exception)
    return replace(flat, exceptions=tuple(exceptions))


def _key(instance: Instance) -> Key:
    local = instance.local_start
    return local if instance.is_all_day and not isinstance(local, datetime) else instance.start


def _is_cancelled(instance: Instance, reader: Reader) -> bool:
    is_master = instance.component is reader.obj.master
    return not is_master and reader.content(instance.component).status == "CANCELLED"


def _span(instance: Instance) -> tuple[At, At]:
    return _at(instance.local_start, instance.start), _at(instance.local_end, instance.end)


def _at(local: date, instant: datetime) -> At:
    if not isinstance(local, datetime):
        return At(local)
    zone = local.tzinfo
    return at_instant(instant, zone_name(zone) if isinstance(zone, ZoneInfo) else "UTC")
