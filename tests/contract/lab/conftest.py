"""One laboratory per test, in this process; what contradicts the official schema fails the test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest

from gateway.lab.app import Laboratory, make_lab
from tests.contract.lab.graph_client import Graph, Microsoft
from tests.contract.lab.lab_client import LabClient


@pytest.fixture
async def laboratory() -> AsyncIterator[Laboratory]:
    async with make_lab() as running:
        yield running


@pytest.fixture
async def lab(laboratory: Laboratory, request: pytest.FixtureRequest) -> AsyncIterator[LabClient]:
    async with aiohttp.ClientSession() as session:
        client = LabClient(laboratory.lab.base_url, session)
        yield client
    if "provokes_violations" not in request.keywords:
        assert laboratory.lab.journal.violations == []


@pytest.fixture
async def redmond() -> AsyncIterator[Laboratory]:
    """A laboratory that simulates Microsoft."""
    async with make_lab(providers=frozenset({"microsoft"})) as running:
        yield running


@pytest.fixture
async def ms(redmond: Laboratory, request: pytest.FixtureRequest) -> AsyncIterator[Microsoft]:
    async with aiohttp.ClientSession() as session:
        yield Microsoft(redmond.lab.base_url, session)
    if "provokes_violations" not in request.keywords:
        assert redmond.lab.journal.violations == []


@pytest.fixture
async def graph(ms: Microsoft) -> Graph:
    return await ms.graph()
