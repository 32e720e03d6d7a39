"""Trap: a calendar has one of ten named colours; ``hexColor`` can only be read (§5)."""

from __future__ import annotations

import re

# The shades of Outlook on the web; other clients show others.
COLORS = {
    "lightBlue": (0xA6, 0xD1, 0xF5),
    "lightGreen": (0x87, 0xD2, 0x8E),
    "lightOrange": (0xFC, 0xAB, 0x73),
    "lightGray": (0xC0, 0xC0, 0xC0),
    "lightYellow": (0xF0, 0xE6, 0x8C),
    "lightTeal": (0x4A, 0xDA, 0xCC),
    "lightPink": (0xF0, 0x8C, 0xC0),
    "lightBrown": (0xCB, 0xA2, 0x87),
    "lightRed": (0xF8, 0x8C, 0x9B),
}


def nearest_color(color: str | None) -> str | None:
    """Return the name nearest to ``#rrggbb`` as eyes see it; None where nothing was asked for."""
    if color is None or not re.fullmatch(r"#[0-9A-Fa-f]{6}", color):
        return None
    wanted = int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)

    def distance(name: str) -> float:
        red, green, blue = (a - b for a, b in zip(COLORS[name], wanted, strict=True))
        mean = (COLORS[name][0] + wanted[0]) / 2
        return (2 + mean / 256) * red**2 + 4 * green**2 + (2 + (255 - mean) / 256) * blue**2

    return min(COLORS, key=distance)


def shade_of(name: object, hex_color: object) -> str | None:
    """Return ``#rrggbb`` of a calendar, as Graph says or as the name looks."""
    if isinstance(hex_color, str) and re.fullmatch(r"#[0-9A-Fa-f]{6}", hex_color):
        return hex_color.lower()
    known = COLORS.get(name) if isinstance(name, str) else None
    return "#{:02x}{:02x}{:02x}".format(*known) if known else None
