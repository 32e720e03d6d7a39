"""Calendars as such: which components they take."""

from gateway.store.calendars import set_components

__all__ = ["set_components"]
