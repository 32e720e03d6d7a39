"""The foreign judge of recurrence: ical.js under the Node that comes as a pip wheel (see ``expand.mjs``)."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

from gateway.domain.model import Window
from gateway.domain.timezone import known_zone
from gateway.domain.vtimezone import vtimezone_lines
from tests import node

HERE = Path(__file__).parent
_TZID_USED = re.compile(r';TZID=("[^"]*"|[^;:,]*)', re.IGNORECASE)
_TZID_GIVEN = re.compile(r"^TZID[^:\n]*:(.*)$", re.MULTILINE | re.IGNORECASE)
# Properties without any value, which ical.js cannot read and RFC 5545 does not know.
_EMPTY = re.compile(
    r"^(?:RRULE|RDATE|EXDATE|EXRULE)[^:\n]*:[ \t]*\r?\n(?![ \t])", re.MULTILINE | re.IGNORECASE
)


class JudgeError(Exception):
    """The judge cannot answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One question: the occurrences of one UID in a window."""

    uid: str
    window: Window


Spans = set[tuple[int, int]]


def install() -> None:
    """Install ical.js beside this file where it is missing; needs the network once."""
    try:
        node.install(HERE)
    except node.NodeError as error:
        raise JudgeError(str(error)) from error


class Judge:
    """A Node process that answers jobs, one at a time."""

    def __enter__(self) -> Self:
        install()
        self._process = subprocess.Popen(
            [node.NODE, HERE / "expand.mjs"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)

    def expand(self, ical: str, jobs: Sequence[Job], *, zone: ZoneInfo) -> list[Spans | JudgeError]:
        """Return per job the (start, end) instants in seconds since 1970, or why there is no answer.

        Raises:
            JudgeError: ical.js cannot read the file at all.
        """
        request = {
            "ical": _EMPTY.sub("", ical),
            "zones": zones_for(ical, zone, jobs),
            "zone": zone.key,
            "jobs": [
                {"uid": j.uid, "from": _seconds(j.window.start), "to": _seconds(j.window.end)} for j in jobs
            ],
        }
        answer = self._ask(request)
        if "error" in answer:
            raise JudgeError(answer["error"])
        return [
            JudgeError(result["error"])
            if "error" in result
            else {(round(start), round(end)) for start, end in result["occurrences"]}
            for result in answer["results"]
        ]

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise JudgeError("the judge ended")
        result: dict[str, Any] = json.loads(line)
        return result


def zones_for(ical: str, zone: ZoneInfo, jobs: Sequence[Job]) -> dict[str, str]:
    """Return a VTIMEZONE for the default zone and for every TZID that the file uses but does not define."""
    unfolded = re.sub(r"\r?\n[ \t]", "", ical)
    given = {found.strip() for found in _TZID_GIVEN.findall(unfolded)}
    used = {found.strip('"') for found in _TZID_USED.findall(unfolded)}
    zones = {zone.key: zone}
    for tzid in used - given:
        zones[tzid] = known_zone(tzid) or zone
    first = min((job.window.start for job in jobs), default=datetime(2020, 1, 1, tzinfo=UTC))
    last = max((job.window.end for job in jobs), default=first)
    wide = Window(start=first - timedelta(days=800), end=last + timedelta(days=800))
    return {tzid: "\r\n".join(vtimezone_lines(tzid, value, wide)) for tzid, value in zones.items()}


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())
