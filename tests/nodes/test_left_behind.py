"""What a process that died must not leave behind: programs that hold a port, chores that nobody does."""

from __future__ import annotations

import re
import socket
import time
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway import app
from gateway.store.database import Database
from tests.conftest import NOW, Cli
from tests.servers import Server

_PATIENCE_S = 60


def _answers(address: str) -> bool:
    parts = urlsplit(address)
    with socket.socket() as client:
        return client.connect_ex((parts.hostname, parts.port)) == 0


def test_a_killed_demo_leaves_no_laboratory_behind_on_its_port(cli: Cli) -> None:
    server = Server(cli.variables(), "--demo").start()
    try:
        found = re.search(r"simulated:\s+(http://\S+?)/lab/", server.output)
        assert found is not None, server.output
        assert _answers(found[1])
    finally:
        server.kill()
    end = time.monotonic() + _PATIENCE_S
    while _answers(found[1]) and time.monotonic() < end:
        time.sleep(0.1)
    assert not _answers(found[1])


class TestChores:
    """Of several nodes one does a chore; one that died over it keeps it from the others for a while only."""

    @staticmethod
    def do(db: Database, owner: str, now: datetime, chore: Any = lambda _: 1) -> int | None:
        deps: Any = SimpleNamespace(db=db, clock=lambda: now)
        return app._leased("horizon", owner, 3600, deps, chore)

    def test_a_chore_that_was_done_waits_for_its_rhythm_on_every_node(self, db: Database) -> None:
        assert self.do(db, "a", NOW) == 1
        assert self.do(db, "b", NOW + timedelta(minutes=5)) is None
        assert self.do(db, "a", NOW + timedelta(minutes=5)) is None
        assert self.do(db, "b", NOW + timedelta(hours=1)) == 1

    def test_a_chore_that_failed_is_free_for_a_node_that_starts_at_once(self, db: Database) -> None:
        def fails(_: Any) -> int:
            raise OSError

        with pytest.raises(OSError):  # noqa: PT011 - any error of any chore
            self.do(db, "a", NOW, fails)
        assert self.do(db, "b", NOW) == 1

    def test_a_chore_whose_node_died_is_taken_over_long_before_its_next_turn(self, db: Database) -> None:
        def dies(_: Any) -> int:
            raise SystemExit

        with pytest.raises(SystemExit):
            self.do(db, "a", NOW, dies)
        assert self.do(db, "b", NOW + timedelta(minutes=1)) is None
        assert self.do(db, "b", NOW + timedelta(minutes=11)) == 1
