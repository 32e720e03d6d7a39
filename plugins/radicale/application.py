"""The application: Radicale's router, sign-in flow and rules, with every CalDAV method answered by ours.

One method, one neighbour module with a function ``handle(request)``. Errors become DAV error bodies here,
once. ``build`` and ``check`` are what the gateway calls (entry-point group ``gateway.dav``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import structlog
from radicale import config
from radicale.app import Application
from radicale.hook import none as no_hook

from gateway.domain.errors import GatewayError, StoreError
from gateway.domain.model import Principal
from gateway.services import masks
from gateway.services.handle import Handle
from plugins.radicale import (
    add_member,
    compression,
    configuration,
    delete,
    get,
    mkcalendar,
    propfind,
    proppatch,
    put,
    relocate,
    report,
    seams,
    supported,
)
from plugins.radicale.auth import PRINCIPAL, Auth
from plugins.radicale.problems import Answer, Problem, problem_of
from plugins.radicale.requests import Request, Target
from plugins.radicale.rights import Rights
from plugins.radicale.session import Session
from plugins.radicale.storage import Storage

log = structlog.get_logger(__name__)

ALLOW = "OPTIONS, GET, HEAD, PUT, POST, DELETE, COPY, MOVE, PROPFIND, PROPPATCH, REPORT, MKCALENDAR, MKCOL"
RadicaleAnswer = tuple[int, dict[str, str], bytes | None, None]
Method = Callable[[Request], Answer]


class CalgateApplication(Application):
    """Radicale with the methods of Calgate."""

    def __init__(self, ready: config.Configuration, session: Session) -> None:
        self._session = session
        super().__init__(ready)

    def __call__(
        self, environ: Mapping[str, Any], start_response: Callable[..., Any]
    ) -> Any:  # Any: PEP 3333
        """Serve one request of the person whom the door has put into the environment."""
        principal = environ.get(PRINCIPAL)
        with self._session.of(principal if isinstance(principal, Principal) else None):
            return compression.answered(super().__call__, environ, start_response)

    def do_PROPFIND(self, *call: Any) -> RadicaleAnswer:  # noqa: N802 - Radicale finds methods by this name
        """Answer PROPFIND."""
        return self._serve(propfind.handle, *call)

    def do_PROPPATCH(self, *call: Any) -> RadicaleAnswer:  # noqa: N802 - as above
        """Answer PROPPATCH."""
        return self._serve(proppatch.handle, *call)

    def do_REPORT(self, *call: Any) -> RadicaleAnswer:  # noqa: N802 - as above
        """Answer REPORT."""
        return self._serve(report.handle, *call)

    def do_GET(self, *call: Any) -> RadicaleAnswer:  # noqa: N802 - as above
        """Answer GET."""
        return self._serve(get.handle, *call)

    def do_HEAD(self, *call: Any) -> RadicaleAnswer:  # noqa: N802 - as above
        """Answer HEAD as GET; the server leaves the body out."""
        return self._serve(get.handle, *call)

    def do_PUT(self, *call: Any) -> RadicaleAnswer:  # noqa: N802 - as above
        """Answer PUT."""
        return self._serve(put.handle, *call)

    def do_DELETE(self, *call: Any) -> RadicaleAnswer:  # noqa: N802 - as above
        """Answer DELETE."""
        return self._serve(delete.handle, *call)

    def do_MOVE(self, *call: Any) -> RadicaleAnswer:  # noqa: N802 - as above
        """Answer MOVE."""
        return self._serve(relocate.move, *call)

    def do_COPY(self, *call: Any) -> RadicaleAnswer:  # noqa: N802 - as above
        """Answer COPY."""
        return self._serve(relocate.copy, *call)

    def do_MKCALENDAR(self, *call: Any) -> RadicaleAnswer:  # noqa: N802 - as above
        """Answer MKCALENDAR."""
        return self._serve(mkcalendar.handle, *call)

    def do_MKCOL(self, *call: Any) -> RadicaleAnswer:  # noqa: N802 - as above
        """Answer extended MKCOL."""
        return self._serve(mkcalendar.handle, *call)

    def do_POST(self, *call: Any) -> RadicaleAnswer:  # noqa: N802 - as above
        """Answer POST: it adds an object to a calendar."""
        return self._serve(add_member.handle, *call)

    def do_OPTIONS(self, *call: Any) -> RadicaleAnswer:  # noqa: N802 - as above
        """Say what there is; the door answers before, this is for Radicale's own server."""
        del call
        return 200, {"Allow": ALLOW}, None, None

    def _serve(
        self,
        method: Method,
        environ: Any,  # Any: PEP 3333, and ours is a dict
        base_prefix: str,
        path: str,
        user: str,
        user_groups: set[str],
        request_info: dict[str, Any],  # Any: Radicale's own notes
    ) -> RadicaleAnswer:
        del request_info
        principal = environ.get(PRINCIPAL)
        if not isinstance(principal, Principal) or principal.login != user:
            refused = Problem(403, "Sign in first.").answer()
            return refused.status, refused.headers, refused.body, None
        try:
            request = Request(
                session=self._session,
                principal=principal,
                environ=environ,
                prefix=base_prefix,
                target=Target.of(path),
                rights=self._rights,
                user_groups=user_groups,
            )
            answer = method(request)
        except Problem as problem:
            answer = problem.answer()
        except GatewayError as error:
            if isinstance(error, StoreError):
                log.exception("dav.store_failed")
            answer = problem_of(error).answer()
        except Exception:
            log.exception("dav.failed", method=environ.get("REQUEST_METHOD"))
            answer = Problem(500, "Something went wrong in the gateway; see the log of the server.").answer()
        if answer.status == 405:
            answer.headers.setdefault("Allow", _allow(path))
        return answer.status, answer.headers, answer.body, None


def _allow(path: str) -> str:
    """Return what is allowed where a method is not (RFC 9110 §15.5.6)."""
    depth = len([segment for segment in path.split("/") if segment])
    return supported.allow("folder" if depth < 2 else "calendar" if depth == 2 else "object")


def build(path: Path, handle: Handle) -> CalgateApplication:
    """Return the application for a radicale.conf.

    Raises:
        GatewayError: what stands against starting it, all reasons in one message.
    """
    loaded = configuration.load(path)
    refuse(seams.problems() + configuration.problems(loaded), path)
    handle.db.write(masks.ensure_key)
    session = Session(handle)
    ready = configuration.with_factories(
        loaded,
        {
            "storage": lambda c: Storage(c, session),
            "auth": lambda c: Auth(c, session),
            "rights": lambda c: Rights(c, session),
        },
    )
    try:
        application = CalgateApplication(ready, session)
    except (RuntimeError, ValueError) as error:
        raise GatewayError(f"CalDAV cannot start with {path}: {error}") from error
    expected = {"_storage": Storage, "_auth": Auth, "_rights": Rights, "_hook": no_hook.Hook}
    refuse(seams.loaded_problems(application, expected), path)
    return application


def check(path: Path) -> list[str]:
    """Return what stands against starting with this radicale.conf, one sentence each; nothing is started."""
    try:
        loaded = configuration.load(path)
    except GatewayError as error:
        return [str(error)]
    return seams.problems() + configuration.problems(loaded)


def refuse(found: list[str], path: Path) -> None:
    """Stop with every reason, if there is any.

    Raises:
        GatewayError: with the reasons.
    """
    if found:
        raise GatewayError(f"CalDAV cannot start with {path}: {' '.join(found)}")
