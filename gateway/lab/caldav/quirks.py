"""What real servers do to objects and tags, behind the switches that begin with ``dav_``."""

from __future__ import annotations

import hashlib
import itertools
import re
from typing import TYPE_CHECKING

from gateway.lab.caldav import lines

if TYPE_CHECKING:
    from gateway.lab.caldav.model import Resource
    from gateway.lab.core.settings import Settings

_FOLD = re.compile(r"(.{1,70})", re.DOTALL)
_counter = itertools.count()


def kept_as(body: str, settings: Settings, name: str) -> str:
    """Return the body as it is stored."""
    kept = body.replace("\r\n", "\n").replace("\n", "\r\n")
    if settings.dav_drop_x:
        kept = _each(kept, lambda line: None if line.upper().startswith("X-") else line)
    if settings.dav_own_uids:
        uid = hashlib.sha256(name.encode()).hexdigest()[:32].upper()
        kept = _each(kept, lambda line: f"UID:{uid}" if line.upper().startswith(("UID:", "UID;")) else line)
    if settings.dav_rewrite:
        kept = _rewritten(kept)
    return kept


def _each(body: str, change: object) -> str:
    found = [change(line) for line in lines.unfolded(body)]  # type: ignore[operator]  # a function of one line
    return "".join(_folded(line) for line in found if line is not None)


def _folded(line: str) -> str:
    return "\r\n ".join(_FOLD.findall(line) or [""]) + "\r\n"


def _rewritten(body: str) -> str:
    """Sort the properties, fold otherwise, add stamps and an X- property, write times another way."""
    out: list[str] = []
    block: list[str] = []
    for line in lines.unfolded(body):
        upper = line.upper()
        if not upper.startswith(("BEGIN:", "END:")):
            block.append(_spelled(line))
            continue
        out += sorted(block)
        block = []
        if upper == "END:VEVENT":
            out += ["LAST-MODIFIED:20260101T000000Z", "CREATED:20260101T000000Z", "X-SERVER-SAYS:hello"]
        out.append(line)
    return "".join(map(_folded, out))


def _spelled(line: str) -> str:
    name, parameters, content = lines.read(line)
    if name == "RRULE":
        return "RRULE:" + ";".join(sorted(content.split(";")))
    if name in {"DTSTART", "DTEND", "RECURRENCE-ID"} and "TZID" in parameters and "T" in content:
        return f'{name};VALUE=DATE-TIME;TZID="{parameters["TZID"]}":{content}'
    if name in {"SUMMARY", "DESCRIPTION", "LOCATION"} and not parameters:
        return f"{name}:{content.strip()}"
    return line


def shown_etag(resource: Resource, settings: Settings) -> str | None:
    """Return the ETag that the server tells, None where it tells none."""
    match settings.dav_etags:
        case "weak":
            return f'W/"{resource.etag}"'
        case "missing":
            return None
        case "changing":
            return f'"{resource.etag}-{next(_counter)}"'
        case "constant":
            return '"always the same"'
        case _:
            return f'"{resource.etag}"'


def matches(header: str, resource: Resource | None, settings: Settings) -> bool:
    """Return whether an If-Match or If-None-Match names what is there, compared strongly."""
    if resource is None:
        return False
    if header.strip() == "*":
        return True
    given = {part.strip() for part in header.split(",")}
    if settings.dav_etags in {"changing", "missing"}:
        return False
    shown = shown_etag(resource, settings) or ""
    # The origin knows the strong tag, whatever a proxy in front of it has made of it.
    return f'"{resource.etag}"' in given if settings.dav_etags == "weak" else shown in given
