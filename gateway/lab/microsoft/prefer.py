"""The header Prefer, as Graph reads it: several values, comma-separated, names in any case."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from gateway.lab.microsoft import zones

if TYPE_CHECKING:
    from gateway.lab.core.calls import Call

_PART = re.compile(r"""([\w.\-]+)\s*(?:=\s*("[^"]*"|[^,;\s]*))?""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the client prefers."""

    immutable: bool
    zone: ZoneInfo
    zone_name: str
    text: bool
    page_size: int
    applied: str
    """The value of Preference-Applied."""


def of(call: Call) -> Wish:
    """Read the header; raises Refusal 400 for an unknown zone."""
    values = {name.lower(): value.strip('"') for name, value in _PART.findall(call.headers.get("prefer", ""))}
    name = values.get("outlook.timezone", "UTC")
    applied = []
    if "outlook.timezone" in values:
        applied.append(f'outlook.timezone="{name}"')
    text = values.get("outlook.body-content-type", "html").lower() == "text"
    if "outlook.body-content-type" in values:
        applied.append(f'outlook.body-content-type="{"text" if text else "html"}"')
    immutable = values.get("idtype", "") == "ImmutableId"
    if immutable:
        applied.append('IdType="ImmutableId"')
    size = values.get("odata.maxpagesize", "0")
    return Wish(
        immutable=immutable,
        zone=zones.wanted(name, "Prefer: outlook.timezone"),
        zone_name=name,
        text=text,
        page_size=int(size) if size.isdigit() else 0,
        applied=", ".join(applied),
    )


def of_default() -> Wish:
    """Return what a client that says nothing prefers."""
    return Wish(immutable=False, zone=ZoneInfo("UTC"), zone_name="UTC", text=False, page_size=0, applied="")
