"""Trap: events take a ``colorId`` of eleven, nothing else (§3); the nearest one stands for ours."""

from __future__ import annotations

import re

# Known from practice; `colors.get` answers the same. The ids are stable, the shades have moved over the
# years.
EVENT_COLORS = {
    "1": (0xA4, 0xBD, 0xFC),
    "2": (0x7A, 0xE7, 0xBF),
    "3": (0xDB, 0xAD, 0xFF),
    "4": (0xFF, 0x88, 0x7C),
    "5": (0xFB, 0xD7, 0x5B),
    "6": (0xFF, 0xB8, 0x78),
    "7": (0x46, 0xD6, 0xDB),
    "8": (0xE1, 0xE1, 0xE1),
    "9": (0x54, 0x84, 0xED),
    "10": (0x51, 0xB7, 0x49),
    "11": (0xDC, 0x21, 0x27),
}


def rgb(color: str) -> tuple[int, int, int] | None:
    """Read ``#rrggbb``, or return None."""
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", color):
        return None
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def nearest_event_color(color: str | None) -> str | None:
    """Return the colorId nearest to ``#rrggbb`` as eyes see it, or None for the calendar's own colour."""
    wanted = rgb(color) if color else None
    if wanted is None:
        return None

    def distance(name: str) -> float:
        red, green, blue = (a - b for a, b in zip(EVENT_COLORS[name], wanted, strict=True))
        mean = (EVENT_COLORS[name][0] + wanted[0]) / 2
        return (2 + mean / 256) * red**2 + 4 * green**2 + (2 + (255 - mean) / 256) * blue**2

    return min(EVENT_COLORS, key=distance)


def ink_for(color: str) -> str:
    """Return black or white, whichever can be read on it: a calendar needs both colours at once (§3)."""
    red, green, blue = rgb(color) or (255, 255, 255)
    return "#000000" if 0.299 * red + 0.587 * green + 0.114 * blue > 140 else "#ffffff"
