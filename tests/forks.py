"""`python -m gateway` without the start of an interpreter: the program is loaded once, each process is a fork of it.

To load the program takes ten times as long as most commands take. A fork is a process like any other, with its
own arguments, environment, streams, signals and end; what differs from a start of one's own is the memory that it
shares. So what is measured, and the start itself, have interpreters of their own (``anew`` in ``Cli`` and ``Server``).
Run as ``python -m tests.forks FD`` this module is the process that forks.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_STATUS = struct.Struct("i")
_REQUEST_BYTES = 1024 * 1024


class Fork:
    """A running `python -m gateway`, to be used like ``subprocess.Popen``."""

    def __init__(self, arguments: Sequence[str], env: Mapping[str, str], streams: Sequence[int]) -> None:
        ours, theirs = socket.socketpair()
        request = {"arguments": list(arguments), "env": dict(env), "cwd": str(ROOT)}
        with theirs:
            _nursery().ask(json.dumps(request).encode(), [*streams, theirs.fileno()])
        self.args = ["calgate", *arguments]
        self.returncode: int | None = None
        self._status = ours
        self.pid = self._number(None)

    def _number(self, timeout_s: float | None) -> int:
        self._status.settimeout(timeout_s)
        data = self._status.recv(_STATUS.size, socket.MSG_WAITALL)
        if len(data) < _STATUS.size:
            raise RuntimeError("the process that forks has died")
        return int(_STATUS.unpack(data)[0])

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._status], [], [], 0)[0]:
            self._ended(self._number(None))
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            try:
                self._ended(self._number(timeout))
            except TimeoutError:
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0) from None
        assert self.returncode is not None
        return self.returncode

    def _ended(self, code: int) -> None:
        self.returncode = code
        self._status.close()

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def run(
    arguments: Sequence[str], *, env: Mapping[str, str], stdin: bytes, timeout_s: float
) -> subprocess.CompletedProcess[bytes]:
    """Run to the end; like ``subprocess.run`` with ``capture_output``."""
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        given.write(stdin)
        given.seek(0)
        made = Fork(arguments, env, [given.fileno(), out.fileno(), err.fileno()])
        try:
            code = made.wait(timeout_s)
        finally:
            made.kill()
        texts = [os.pread(one.fileno(), os.fstat(one.fileno()).st_size, 0) for one in (out, err)]
        return subprocess.CompletedProcess(made.args, code, *texts)


class _Nursery:
    """Our end of the process that forks."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            # It ends when this end of the channel is closed, at the latest with this process.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.forks", str(theirs.fileno())],
                cwd=ROOT,
                env={name: value for name, value in os.environ.items() if not name.startswith("CALGATE_")},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._lock = threading.Lock()

    def ask(self, request: bytes, descriptors: Sequence[int]) -> None:
        with self._lock:
            socket.send_fds(self._channel, [request], descriptors)

    def close(self) -> None:
        self._channel.close()
        self._process.wait(60)


_started: list[_Nursery] = []
_starting = threading.Lock()


def _nursery() -> _Nursery:
    with _starting:
        if not _started:
            _started.append(_Nursery())
            atexit.register(_started[0].close)
        return _started[0]


# -- the process that forks --------------------------------------------------------------------------


def _load() -> None:
    """Import what commands and servers import on their way."""
    import typer.main

    from gateway.cli.main import app
    from gateway.store.sqlite import sqlite_driver
    from gateway.sync.engine import installed_providers

    for name in (
        "alembic.command",
        "alembic.config",
        "gateway.app",
        "gateway.lab_process",
        "psycopg",
        "uvloop",
    ):
        importlib.import_module(name)
    for name in ("gateway.cli", "gateway.services", "plugins.radicale"):
        for found in pkgutil.iter_modules(importlib.import_module(name).__path__, f"{name}."):
            importlib.import_module(found.name)
    sqlite_driver()
    assert typer.main.get_command(app)
    assert installed_providers().providers


def _serve(channel: socket.socket) -> None:
    """Fork for every request, and tell each one's pid and end."""
    _load()
    gc.collect()
    gc.freeze()
    woken, wakes = socket.socketpair()
    for one in (woken, wakes):
        one.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes.fileno())
    children: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([channel, woken], [], [])
        if woken in ready:
            woken.recv(4096)
            _reap(children)
        if channel in ready:
            request, descriptors, _, _ = socket.recv_fds(channel, _REQUEST_BYTES, 4)
            if not request:
                return
            *streams, last = descriptors
            status = socket.socket(fileno=last)
            pid = os.fork()
            if pid == 0:
                for each in (channel, woken, wakes, status, *children.values()):
                    each.close()
                _become(json.loads(request), streams)
            for descriptor in streams:
                os.close(descriptor)
            children[pid] = status
            _tell(status, pid)


def _reap(children: dict[int, socket.socket]) -> None:
    while children:
        pid, how = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with children.pop(pid) as status:
            _tell(status, os.waitstatus_to_exitcode(how))


def _tell(status: socket.socket, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody waits for it any more
        status.sendall(_STATUS.pack(number))


def _become(request: dict[str, Any], streams: Sequence[int]) -> None:
    """Be `python -m gateway` from its first line to its end."""
    from gateway.cli.main import main

    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, descriptor in enumerate(streams):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        time.tzset()
        random.seed()
        sys.argv = [str(ROOT / "gateway" / "__main__.py"), *request["arguments"]]
        code = _ended(main)
    finally:
        os._exit(code)


def _ended(main: Any) -> int:
    """Run the program as an interpreter does; return its exit code."""
    code = 0
    try:
        main()
    except SystemExit as ended:
        if isinstance(ended.code, str):
            sys.stderr.write(f"{ended.code}\n")
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - as an interpreter does
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined] # what an interpreter does at its end
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
