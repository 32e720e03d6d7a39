"""jCal beside that of ical.js, object by object of the corpus."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gateway.domain.date_bounds import FIRST
from gateway.domain.errors import InvalidInput
from gateway.domain.ical import parse_entry, parse_object, split_import
from gateway.domain.jcal import from_jcal, to_jcal
from gateway.domain.model import Window
from gateway.domain.recurrence import expand
from tests import node
from tests.compliance import proves
from tests.judge.corpus import calendar_files, corpus_dir
from tests.judge.judge import HERE, install

DAYS = ("SU", "MO", "TU", "WE", "TH", "FR", "SA")
LARGEST = 8_000_000
PER_FILE = 3
# Objects of the corpus whose property is no value of its type, or that ical.js reads in its own way; seen by hand.
ODD = {
    "dtstart": (13, "a date that does not say that it is one, or a time that says it is a date"),
    "dtend": (10, "as dtstart"),
    "geo": (1, "ical.js keeps the first number where the semicolon is escaped"),
    "x-apple-structured-location": (1, "a folded parameter"),
    "sequence": (1, "BASE64 where a number belongs"),
    "attach": (1, "ENCODING beside the type binary, which RFC 7265 §3.6.1 leaves out"),
    "color": (1, "ical.js does not know RFC 7986"),
    "rdate": (1, "an empty value"),
    "exdate": (1, "an empty value"),
    "rrule": (3, "an empty value"),
}


def texts() -> list[str]:
    found = []
    for file in calendar_files()[1]:
        try:
            entries = list(split_import(file.read_bytes(), max_object_bytes=LARGEST).entries)[:PER_FILE]
        except InvalidInput:
            continue
        for entry in entries:
            try:
                parse_entry(entry, max_bytes=LARGEST)
            except InvalidInput:
                continue
            assert entry.data is not None
            found.append(entry.data.decode("utf-8-sig"))
    return found


def judged(icals: list[str]) -> list[dict[str, Any]]:
    install()
    ended = subprocess.run(
        [node.NODE, HERE / "jcal.mjs"],
        input="\n".join(map(json.dumps, icals)),
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=HERE,
        check=True,
    )
    return [json.loads(line) for line in ended.stdout.splitlines()]


def flat(tree: Any) -> Counter[str]:
    """Return the properties of a jCal with the path of their component, written in one way."""
    found: Counter[str] = Counter()
    waiting = [("", tree)]
    while waiting:
        path, (name, properties, children) = waiting.pop()
        found.update(json.dumps([f"{path}/{name}", *map(_plain, one)], sort_keys=True) for one in properties)
        waiting += [(f"{path}/{name}", child) for child in children]
    return found


def _plain(value: Any) -> Any:
    """Return a value so that what RFC 7265 lets one write in two ways is written in one."""
    if isinstance(value, dict):  # the parts of a rule may be a value or a list of one (§3.6.10)
        parts = {key: one if isinstance(one, list) else [one] for key, one in value.items()}
        if isinstance(parts.get("wkst", [""])[0], int):  # ical.js counts the days
            parts["wkst"] = [DAYS[parts["wkst"][0] - 1]]
        return parts
    if isinstance(value, str) and value[:1] in "+-" and value.endswith(":00") and value.count(":") == 2:
        value = value[:-3]  # +01:00:00
    return "+00:00" if value == "-00:00" else value


@proves("RFC 7265 §3 values")
def test_jcal_is_that_of_the_foreign_judge() -> None:
    icals = texts()
    same, odd = 0, Counter[str]()
    for ical, other in zip(icals, judged(icals), strict=True):
        if "error" in other:
            continue
        ours, theirs = flat(json.loads(to_jcal(ical.encode()))), flat(other["jcal"])
        differing = {json.loads(one)[1] for one in (ours - theirs) + (theirs - ours)}
        assert differing <= set(ODD), (ours - theirs, theirs - ours)
        odd.update(differing)
        same += not differing
    if calendar_files()[0] == corpus_dir():
        assert odd == {name: count for name, (count, _) in ODD.items()}
        assert same > 265
    assert same > 0


@proves("RFC 7265 §3 writing")
def test_what_is_made_of_jcal_is_what_the_jcal_was_made_of() -> None:
    icals = texts()
    back = [from_jcal(to_jcal(ical.encode())).ical.decode() for ical in icals]
    seen = 0
    for ical, again, ours, theirs in zip(icals, back, judged(icals), judged(back), strict=True):
        assert to_jcal(again.encode()) == to_jcal(ical.encode())
        assert _meant(again) == _meant(ical)
        if "error" not in ours:
            assert "error" not in theirs, theirs
            before, after = flat(ours["jcal"]), flat(theirs["jcal"])
            differing = {json.loads(one)[1] for one in (before - after) + (after - before)}
            assert differing <= set(ODD), (before - after, after - before)
        seen += 1
    assert seen == len(icals) > 0


def _meant(ical: str) -> list[tuple[datetime, datetime]]:
    """Return when an object happens in the four weeks from its first start."""
    found, zone = parse_object(ical.encode(), max_bytes=LARGEST), ZoneInfo("Europe/Berlin")
    nothing = Window(start=FIRST, end=FIRST + timedelta(seconds=1))
    first = expand(found, zone=zone, window=nothing, limit=100).first_start
    if first is None:
        return []
    window = Window(start=first, end=first + timedelta(days=28))
    spans = expand(found, zone=zone, window=window, limit=50_000).occurrences
    return [(span.start, span.end) for span in spans]
