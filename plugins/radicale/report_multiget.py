"""calendar-multiget (RFC 4791 §7.9): objects by their hrefs."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.services import reading
from plugins.radicale import multistatus
from plugins.radicale.names import text
from plugins.radicale.problems import Answer, Problem
from plugins.radicale.reporting import Report
from plugins.radicale.requests import Target, hrefs_of, path_of

MAX_HREFS = 10_000


def answer(report: Report) -> Answer:
    """Answer a calendar-multiget."""
    return multistatus.answer(_responses(report))


def _responses(report: Report) -> Iterator[str]:
    wanted: dict[str, str] = {}  # name in this calendar -> href as sent
    for href in hrefs_of(report.root):
        name = _name(report, href)
        if name is None:
            yield multistatus.gone(text(href))
        else:
            wanted.setdefault(name, href)
    if len(wanted) > MAX_HREFS:
        raise Problem(403, f"A multiget names at most {MAX_HREFS} objects; ask in parts.")
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
