"""Colours of calendars: Apple's property, with or without an alpha channel, sometimes as a CSS name."""

from __future__ import annotations

import re

from gateway.domain.css_colors import hex_of

_HEX = re.compile(r"#([0-9a-f]{6})(?:[0-9a-f]{2})?")


def color_there(color: str | None) -> str | None:
    """Return a colour as Apple writes it, with full opacity; None where it is none."""
    found = _HEX.fullmatch((color or "").strip().lower())
    return f"#{found[1].upper()}FF" if found else None


def color_here(text: str | None) -> str | None:
    """Return ``#rrggbb`` of what a server says."""
    found = hex_of(text or "")
    return found.lower() if found else None
