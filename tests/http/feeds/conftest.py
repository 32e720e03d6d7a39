"""The feed door on both databases."""

from __future__ import annotations

from datetime import datetime

import pytest

from gateway.services import Database
from gateway.settings import Settings
from tests.feed_world import World


@pytest.fixture
def world(db: Database, settings: Settings, now: datetime) -> World:
    settings.data.mkdir(mode=0o700, exist_ok=True)
    # On PostgreSQL a key must be given; here the file in the data directory serves both.
    return World(db, settings.model_copy(update={"public_url": "https://cal.example.org"}), now)
