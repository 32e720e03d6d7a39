"""The composition root: settings -> database -> services -> doors; the only place that knows everybody."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from aiohttp import web

from gateway import logs, memory
from gateway.domain.errors import GatewayError, StoreUnusable
from gateway.http import access_log, engine_slot, health, root
from gateway.http.dav import door as dav_door
from gateway.http.deps import Deps
from gateway.http.feeds import door as feeds_door
from gateway.http.metrics import Metrics
from gateway.http.sign_in import SignIn
from gateway.http.web import door as web_door
from gateway.http.webhooks import door as webhooks_door
from gateway.services import chores, startup
from gateway.services.limits import Limits
from gateway.settings import Settings
from gateway.store import leases
from gateway.store.database import Database
from gateway.store.sealed import Sealer
from gateway.sync.engine import open_engine

_log = structlog.get_logger("gateway.app")
_LOOP_PROBE_S = 5.0
_CHORE_ASKS_S = 60.0
_CHORE_LEASE = timedelta(minutes=10)  # a node that died over a chore keeps the others from it no longer
_BACKLOG = 512
_SWITCH_S = 0.001
_SWITCH_S = 0.001
_LAST_PORT = 65535


def utc_now() -> datetime:
    """Return the current instant as aware UTC; the one clock of the product."""
    return datetime.now(UTC)


def build(
    db: Database,
    settings: Settings,
    *,
    clock: Callable[[], datetime] = utc_now,
    sealer: Sealer | None = None,
) -> web.Application:
    """Put the doors together on one database.

    ``sealer`` opens the sign-ins of providers; without it there are no links and no pages for them.

    Raises:
        GatewayError: radicale.conf or Radicale itself is not what safety needs; the message says what to do.
    """
    metrics = Metrics()
    deps = Deps(
        db=db,
        settings=settings,
        limits=Limits.of(settings),
        clock=clock,
        sign_in=SignIn(db=db, settings=settings, clock=clock, metrics=metrics),
        metrics=metrics,
    )
    app = web.Application(client_max_size=settings.max_body_bytes)
    app[access_log.METRICS] = metrics
    health.add(app, deps)
    feeds_door.add(app, deps)
    dav_door.add(app, deps)
    root.add(app, deps)
    if sealer is not None:
        engine = engine_slot.EngineSlot()
        web_door.add(app, deps, engine)
        webhooks_door.add(app, deps, engine)
        app.cleanup_ctx.append(partial(_engine, deps=deps, sealer=sealer, slot=engine))
    app.cleanup_ctx.append(partial(_background, deps=deps))
    app.on_cleanup.append(partial(_drain, deps=deps))
    return app


async def serve(
    db: Database,
    settings: Settings,
    *,
    sealer: Sealer,
    ready: Callable[[str], None],
    hears_lab: bool = False,
) -> None:
    """Serve until SIGTERM or SIGINT; ``ready`` is told the address once the port is open.

    ``hears_lab``: simulated providers on this machine may tell of changes, without a public address.

    Raises:
        GatewayError: the port is taken or the configuration is unsafe.
    """
    listener = _listen(settings)
    # The port is known from here on, also where the system chose it: links are built from it.
    settings = settings.model_copy(update={"port": listener.getsockname()[1]})
    if hears_lab and settings.callback_url is None:
        settings = settings.model_copy(update={"hooks_url": settings.base_url})
    try:
        app = build(db, settings, sealer=sealer)
    except BaseException:
        listener.close()
        raise
    runner = web.AppRunner(
        app,
        access_log_class=access_log.AccessLog,
        access_log=access_log.logger(),
        handler_cancellation=False,
        shutdown_timeout=settings.shutdown_s,
        keepalive_timeout=75,
        max_line_size=16 * 1024,
    )
    await runner.setup()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    try:
        await web.SockSite(runner, listener, backlog=_BACKLOG).start()
        _log.info("server.started", host=settings.host, port=settings.port)
        ready(settings.base_url)
        await stop.wait()
        _log.info("server.stopping")
    finally:
        await runner.cleanup()


def _listen(settings: Settings) -> socket.socket:
    """Open the port before anything is built on it.

    Raises:
        GatewayError: it is taken or not ours.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        place = f"{settings.host}:{settings.port}"
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise GatewayError(
            f"Cannot listen on {place} ({reason}); choose another port with --port."
        ) from error


def run(settings: Settings, *, demo: bool = False, announce: Callable[[str], None] = print) -> None:
    """Start the server of one instance and stay until it is told to stop.

    Args:
        settings: of the instance.
        demo: fill an empty instance with a demo organisation and print ways in.
        announce: takes the lines for the operator.

    Raises:
        GatewayError: it cannot start; the message says what to do.
    """
    logs.configure(level=settings.log_level, log_format=settings.log_format)
    memory.give_back_large_blocks()
    # The event loop waits so long at most for the interpreter while a CalDAV thread computes.
    sys.setswitchinterval(_SWITCH_S)
    db = startup.open_database(settings)
    try:
        sealer = startup.ready_database(db, settings, now=utc_now())
        with ExitStack() as stack, suppress(KeyboardInterrupt):
            lines = _demo(stack, db, settings, sealer) if demo else None

            def ready(address: str) -> None:
                announce(f"Calgate is running at {address} (Ctrl-C stops it).")
                for line in lines(address) if lines is not None else ():
                    announce(line)
                sys.stdout.flush()

            _run_loop(serve(db, settings, sealer=sealer, ready=ready, hears_lab=lines is not None))
    finally:
        db.close()


def _demo(
    stack: ExitStack, db: Database, settings: Settings, sealer: Sealer
) -> Callable[[str], Iterable[str]] | None:
    """Make the demo and start its simulated providers; return what there is to say, by address."""
    # Imported here because only the demo needs it.
    from gateway import lab_process
    from gateway.services import demo as demo_service
    from gateway.services import demo_lab

    ways_in = demo_service.prepare(db, settings, sealer, now=utc_now())
    if ways_in is None:
        return None
    _listen(settings).close()  # a taken port is told before anything else is started
    lab = stack.enter_context(
        lab_process.running(
            port=settings.port + 1 if 0 < settings.port < _LAST_PORT else 0,
            state=settings.data.absolute() / "lab.json",
            accounts=demo_service.lab_accounts(),
        )
    )
    if lab is not None:
        db.write(demo_lab.remember, lab)
    return partial(ways_in.lines, lab=lab)


def _run_loop(main: Awaitable[None]) -> None:
    # A database thread that computes keeps the interpreter for that long while the event loop waits; every
    # request to a provider takes several turns of the loop.
    sys.setswitchinterval(_SWITCH_S)

    async def whole() -> None:
        await main

    try:
        import uvloop
    except ImportError:  # not made for this platform
        asyncio.run(whole())
        return
    uvloop.run(whole())


async def _engine(
    _app: web.Application, *, deps: Deps, sealer: Sealer, slot: engine_slot.EngineSlot
) -> AsyncIterator[None]:
    """Keep the engine while the application lives, with its worker unless another process has it.

    A node whose instance id is not the database's serves its doors and leaves providers to the others.
    """
    try:
        await asyncio.to_thread(startup.open_instance_id, deps.db, deps.settings)
    except StoreUnusable as error:
        _log.warning("engine.off", reason=str(error))
        yield
        return
    async with open_engine(deps.db, deps.settings, sealer, clock=deps.clock) as engine:
        slot.engine = engine
        engine.wakeups.start()
        task = asyncio.create_task(engine.worker.run()) if deps.settings.worker else None
        yield
        slot.engine = None
        if task is not None:
            engine.worker.stop()
            await asyncio.gather(task, return_exceptions=True)
        await asyncio.to_thread(engine.wakeups.stop)


async def _drain(_app: web.Application, *, deps: Deps) -> None:
    """Write down what requests have left behind them before the database is closed."""
    await deps.sign_in.drain()


async def _background(_app: web.Application, *, deps: Deps) -> AsyncIterator[None]:
    """Run the chores while the application lives."""
    tasks = [
        asyncio.create_task(_repeat("holds", 30, deps, _holds)),
        asyncio.create_task(_repeat("horizon", 3600, deps, _horizon)),
        asyncio.create_task(_repeat("forget", 86400, deps, _forget)),
        asyncio.create_task(_probe_loop(deps)),
    ]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _holds(deps: Deps) -> int:
    return chores.expire_holds(deps.db, now=deps.clock())


def _horizon(deps: Deps) -> int:
    return chores.move_horizons(deps.db, limits=deps.limits, now=deps.clock())


def _forget(deps: Deps) -> int:
    settings = deps.settings
    return chores.forget(
        deps.db,
        now=deps.clock(),
        tombstones=timedelta(days=settings.tombstone_days),
        audit_lines=timedelta(days=settings.audit_days),
    )


async def work(db: Database, settings: Settings, *, sealer: Sealer) -> None:
    """Work on provider links until SIGTERM or SIGINT: `calgate worker`."""
    async with open_engine(db, settings, sealer, clock=utc_now) as engine:
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, engine.worker.stop)
        engine.wakeups.start()
        _log.info("worker.started")
        try:
            await engine.worker.run()
        finally:
            _log.info("worker.stopped")
            await asyncio.to_thread(engine.wakeups.stop)


def run_worker(settings: Settings) -> None:
    """Start a worker beside the servers of one instance and stay until it is told to stop.

    Raises:
        GatewayError: it cannot start; the message says what to do.
    """
    logs.configure(level=settings.log_level, log_format=settings.log_format)
    memory.give_back_large_blocks()
    # The event loop waits so long at most for the interpreter while a CalDAV thread computes.
    sys.setswitchinterval(_SWITCH_S)
    db = startup.open_database(settings)
    try:
        sealer = startup.ready_database(db, settings, now=utc_now())
        with suppress(KeyboardInterrupt):
            _run_loop(work(db, settings, sealer=sealer))
    finally:
        db.close()


async def _repeat(name: str, every_s: float, deps: Deps, chore: Callable[[Deps], int]) -> None:
    """Do a chore at its rhythm, on one node at a time; a failure is logged and tried again."""
    owner = uuid.uuid4().hex
    while True:
        try:
            done = await asyncio.to_thread(_leased, name, owner, every_s, deps, chore)
            if done is not None:
                deps.metrics.chores.labels(name, "ok").inc()
                _log.log(20 if done else 10, "chore.done", name=name, count=done)
            # Not ours now: another node does it, has just done it, or died over it. Asking again is cheap.
            pause_s = every_s if done is not None else min(every_s, _CHORE_ASKS_S)
        except Exception:  # noqa: BLE001 - a chore must not end the server; it is tried again
            deps.metrics.chores.labels(name, "failed").inc()
            _log.exception("chore.failed", name=name)
            pause_s = every_s
        await asyncio.sleep(pause_s)


def _leased(name: str, owner: str, every_s: float, deps: Deps, chore: Callable[[Deps], int]) -> int | None:
    now = deps.clock()
    held = deps.db.write(
        leases.claim,
        f"chore:{name}",
        owner=owner,
        now=now,
        lease_for=_CHORE_LEASE,
        unless_done_since=now - timedelta(seconds=every_s * 0.9),
    )
    if held is None:
        return None
    try:
        done = chore(deps)
    except Exception:
        # Whoever starts next need not wait until the lease has ended by itself.
        with suppress(Exception):
            deps.db.write(leases.give_back, held, now=deps.clock())
        raise
    deps.db.write(leases.finish, held, now=deps.clock())
    return done


async def _probe_loop(deps: Deps) -> None:
    loop = asyncio.get_running_loop()
    while True:
        before = loop.time()
        await asyncio.sleep(_LOOP_PROBE_S)
        deps.metrics.loop_delay_seconds.set(max(0.0, loop.time() - before - _LOOP_PROBE_S))
