"""Access control as properties (RFC 3744 §5): told, never changed; rights are granted by Calgate's managers.

Nobody is told of other people's rights: ``DAV:acl`` holds the entry of the person who asks.
"""

from __future__ import annotations

from gateway.domain.model import Level

_READ = ("read", "read-current-user-privilege-set", "read-acl")
_WRITE = ("write", "write-content", "write-properties", "bind", "unbind")
READ_FREE_BUSY = "<D:privilege><C:read-free-busy/></D:privilege>"

# RFC 3744 §5.6: entries only grant, and name a person.
RESTRICTIONS = "<D:grant-only/><D:no-invert/>"


def privileges(level: Level, *, is_masked: bool = False) -> str:
    """Return the inner XML of current-user-privilege-set of a calendar: exactly what the level allows."""
    return _named(_READ + (_WRITE if level >= Level.WRITE and not is_masked else ())) + READ_FREE_BUSY


def folder_privileges(*, is_home: bool = False, may_bind: bool = False) -> str:
    """Return the privileges on the root or on a home; ``may_bind``: calendars can be made in it."""
    return _named(_READ + (("bind",) if may_bind else ()) + (("write-properties",) if is_home else ()))


def acl(principal_href: str, granted: str) -> str:
    """Return the inner XML of DAV:acl: one protected entry, for the person who asks."""
    return (
        f"<D:ace><D:principal><D:href>{principal_href}</D:href></D:principal>"
        f"<D:grant>{granted}</D:grant><D:protected/></D:ace>"
    )


def _supported(name: str, description: str, *parts: str) -> str:
    return (
        f"<D:supported-privilege><D:privilege><{name}/></D:privilege>"
        f'<D:description xml:lang="en">{description}</D:description>{"".join(parts)}</D:supported-privilege>'
    )


# RFC 3744 §5.3: the tree of privileges; read-free-busy is part of read (RFC 4791 §6.1.1).
SUPPORTED = _supported(
    "D:all",
    "Everything",
    _supported(
        "D:read",
        "Read calendars and their objects",
        _supported("D:read-current-user-privilege-set", "Know the own rights"),
        _supported("D:read-acl", "Know the entry of the own rights"),
        _supported("C:read-free-busy", "Know when a calendar is busy"),
    ),
    _supported(
        "D:write",
        "Change a calendar",
        _supported("D:write-content", "Change objects"),
        _supported("D:write-properties", "Set properties for oneself"),
        _supported("D:bind", "Add objects"),
        _supported("D:unbind", "Delete objects"),
    ),
)


def _named(names: tuple[str, ...]) -> str:
    return "".join(f"<D:privilege><D:{name}/></D:privilege>" for name in names)
