"""What a client would like (RFC 7240, RFC 8144), and the older Brief header: nothing here is an error."""

from __future__ import annotations

import re
from dataclasses import dataclass

from plugins.radicale.requests import Request

# One preference, up to a comma outside of quotes; possessive, so that no header costs more than its length.
_PREFERENCE = re.compile(r'(?:[^,"]|"[^"]*+"?)++')


@dataclass(frozen=True, slots=True)
class Preferences:
    """The preferences that are honoured here."""

    is_minimal: bool = False
    wants_representation: bool = False
    has_no_root: bool = False

    @property
    def headers(self) -> dict[str, str]:
        """Return the header that says what was honoured."""
        applied = [
            name
            for name, is_applied in (
                ("return=minimal", self.is_minimal),
                ("return=representation", self.wants_representation),
                ("depth-noroot", self.has_no_root),
            )
            if is_applied
        ]
        return {"Preference-Applied": ", ".join(applied)} if applied else {}


def of(request: Request) -> Preferences:
    """Return what the client of a request would like; of two that contradict each other the first counts."""
    header = request.header("Prefer")
    found: dict[str, str] = {}
    for preference in _PREFERENCE.findall(header or ""):
        # What follows a semicolon are parameters, of which we know none.
        name, _, value = preference.partition(";")[0].partition("=")
        found.setdefault(name.strip().lower(), value.strip().strip('"').lower())
    wanted = found.get("return")
    is_brief = (request.header("Brief") or "").strip().lower() == "t"
    return Preferences(
        is_minimal=wanted == "minimal" or (is_brief and wanted is None),
        wants_representation=wanted == "representation",
        has_no_root="depth-noroot" in found,
    )
