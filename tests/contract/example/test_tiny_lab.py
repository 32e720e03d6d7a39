"""The example of docs/lab.md is a laboratory: faults, violations, snapshots and clock work for its door."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from docs.examples.tiny_lab import make_app
from tests.contract.lab.lab_client import LabClient


@pytest.fixture
async def tiny() -> AsyncIterator[LabClient]:
    app, lab = make_app()
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        yield LabClient(str(server.make_url("")).rstrip("/"), session)
    lab.engine.close()


async def test_faults_of_the_core_and_of_its_own_hit_its_methods(tiny: LabClient) -> None:
    assert (await tiny.request("PUT", "/notes/a", data="text")).status == 200
    await tiny.fault("503_before", operation="notes.get", times=1)
    await tiny.fault("notes_lost_text", times=1)
    assert (await tiny.request("GET", "/notes/a")).status == 503
    assert (await tiny.request("GET", "/notes/a")).body == {"name": "?"}
    assert (await tiny.request("GET", "/notes/a")).body == {"name": "a", "text": "text"}
    assert await tiny.fired() == {"503_before": 1, "notes_lost_text": 1}
    assert await tiny.violations() == []


async def test_what_it_does_not_know_is_a_violation(tiny: LabClient) -> None:
    assert (await tiny.request("GET", "/notes/missing")).status == 404
    assert await tiny.violations() == []
    assert (await tiny.request("DELETE", "/notes/a")).status == 400
    assert len(await tiny.violations()) == 1


async def test_snapshots_and_clock_are_the_core_s(tiny: LabClient) -> None:
    await tiny.request("PUT", "/notes/a", data="one")
    await tiny.control("POST", "snapshots/before")
    await tiny.control("POST", "clock", set="2030-01-01T00:00:00Z")
    assert (await tiny.request("PUT", "/notes/a", data="two")).body["at"].startswith("2030-01-01")
    await tiny.control("POST", "snapshots/before/restore")
    assert (await tiny.request("GET", "/notes/a")).body["text"] == "one"
