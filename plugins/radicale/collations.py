"""How texts are compared (RFC 4791 §7.5): collations of RFC 4790 and RFC 5051."""

from __future__ import annotations

import unicodedata

COLLATIONS = ("i;ascii-casemap", "i;octet", "i;unicode-casemap")


def folded(value: str, collation: str) -> str:
    """Return a text as a collation compares it: equal texts come out equal."""
    if collation == "i;octet":
        return value
    if collation == "i;unicode-casemap":
        # RFC 5051: the simple titlecase of each character, then its full decomposition.
        return unicodedata.normalize("NFKD", "".join(map(_titled, value)))
    return (
        value.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")
    )  # ASCII letters only


def _titled(char: str) -> str:
    titled = char.title()
    return titled if len(titled) == 1 else char
