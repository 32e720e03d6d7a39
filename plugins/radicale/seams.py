"""Every seam of Radicale that this plug-in relies on, checked at start: its contract moves with each minor.

What differs from the release that was tested stops the start with the reason (fail closed).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import radicale.app
import radicale.auth
import radicale.config
import radicale.rights
import radicale.storage
from radicale.app.base import Access

VERSION = "3.9.0"

_HANDLER = ("self", "environ", "base_prefix", "path", "user", "user_groups", "request_info")
_SIGNATURES: tuple[tuple[Callable[..., Any], tuple[str, ...]], ...] = (
    (radicale.app.Application.__init__, ("self", "configuration")),
    (radicale.app.Application.__call__, ("self", "environ", "start_response")),
    (radicale.app.Application.do_PUT, _HANDLER),
    (radicale.app.Application.do_REPORT, _HANDLER),
    (radicale.app.Application.do_PROPFIND, _HANDLER),
    (radicale.app.Application.do_GET, _HANDLER),
    (radicale.auth.BaseAuth.get_external_login, ("self", "environ")),
    (radicale.auth.BaseAuth._login, ("self", "login", "password")),  # noqa: SLF001 - the documented seam
    (radicale.auth.BaseAuth.login, ("self", "login", "password", "context")),
    (radicale.rights.BaseRights.authorization, ("self", "user", "user_groups", "path")),
    (
        radicale.storage.BaseStorage.discover,
        ("self", "path", "depth", "child_context_manager", "user_groups"),
    ),
    (radicale.storage.BaseStorage.acquire_lock, ("self", "mode", "user", "args", "kwargs")),
    (Access.__init__, ("self", "rights", "user", "user_groups", "path", "permissions_filter")),
    (Access.check, ("self", "permission", "item")),
    (radicale.config.load, ("paths",)),
)


def problems() -> list[str]:
    """Return what is not as it was when this plug-in was tested, one sentence each."""
    found = []
    have = version("radicale")
    if have != VERSION:
        found.append(
            f"Radicale {have} is installed and {VERSION} is needed; run `pip install radicale=={VERSION}`."
        )
    for function, expected in _SIGNATURES:
        names = tuple(inspect.signature(function).parameters)
        if names != expected:
            found.append(
                f"Radicale's {function.__qualname__} takes {', '.join(names)}, not {', '.join(expected)};"
                f" install radicale=={VERSION}."
            )
    return found


def loaded_problems(application: Any, expected: dict[str, type]) -> list[str]:  # Any: Radicale's application
    """Return which plug-ins Radicale has loaded instead of ours (its loaders fall back silently)."""
    return [
        f"Radicale has loaded {type(getattr(application, name)).__module__} as {name.lstrip('_')}"
        f" instead of {kind.__module__}."
        for name, kind in expected.items()
        if type(getattr(application, name)) is not kind
    ]
