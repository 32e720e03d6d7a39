"""calendar-multiget (RFC 4791 §7.9): objects by their hrefs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.services import reading
from plugins.radicale import data_responses, multistatus
from plugins.radicale.names import text
from plugins.radicale.problems import Answer, Problem
from plugins.radicale.reporting import Report
from plugins.radicale.requests import Target, hrefs_of, path_of

MAX_HREFS = 10_000
_PLAIN = re.compile(r"[-A-Za-z0-9_.~@=+]*[A-Za-z0-9]")


def answer(report: Report) -> Answer:
    """Answer a calendar-multiget."""
    wanted, foreign = _wanted(report)
    gone = [multistatus.gone(text(href)) for href in foreign]
    if data_responses.can_write(report, report.data()):
        return multistatus.answer_of([*map(str.encode, gone), *_whole(report, wanted)])
    return multistatus.answer([*gone, *_responses(report, wanted)])


def _wanted(report: Report) -> tuple[dict[str, str], list[str]]:
    """Return the hrefs as sent by the name in this calendar, and those of elsewhere."""
    wanted: dict[str, str] = {}
    foreign: list[str] = []
    here = report.request.calendar_href(report.view.entry.slug)
    for href in hrefs_of(report.root):
        rest = href.removeprefix(here)
        # Most hrefs are as we have given them out.
        is_plain = report.only is None and len(rest) < len(href) and _PLAIN.fullmatch(rest)
        name = rest if is_plain else _name(report, href)
        if name is None:
            foreign.append(href)
        else:
            wanted.setdefault(name, href)
    if len(wanted) > MAX_HREFS:
        raise Problem(403, f"A multiget names at most {MAX_HREFS} objects; ask in parts.")
    return wanted, foreign


def _whole(report: Report, wanted: dict[str, str]) -> Iterator[bytes]:
    """Yield the responses of whole objects, and of what is not there."""
    view = report.view
    rows = reading.texts_by_hrefs(report.tx, report.calendar.id, wanted)
    found = data_responses.by_href(report, rows)
    for name, href in wanted.items():
        response = found.get(name)
        if response is None and view.is_masked:
            stored = view.find(report.tx, name)
            response = report.writer(report.data())(stored).encode() if stored is not None else None
        yield response if response is not None else multistatus.gone(text(href)).encode()


def _responses(report: Report, wanted: dict[str, str]) -> Iterator[str]:
    write = report.writer(report.data())
    view = report.view
    found = {
        stored.href: stored
        for stored in reading.by_hrefs(report.tx, report.calendar.id, wanted)
        if not view.hides(stored)
    }
    for name, href in wanted.items():
        stored = found.get(name) or (view.find(report.tx, name) if view.is_masked else None)
        yield write(stored) if stored is not None else multistatus.gone(text(href))


def _name(report: Report, href: str) -> str | None:
    """Return the name of an object of this very calendar, or of this very object."""
    path = path_of(href, report.request.prefix)
    if path is None:
        return None
    try:
        target = Target.of(path)
    except Problem:
        return None
    own = report.request.principal.login
    if (target.login, target.slug) != (own, report.view.entry.slug):
        return None
    return target.name if report.only in {None, target.name} else None
