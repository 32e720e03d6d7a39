"""A taken slot as an answer: what clashes, and who holds it for managers only (rules.md, Conflicts)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import quote

from gateway.domain.errors import Clash
from gateway.domain.model import ClashReport, Level
from gateway.services import Transaction, holders
from gateway.services.access import HomeEntry
from plugins.radicale.names import text
from plugins.radicale.problems import Problem
from plugins.radicale.requests import Request

WARNING = "Calgate-Warning"


def clash_problem(request: Request, entry: HomeEntry, clash: Clash) -> Problem:
    """Return the answer to a refused write."""
    names: dict[tuple[datetime, datetime], str] = {}
    if entry.level >= Level.MANAGE:
        names = request.handle.db.read(_holders, entry, clash.clashes)
    parts = "".join(
        _conflict(report, names.get((report.with_start, report.with_end))) for report in clash.clashes
    )
    return Problem(409, str(clash), f"<CG:no-time-conflict>{parts}</CG:no-time-conflict>")


def warning_headers(clashes: Sequence[ClashReport]) -> dict[str, str]:
    """Return the header that tells what a stored object meets where the policy is to warn."""
    if not clashes:
        return {}
    first = clashes[0]
    more = f" and {len(clashes) - 1} more" if len(clashes) > 1 else ""
    span = f"{first.with_start:%Y-%m-%dT%H:%MZ}/{first.with_end:%Y-%m-%dT%H:%MZ}"
    # Header values are ASCII; the name of a calendar may hold anything.
    return {WARNING: f"clash; resource={quote(first.resource_slug)}; taken={span}{more}"}


def _conflict(report: ClashReport, holder: str | None) -> str:
    by = f"<CG:holder>{text(holder)}</CG:holder>" if holder else ""
    return (
        f"<CG:conflict><CG:resource>{text(report.resource_slug)}</CG:resource>"
        f"<CG:start>{report.with_start:%Y-%m-%dT%H:%M:%SZ}</CG:start>"
        f"<CG:end>{report.with_end:%Y-%m-%dT%H:%M:%SZ}</CG:end>{by}</CG:conflict>"
    )


def _holders(
    tx: Transaction, entry: HomeEntry, clashes: Sequence[ClashReport]
) -> dict[tuple[datetime, datetime], str]:
    return holders.names(tx, entry.calendar_id, [(one.with_start, one.with_end) for one in clashes])
