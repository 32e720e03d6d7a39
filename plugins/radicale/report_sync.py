"""sync-collection (RFC 6578): what changed since a token, from the change log."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence

from gateway.domain.model import Change
from gateway.services import changes, reading
from gateway.services.changes import MASKED
from gateway.services.reading import Summary
from plugins.radicale import listing, multistatus
from plugins.radicale.names import dav, element, text
from plugins.radicale.object_properties import needs_times
from plugins.radicale.problems import Answer, Problem
from plugins.radicale.reporting import Report

MAX_RESULTS = 1_000_000  # more than a calendar holds, and a number that databases take
MORE = "<D:error><D:number-of-matches-within-limits/></D:error>"


def answer(report: Report) -> Answer:
    """Answer a sync-collection."""
    level = report.root.findtext(dav("sync-level"))
    if (level or "").strip() not in {"", "1", "infinite"}:
        raise Problem(400, "DAV:sync-level is 1 or infinite.")
    if level is None and report.request.header("Depth") not in {None, "0", "1"}:
        raise Problem(400, "DAV:sync-level is missing.")
    limit = read_limit(report.root)
    token = (report.root.findtext(dav("sync-token")) or "").strip()
    return _since(report, token, limit) if token else _listing(report, limit)


def read_limit(root: ET.Element) -> int | None:
    """Return how many responses the client wants at most.

    Raises:
        Problem: 400, it is no number above 0.
    """
    text_ = root.findtext(f"{dav('limit')}/{dav('nresults')}")
    if text_ is None:
        return None
    try:
        limit = int(text_)
    except ValueError:
        raise Problem(400, "DAV:nresults is a number.") from None
    if limit < 1:
        raise Problem(400, "DAV:nresults is at least 1.")
    return min(limit, MAX_RESULTS)


def _listing(report: Report, limit: int | None) -> Answer:
    calendar, view = report.calendar, report.view
    if limit is None:
        quick = listing.responses(report.request, view, report.names()) if report.data() is None else None
        if quick is not None:
            return _answer(report, quick, view.token(calendar), is_cut=False)
        items = view.shown(reading.listing(report.tx, calendar.id, with_times=needs_times(report.names())))
        return _answer(report, _puts(report, items), view.token(calendar), is_cut=False)
    items = reading.after(report.tx, calendar.id, 0, limit=limit + 1, with_times=needs_times(report.names()))
    if len(items) <= limit:
        return _answer(report, _puts(report, items), view.token(calendar), is_cut=False)
    items = items[:limit]
    token = view.token(calendar, changes.token(calendar, items[-1].seq), listed_above=calendar.min_seq)
    return _answer(report, _puts(report, items), token, is_cut=True)


def _since(report: Report, token: str, limit: int | None) -> Answer:
    calendar, view = report.calendar, report.view
    base, listed_above = view.read_token(report.tx, calendar, token)
    found = changes.since(report.tx, calendar, base, limit=limit, listed_above=listed_above)
    puts = [change.href for change in found.changes if change.op == "put"]
    items = reading.summaries_by_hrefs(report.tx, calendar.id, puts, with_times=needs_times(report.names()))
    shown = {view.href_of(item) for item in items if view.shows(item)}
    gone = [name for name in _gone(report, found.changes) if name not in shown]
    gone += [view.href_of(item) for item in items if not view.shows(item)]
    responses = [*_puts(report, items), *(multistatus.gone(report.object_href(name)) for name in gone)]
    still_listing = listed_above if found.is_truncated else None
    next_token = view.token(calendar, found.token, listed_above=still_listing)
    return _answer(report, responses, next_token, is_cut=found.is_truncated)


def _gone(report: Report, lines: Sequence[Change]) -> Iterable[str]:
    """Yield the names of what was deleted, as this person knew them."""
    for line in lines:
        if line.op != "delete":
            continue
        mark = line.etag or ""
        is_hers = mark == f"{MASKED}{report.request.principal.id}"
        is_public = not report.view.is_masked or not mark.startswith(MASKED) or is_hers
        if is_public and not report.view.is_busy_only:
            yield line.href
        else:
            yield report.view.masked_href(line.uid)


def _puts(report: Report, items: Sequence[Summary]) -> Iterable[str]:
    items = [item for item in items if report.view.shows(item)]
    data = report.data()
    if data is None:
        render = report.renderer()
        return [render(item, "") for item in items]
    write = report.writer(data)
    ids = [item.id for item in items]
    return [write(stored) for stored in reading.by_ids(report.tx, report.calendar.id, ids)]


def _answer(report: Report, responses: Iterable[str], token: str, *, is_cut: bool) -> Answer:
    tail = element(dav("sync-token"), text(token))
    if is_cut:
        here = report.request.calendar_href(report.view.entry.slug)
        responses = [*responses, multistatus.gone(here, 507, MORE)]
    return multistatus.answer(responses, tail)
