"""The If header (RFC 4918 §10.4): lists of entity tags and state tokens, one of which must hold as a whole.

There are no locks here, so no state token is current on any resource: naming one fails, ``Not`` naming one
holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from plugins.radicale.problems import Problem

_PART = re.compile(
    r'\s*(?:(?P<open>\()|(?P<close>\))|(?P<negation>Not)\b|<(?P<url>[^<>]*)>|\[(?P<tag>(?:W/)?"[^"]*")\])\s*',
    re.IGNORECASE,
)
MAX_TERMS = 200


@dataclass(frozen=True, slots=True)
class Term:
    """One condition; ``etag`` is None for a state token."""

    etag: str | None
    is_negated: bool


@dataclass(frozen=True, slots=True)
class TermList:
    """Conditions that hold together, for the resource with ``href``; None: that of the request."""

    href: str | None
    terms: tuple[Term, ...]


def read(header: str) -> tuple[TermList, ...]:
    """Return the lists of an If header.

    Raises:
        Problem: 400, it is not as RFC 4918 §10.4.2 writes it.
    """
    found: list[TermList] = []
    href: str | None = None
    terms: list[Term] | None = None  # of the list that is open
    is_negated = False
    place = count = 0
    while place < len(header):
        part = _PART.match(header, place)
        count += 1
        if part is None or count > MAX_TERMS:
            raise _bad()
        place = part.end()
        if terms is None:
            if part["url"] is not None:
                href = part["url"]
            elif part["open"]:
                terms = []
            else:
                raise _bad()
        elif part["negation"] and not is_negated:
            is_negated = True
        elif part["tag"] or part["url"] is not None:
            terms.append(Term(part["tag"], is_negated))
            is_negated = False
        elif part["close"] and terms and not is_negated:
            found.append(TermList(href, tuple(terms)))
            terms = None
        else:
            raise _bad()
    if terms is not None or not found or (href is not None and found[-1].href != href):
        raise _bad()
    return tuple(found)


def holds(lists: Sequence[TermList], etag_of: Callable[[str | None], str | None]) -> bool:
    """Return whether one list holds; ``etag_of`` gives the entity tag behind an href, None where none is.

    Tags are compared strongly, so a weak one never fits.
    """
    return any(
        all(
            (term.etag is not None and term.etag == etag_of(one.href)) is not term.is_negated
            for term in one.terms
        )
        for one in lists
    )


def _bad() -> Problem:
    return Problem(400, 'An If header holds lists as (["tag"]) or <resource> (Not ["tag"]).')
