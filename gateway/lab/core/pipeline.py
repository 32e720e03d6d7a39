"""The way of one request: read, pick a fault, execute, validate, write down, send."""

from __future__ import annotations

import asyncio
import gzip
import logging
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import parse_qsl

from aiohttp import web

from gateway.lab.core.calls import Answer, Attended, Call, Door
from gateway.lab.core.clock import http_date
from gateway.lab.core.errors import EngineFailed, Refusal
from gateway.lab.core.faults import Fired, Scene
from gateway.lab.core.lab import HEADER, HEADER_VALUE, Lab

log = logging.getLogger("calgate.lab")
HANG_S = 600.0


async def serve(lab: Lab, door: Door, request: web.Request, *, family: str = "api") -> web.StreamResponse:
    """Answer one request at a provider's door."""
    call = await _read(door, request)
    door.identify(call)
    if not isinstance(door, Attended):
        return await _attend(lab, door, call, request, family)
    try:
        await door.arrive(call)
        return await _attend(lab, door, call, request, family)
    finally:
        door.leave(call)


async def _attend(lab: Lab, door: Door, call: Call, request: web.Request, family: str) -> web.StreamResponse:
    fired = lab.faults.pick(call, family)
    try:
        answer = _carry_out(lab, door, call, fired)
    finally:
        lab.clock.skew_s = 0.0
    lab.journal.record(call, answer, at_s=lab.clock.true_s(), fault=fired.kind.name if fired else None)
    if call.verb != "GET":
        lab.state.changed()
    return await _send(request, answer, fired)


async def _read(door: Door, request: web.Request) -> Call:
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(request.rel_url.raw_query_string, keep_blank_values=True):
        query.setdefault(name, []).append(value)
    return Call(
        door=door.name,
        verb=request.method,
        path=request.rel_url.raw_path,
        query=query,
        headers={name.lower(): value for name, value in request.headers.items()},
        raw=await request.read(),
    )


def _carry_out(lab: Lab, door: Door, call: Call, fired: Fired | None) -> Answer:
    scene = Scene(clock=lab.clock, door=door, call=call, params=fired.params if fired else {})
    answer: Answer | None = None
    if fired is not None:
        lab.faults.fired[fired.kind.name] += 1
        if fired.kind.before is not None:
            answer = fired.kind.before(scene)
    if answer is None:
        answer = _execute(lab, door, call)
        if fired is not None and fired.kind.twice:
            second = _execute(lab, door, replace(call))
            answer = second if fired.params.get("answer") == "second" else answer
        if fired is not None and fired.kind.after is not None:
            answer = fired.kind.after(scene, answer)
    if not answer.spoiled:
        for text in door.check(call, answer):
            lab.journal.violation(call, "answer", text)
    answer.headers.setdefault("Date", http_date(lab.clock.now()))
    answer.headers[HEADER] = HEADER_VALUE
    return answer


def _execute(lab: Lab, door: Door, call: Call) -> Answer:
    try:
        return door.execute(call)
    except Refusal as refusal:
        if refusal.violation:
            lab.journal.violation(call, "request", f"{refusal.location or ''} {refusal.message}".strip())
        answer = door.refuse(
            call, status=refusal.status, reason=refusal.reason, message=refusal.message, domain=refusal.domain
        )
        answer.headers |= refusal.headers
        return answer
    except EngineFailed as error:
        return door.refuse(call, status=500, reason="backendError", message=str(error))
    except Exception as error:
        log.exception("lab.bug")
        lab.journal.violation(call, "laboratory", f"{type(error).__name__}: {error}")
        return door.refuse(
            call, status=500, reason="internalError", message="The laboratory has a bug; see its log."
        )


async def _send(request: web.Request, answer: Answer, fired: Fired | None) -> web.StreamResponse:
    delivery = fired.kind.delivery if fired else "plain"
    params = fired.params if fired else {}
    if delivery == "hang":
        await _wait_while_open(request, float(params.get("seconds", HANG_S)))
        delivery = "reset"
    if delivery == "reset":
        _abort(request)
        return web.Response(status=HTTPStatus.BAD_GATEWAY)
    if delivery == "slow":
        await _wait_while_open(request, float(params.get("seconds", 5.0)))
    payload = answer.payload()
    headers = dict(answer.headers)
    if payload:
        headers["Content-Type"] = answer.content_type
    if delivery == "gzip" and payload and "gzip" in request.headers.get("Accept-Encoding", ""):
        headers["Content-Encoding"] = "gzip"
        payload = gzip.compress(payload)
    if delivery in {"half", "drip"} and payload:
        return await _piecewise(
            request, answer.status, headers, payload, delivery, float(params.get("seconds", 5.0))
        )
    response = web.Response(status=answer.status, headers=headers, body=payload)
    if delivery == "close":
        await response.prepare(request)
        await response.write_eof()
        if request.transport is not None:
            request.transport.close()
    return response


async def _piecewise(
    request: web.Request, status: int, headers: dict[str, str], payload: bytes, delivery: str, seconds: float
) -> web.StreamResponse:
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = len(payload)
    await response.prepare(request)
    if delivery == "half":
        await response.write(payload[: len(payload) // 2])
        await asyncio.sleep(0.02)
        _abort(request)
        return response
    pieces = 20
    size = max(1, len(payload) // pieces)
    try:
        for start in range(0, len(payload), size):
            await response.write(payload[start : start + size])
            await asyncio.sleep(seconds / pieces)
        await response.write_eof()
    except (ConnectionResetError, OSError):
        log.info("lab.client_left")
    return response


async def _wait_while_open(request: web.Request, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    end_s = loop.time() + seconds
    while (  # noqa: ASYNC110 - no event tells that a client has left: its transport must be looked at
        (left_s := end_s - loop.time()) > 0
        and request.transport is not None
        and not request.transport.is_closing()
    ):
        await asyncio.sleep(min(0.1, left_s))


def _abort(request: web.Request) -> None:
    if isinstance(request.transport, asyncio.WriteTransport):
        request.transport.abort()
