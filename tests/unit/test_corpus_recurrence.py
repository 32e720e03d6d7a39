"""Every file of the corpus is split, read or refused with a reason, and expanded as ical.js expands it."""

from __future__ import annotations

import tomllib
import warnings
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.domain.errors import InvalidCalendarData, InvalidInput
from gateway.domain.ical import ImportEntry, ParsedObject, parse_entry, split_import
from gateway.domain.model import Window, to_epoch_s
from gateway.domain.recurrence import expand
from tests.judge.corpus import CORPUS_SIZE, ROOT, calendar_files, corpus_dir
from tests.judge.judge import Job, Judge, JudgeError, Spans

ZONE = ZoneInfo("Europe/Berlin")
LIMIT = 5000
MAX_BYTES = 10_000_000
PROBE = Window(start=datetime(1900, 1, 1, tzinfo=UTC), end=datetime(1900, 1, 2, tzinfo=UTC))
KNOWN = tomllib.loads((ROOT / "tests" / "data" / "corpus_differences.toml").read_text("utf-8"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Expanded:
    """One object of a file with our occurrences over the year of its first start."""

    entry: ImportEntry
    obj: ParsedObject
    window: Window
    spans: Spans


def read_file(data: bytes) -> tuple[list[Expanded], list[str]]:
    """Return the expanded objects of a file and the reasons of those that were refused."""
    found: list[Expanded] = []
    refused: list[str] = []
    try:
        entries = list(split_import(data, max_object_bytes=MAX_BYTES).entries)
    except InvalidInput as error:
        return [], [str(error)]
    for entry in entries:
        try:
            obj = parse_entry(entry, max_bytes=MAX_BYTES)
            first = expand(obj, zone=ZONE, window=PROBE, limit=LIMIT).first_start
            if first is None:
                continue  # a task without dates: it is nowhere
            year = Window(
                start=datetime(first.year, 1, 1, tzinfo=UTC), end=datetime(first.year + 1, 1, 1, tzinfo=UTC)
            )
            occurrences = expand(obj, zone=ZONE, window=year, limit=LIMIT).occurrences
        except InvalidInput as error:
            refused.append(str(error))
            continue
        spans = {(to_epoch_s(o.start), to_epoch_s(o.end)) for o in occurrences}
        found.append(Expanded(entry=entry, obj=obj, window=year, spans=spans))
    return found, refused


def verdicts(judge: Judge, data: bytes, objects: list[Expanded]) -> list[Spans | JudgeError]:
    """Ask the judge about the original file; about the object alone where the file is beyond ical.js.

    Also alone where the file holds several versions of an object and import chose one of them.
    """
    jobs = [Job(uid=o.obj.uid, window=o.window) for o in objects]
    try:
        results = judge.expand(data.decode("utf-8-sig"), jobs, zone=ZONE)
    except (JudgeError, UnicodeDecodeError) as error:
        results = [JudgeError(str(error))] * len(jobs)
    for index, (item, result) in enumerate(zip(objects, results, strict=True)):
        if isinstance(result, JudgeError) or item.entry.notes:
            try:
                (results[index],) = judge.expand(item.obj.ical.decode(), [jobs[index]], zone=ZONE)
            except JudgeError as error:
                results[index] = error
    return results


def test_occurrences_of_every_file_equal_those_of_the_foreign_judge() -> None:
    base, files = calendar_files()
    is_corpus = base == corpus_dir()
    if not is_corpus:
        warnings.warn(
            f"no corpus: {CORPUS_SIZE} files did not run, {len(files)} of our own did", stacklevel=1
        )
    counts: Counter[str] = Counter()
    differing: Counter[str] = Counter()
    details: list[str] = []
    with Judge() as judge:
        for file in files:
            name = str(file.relative_to(base))
            data = file.read_bytes()
            objects, refused = read_file(data)
            counts["refused"] += len(refused)
            assert all(reason.strip() for reason in refused), name
            for item, verdict in zip(objects, verdicts(judge, data, objects), strict=True):
                if verdict == item.spans:
                    counts["equal"] += 1
                    continue
                differing[name] += 1
                details.append(f"{name} line {item.entry.line}: {describe(item.spans, verdict)}")
    known = {entry["file"]: entry["count"] for entry in KNOWN["difference"]} if is_corpus else {}
    report = "\n".join(details)
    assert dict(differing) == known, f"not as in corpus_differences.toml:\n{report}\n{counts}"
    assert counts["equal"] > (1900 if is_corpus else 5), counts


def describe(ours: Spans, verdict: Spans | JudgeError) -> str:
    if isinstance(verdict, JudgeError):
        return f"the judge cannot tell: {verdict}"
    return f"only ours {sorted(ours - verdict)[:3]}, only the judge's {sorted(verdict - ours)[:3]}"


def test_every_known_difference_has_a_reason() -> None:
    for entry in KNOWN["difference"]:
        assert len(entry["reason"]) > 20, entry


def content_lines(data: bytes) -> list[bytes]:
    if b"\n" not in data:  # old Macintosh files end their lines with a carriage return alone
        data = data.replace(b"\r", b"\n")
    return [line.removesuffix(b"\r") for line in data.split(b"\n")]


@pytest.mark.parametrize("file", calendar_files()[1], ids=lambda path: path.name)
def test_import_keeps_every_line_of_every_file(file: Path) -> None:
    data = file.read_bytes()
    if b"BEGIN:VCALENDAR" not in data.upper():
        with pytest.raises(InvalidCalendarData, match="VCALENDAR"):
            split_import(data, max_object_bytes=MAX_BYTES)
        return
    entries = list(split_import(data, max_object_bytes=MAX_BYTES).entries)
    original = content_lines(data)
    for entry in entries:
        if entry.data is None:
            assert entry.reason
            continue
        lines = content_lines(entry.data)
        for (ours, theirs), (following, _) in zip(
            entry.lines, [*entry.lines[1:], (len(lines) - 1, 0)], strict=True
        ):
            block = lines[ours - 1 : following - 1]
            if block[-1].startswith(b"UID:") and block[-1].endswith(b"@derived.calgate"):
                block.pop()  # the only line we add: an identity where the file gives none
            assert block == original[theirs - 1 : theirs - 1 + len(block)]
