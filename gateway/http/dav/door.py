"""The CalDAV door at ``/dav/``: sign-in, paths and bodies here, the protocol behind the bridge."""

from __future__ import annotations

from urllib.parse import urlsplit

import structlog
from aiohttp import web

from gateway.domain.errors import GatewayError, StoreBusy
from gateway.http import proxies
from gateway.http.dav import discovery, host
from gateway.http.dav.bridge import Answer, Bridge, Environ, TooBig, TooBusy, environ_of, read_body, send
from gateway.http.dav.discovery import MOUNT
from gateway.http.dav.paths import BadPath, decode_path, destination_path
from gateway.http.deps import Deps
from gateway.http.sign_in import Recognised
from gateway.services.handle import Handle
from gateway.settings import Settings

log = structlog.get_logger(__name__)

PRINCIPAL = "calgate.principal"
_REQUEST_TIMEOUT_S = 100.0
_BODY_TIMEOUT_S = 100.0
_SMALL_BYTES = 64 * 1024
_RETRY_AFTER_S = "3"


def check(settings: Settings) -> list[str]:
    """Return what stands against starting the CalDAV door, one sentence each (``calgate doctor``)."""
    return host.check(settings)


def add(app: web.Application, deps: Deps) -> None:
    """Add the door with its discovery addresses.

    Raises:
        GatewayError: radicale.conf or Radicale is not what safety needs; the message says what.
    """
    handle = Handle(db=deps.db, settings=deps.settings, limits=deps.limits, clock=deps.clock)
    bridge = Bridge(
        host.build(handle),
        threads=deps.settings.dav_threads,
        timeout_s=_REQUEST_TIMEOUT_S,
        metrics=deps.metrics,
    )
    door = _Door(deps, bridge)
    app.router.add_route("*", MOUNT, door.serve, expect_handler=door.expect)
    app.router.add_route("*", MOUNT + r"/{tail:[\s\S]*}", door.serve, expect_handler=door.expect)
    for path in discovery.WELL_KNOWN:
        app.router.add_route("*", path, door.well_known)
    for path in discovery.PROBED:
        for method in ("OPTIONS", "PROPFIND"):
            app.router.add_route(method, path, door.probed)

    async def close(_app: web.Application) -> None:
        bridge.close()

    app.on_cleanup.append(close)


class _Door:
    def __init__(self, deps: Deps, bridge: Bridge) -> None:
        self._deps = deps
        self._bridge = bridge
        self._proxies = proxies.of(deps.settings)
        self._public_hosts = _hosts(deps.settings)

    async def well_known(self, _request: web.Request) -> web.Response:
        """Lead to the DAV root, whatever the method (RFC 6764 §5)."""
        return web.Response(status=301, headers={"Location": MOUNT + "/", "Cache-Control": "max-age=3600"})

    async def probed(self, request: web.Request) -> web.Response:
        """Answer on addresses where clients look for a principal."""
        if request.method == "OPTIONS":
            return discovery.options()
        try:
            principal = await self._deps.sign_in.basic(request)
            body, _ = await read_body(request, limit=64 * 1024, timeout_s=_BODY_TIMEOUT_S)
            with body:
                return discovery.propfind(request.path, principal, body.read())
        except web.HTTPException as refusal:
            return _text(refusal.status, refusal.text or "", dict(refusal.headers))
        except (TooBig, TimeoutError):
            return _text(413, "The body is too large.")
        except GatewayError as error:
            return _store_trouble(error)

    async def expect(self, request: web.Request) -> web.Response | None:
        """Ask for the body of a request that waits with it, or say at once that it is too large."""
        if request.headers.get("Expect", "").lower() != "100-continue":
            return _text(417, "Only 100-continue can be expected.")
        if (request.content_length or 0) > self._deps.settings.max_body_bytes:
            return self._too_big()
        if request.transport is not None:
            request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return None

    def _too_big(self) -> web.Response:
        response = _text(
            413, f"The body is too large; the limit is {self._deps.settings.max_body_bytes} bytes."
        )
        response.force_close()  # the rest of the body is not read
        return response

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request below the mount."""
        if request.method == "OPTIONS":
            return discovery.options()
        try:
            answer = await self._answer(request)
        except BadPath as error:
            return _text(error.status, str(error))
        except web.HTTPException as refusal:
            return _text(refusal.status, refusal.text or "", dict(refusal.headers))
        except TooBig:
            return self._too_big()
        except TimeoutError:
            response = _text(408, "The body did not arrive in time.")
            response.force_close()
            return response
        except TooBusy:
            return _text(503, "The server is busy; try again in a moment.", {"Retry-After": _RETRY_AFTER_S})
        except GatewayError as error:
            return _store_trouble(error)
        if answer.status == 405 and not any(name.lower() == "allow" for name, _ in answer.headers):
            answer.headers.append(("Allow", discovery.ALLOW))
        return await send(request, answer)

    async def _answer(self, request: web.Request) -> Answer:
        path = decode_path(request.raw_path)
        credentials = self._deps.sign_in.credentials(request)
        # A small body is taken before anybody is known: then one thread does the rest in one go.
        is_small = not request.can_read_body or (request.content_length or _SMALL_BYTES + 1) <= _SMALL_BYTES
        principal = None if is_small else await self._deps.sign_in.basic(request)
        environ = await self._environ(request, path)
        if principal is None:
            found: list[Recognised] = []

            def recognise() -> bool:
                one = self._deps.sign_in.recognise(credentials)
                if one is None:
                    return False
                found.append(one)
                environ[PRINCIPAL] = one.principal
                return True

            answer = await self._bridge.run(environ, recognise)
            if found:
                self._deps.sign_in.accepted(found[0])
            if answer is not None:
                return answer
            principal = await self._deps.sign_in.basic(request)
        environ[PRINCIPAL] = principal
        done = await self._bridge.run(environ)
        assert done is not None  # noqa: S101 - nothing came first that could have said no
        return done

    async def _environ(self, request: web.Request, path: str) -> Environ:
        client = self._proxies.client(request)
        body, length = await read_body(
            request, limit=self._deps.settings.max_body_bytes, timeout_s=_BODY_TIMEOUT_S
        )
        environ = environ_of(
            request,
            mount=MOUNT,
            path=path,
            body=body,
            length=length,
            scheme=client.scheme,
            address=client.address,
        )
        if "HTTP_DESTINATION" in environ:
            hosts = self._public_hosts | {client.host.lower(), request.headers.get("Host", "").lower()}
            environ["HTTP_DESTINATION"] = destination_path(environ["HTTP_DESTINATION"], hosts, MOUNT)
        return environ


def _text(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    kept = {
        name: value
        for name, value in (headers or {}).items()
        if name.lower() not in {"content-type", "content-length"}
    }
    return web.Response(
        status=status, text=message.rstrip() + "\n", headers={"DAV": discovery.DAV_HEADER, **kept}
    )


def _store_trouble(error: GatewayError) -> web.Response:
    log.error("dav.refused", error=type(error).__name__, reason=str(error))
    if isinstance(error, StoreBusy):
        return _text(503, str(error), {"Retry-After": _RETRY_AFTER_S})
    return _text(500, "The server cannot reach its database.")


def _hosts(settings: Settings) -> frozenset[str]:
    parts = urlsplit(settings.base_url)
    return frozenset(name.lower() for name in (parts.netloc, parts.hostname or "") if name)
