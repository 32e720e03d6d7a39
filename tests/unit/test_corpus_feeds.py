"""Every object of the corpus in a feed: re-read by icalendar and by ical.js, with the instants of the index."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from datetime import UTC, datetime

import icalendar

from gateway.domain.errors import InvalidInput
from gateway.domain.feed import FeedHead, FeedObject, render_feed
from gateway.domain.ical import ParsedObject, parse_entry, split_import
from gateway.domain.model import FeedLevel, Window, to_epoch_s
from gateway.domain.projection import Stamp, View
from gateway.domain.recurrence import expand
from tests.judge.corpus import ROOT, calendar_files, corpus_dir
from tests.judge.judge import Job, Judge, JudgeError, Spans
from tests.unit.test_corpus_recurrence import LIMIT, MAX_BYTES, ZONE, Expanded, describe, read_file

STAMP_AT = datetime(2026, 3, 2, tzinfo=UTC)
STAMP = Stamp(created_at_utc=STAMP_AT, modified_at_utc=STAMP_AT, sequence=0)
HEAD = FeedHead(
    uid="feed", title="Corpus", description="", zone=ZONE.key, color="#3366cc",
    url="https://x/f.ics", page_url="https://x/f.html", changed_at_utc=STAMP_AT,
)  # fmt: skip
KNOWN = tomllib.loads((ROOT / "tests" / "data" / "feed_differences.toml").read_text("utf-8"))
_TZID_USED = re.compile(r";TZID=([^;:]*)")


def render(objects: list[Expanded], level: FeedLevel, *, uses_utc: bool = False) -> bytes:
    view = View(level=level, mask=lambda uid: uid, shows_private=True)
    years = [each.window for each in objects]
    window = Window(start=min(each.start for each in years), end=max(each.end for each in years))
    rendered = render_feed(
        HEAD,
        [
            FeedObject(uid=f"object-{number}", ical=each.obj.ical, stamp=STAMP, zone=ZONE, view=view)
            for number, each in enumerate(objects)
        ],
        window=window,
        today=min(max(STAMP_AT, window.start), window.end),
        budget_bytes=10**9,
        uses_utc=uses_utc,
    )
    assert rendered.skipped == ()
    return rendered.ical


def check_form(feed: bytes) -> None:
    """RFC 5545 §3.1 in every line, and a VTIMEZONE for every TZID (behaviours.md 23, 45)."""
    text = feed.decode()
    assert text.endswith("END:VCALENDAR\r\n")
    lines = text.split("\r\n")
    assert all(len(line.encode()) <= 75 for line in lines)
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n", text)
    unfolded = text.replace("\r\n ", "")
    assert "\r\n \r\n" not in text
    given = set(re.findall(r"^TZID:(.*)\r$", unfolded, re.MULTILINE))
    assert set(_TZID_USED.findall(unfolded)) <= given
    assert not re.search(r"^(ATTENDEE|ORGANIZER)[;:]", unfolded, re.MULTILINE)
    for summary in re.findall(r"^SUMMARY:(.*)\r$", unfolded, re.MULTILINE):
        assert summary.strip()


def reread(feed: bytes) -> dict[str, ParsedObject]:
    """Return the objects of a feed by UID, read again; icalendar must read all of it without a word."""
    icalendar.Calendar.from_ical(feed)
    found: dict[str, ParsedObject] = {}
    for entry in split_import(feed, max_object_bytes=MAX_BYTES).entries:
        obj = parse_entry(entry, max_bytes=MAX_BYTES)
        found[obj.uid] = obj
    return found


def test_pain_23_25_26_45_feeds_of_the_corpus_have_the_instants_of_the_index() -> None:
    base, files = calendar_files()
    is_corpus = base == corpus_dir()
    counts: Counter[str] = Counter()
    differing: Counter[str] = Counter()
    details: list[str] = []
    with Judge() as judge:
        for file in files:
            name = str(file.relative_to(base))
            objects, _refused = read_file(file.read_bytes())
            if not objects:
                continue
            feed = render(objects, FeedLevel.FULL)
            check_form(feed)
            again = reread(feed)
            jobs = [Job(uid=f"object-{n}", window=each.window) for n, each in enumerate(objects)]
            try:
                verdicts = judge.expand(feed.decode(), jobs, zone=ZONE)
            except JudgeError as error:
                verdicts = [error] * len(jobs)
            for number, (each, verdict) in enumerate(zip(objects, verdicts, strict=True)):
                obj = again[f"object-{number}"]
                occurrences = expand(obj, zone=ZONE, window=each.window, limit=LIMIT).occurrences
                mine = {(to_epoch_s(o.start), to_epoch_s(o.end)) for o in occurrences}
                if mine != each.spans:
                    details.append(
                        f"{name} line {each.entry.line} re-read by us: {describe(each.spans, mine)}"
                    )
                    differing[name] += 1
                elif verdict != each.spans:
                    details.append(f"{name} line {each.entry.line}: {describe(each.spans, verdict)}")
                    differing[name] += 1
                else:
                    counts["equal"] += 1
    known = {entry["file"]: entry["count"] for entry in KNOWN["difference"]} if is_corpus else {}
    assert dict(differing) == known, "not as in feed_differences.toml:\n" + "\n".join(details)
    assert counts["equal"] > (1900 if is_corpus else 5), counts


def test_feeds_in_utc_have_the_instants_of_the_index_and_no_zone() -> None:
    _base, files = calendar_files()
    checked = 0
    for file in files:
        objects, _refused = read_file(file.read_bytes())
        for each in objects:
            try:
                feed = render([each], FeedLevel.TITLES, uses_utc=True)
            except InvalidInput:
                continue
            check_form(feed)
            assert b"TZID" not in feed.replace(b"X-WR-TIMEZONE", b"")
            spans: Spans = set()
            for entry in split_import(feed, max_object_bytes=MAX_BYTES).entries:
                obj = parse_entry(entry, max_bytes=MAX_BYTES)
                for o in expand(obj, zone=ZONE, window=each.window, limit=LIMIT).occurrences:
                    spans.add((to_epoch_s(o.start), to_epoch_s(o.end)))
            assert spans == each.spans, (file.name, each.entry.line, describe(each.spans, spans))
            checked += 1
    assert checked > 5


def test_every_known_difference_has_a_reason() -> None:
    assert all(len(entry["reason"]) > 20 for entry in KNOWN["difference"])
