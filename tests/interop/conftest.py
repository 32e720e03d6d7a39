"""The fixtures of a running CalDAV door."""

from tests.dav_world import dav_settings, event, sqlite_world, world

__all__ = ["dav_settings", "event", "sqlite_world", "world"]
