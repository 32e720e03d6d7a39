"""Templates of titles and descriptions: text with ``{field}`` in it, and nothing else.

Not a programming language on purpose: there is nothing to escape from. ``{{`` and ``}}`` are braces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gateway.domain.errors import InvalidInput

TEMPLATE_FIELDS = ("title", "description", "location", "resource", "kind", "link", "guests")
MAX_TEMPLATE = 2000
_TOKEN = re.compile(r"\{\{|\}\}|\{([a-z_]*)\}|[{}]")


def check_template(template: str) -> None:
    """Refuse a template that could not be rendered.

    Raises:
        InvalidInput: an unknown field, a lone brace, or too long; the message names the place.
    """
    if len(template) > MAX_TEMPLATE:
        raise InvalidInput(f"A template has at most {MAX_TEMPLATE} characters.")
    for found in _TOKEN.finditer(template):
        if found[0] in {"{{", "}}"} or found[1] in TEMPLATE_FIELDS:
            continue
        if found[1] is not None:
            known = ", ".join(f"{{{name}}}" for name in TEMPLATE_FIELDS)
            raise InvalidInput(f"The template has no field {found[0]}; it can use {known}.")
        raise InvalidInput(
            f"The template has a lone {found[0]} at character {found.start() + 1}; write it twice."
        )


def render(template: str, values: Mapping[str, str]) -> str:
    """Return the text of a checked template; missing fields are empty."""

    def one(found: re.Match[str]) -> str:
        if found[0] in {"{{", "}}"}:
            return found[0][0]
        return values.get(found[1] or "", "")

    return _TOKEN.sub(one, template).strip()
