"""What works where: reports and methods per kind of resource (RFC 3253 §3.1.3-5), nothing else is listed."""

from __future__ import annotations

_PRINCIPAL_REPORTS = (
    "D:acl-principal-prop-set",
    "D:expand-property",
    "D:principal-match",
    "D:principal-property-search",
    "D:principal-search-property-set",
    "CS:calendarserver-principal-search",
)
_REPORTS = {
    "folder": _PRINCIPAL_REPORTS,
    "home": ("D:sync-collection", *_PRINCIPAL_REPORTS),
    "calendar": (
        "D:sync-collection",
        "C:calendar-multiget",
        "C:calendar-query",
        "C:free-busy-query",
        "D:expand-property",
        "D:acl-principal-prop-set",
    ),
    "object": ("C:calendar-multiget", "C:calendar-query", "D:expand-property", "D:acl-principal-prop-set"),
    "principal": ("D:expand-property", "D:acl-principal-prop-set"),
}
_ANYWHERE = ("OPTIONS", "GET", "HEAD", "PROPFIND", "PROPPATCH", "REPORT")
METHODS = {
    "folder": _ANYWHERE,
    "calendar": (*_ANYWHERE, "POST"),
    "object": (*_ANYWHERE, "PUT", "DELETE", "COPY", "MOVE"),
    "principal": ("OPTIONS", "PROPFIND", "REPORT"),
}


def reports(kind: str) -> str:
    """Return the inner XML of supported-report-set."""
    return "".join(
        f"<D:supported-report><D:report><{name}/></D:report></D:supported-report>" for name in _REPORTS[kind]
    )


def allow(kind: str) -> str:
    """Return the value of an Allow header (RFC 9110 §10.2.1)."""
    return ", ".join(METHODS[kind])


def methods(kind: str) -> str:
    """Return the inner XML of supported-method-set."""
    return "".join(f'<D:supported-method name="{name}"/>' for name in METHODS[kind])
