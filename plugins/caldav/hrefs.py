"""Addresses that a server gives: believed only inside the place that was asked about. Pure."""

from __future__ import annotations

from urllib.parse import quote, unquote, urljoin, urlsplit

from gateway.providers.addresses import target_of
from gateway.providers.errors import AddressRefused

MAX_NAME = 500


def resolved(base: str, href: str) -> str | None:
    """Return the absolute address of an href, None where it is none or lies at another origin."""
    try:
        url = urljoin(base, href)
        same = target_of(url).origin == target_of(base).origin
    except (ValueError, AddressRefused):
        return None
    return url if same else None


def collection_path(url: str) -> str:
    """Return the path of a collection's address with its final slash."""
    path = urlsplit(url).path or "/"
    return path if path.endswith("/") else f"{path}/"


def is_plain(path: str) -> bool:
    """Return whether a path leads nowhere else: no dots, no empty steps, no control characters."""
    steps = unquote(path).split("/")
    return (
        path.startswith("/")
        and not any(step in {".", ".."} for step in steps)
        and "" not in steps[1:-1]
        and unquote(path).isprintable()
    )


def name_of(collection: str, base: str, href: str) -> str | None:
    """Return the name of an object directly in a collection, decoded; None for anything else.

    Args:
        collection: path of the collection.
        base: address of the request that was answered.
        href: as the server wrote it: a path or an address, encoded in its own way.
    """
    url = resolved(base, href)
    if url is None:
        return None
    path, parent = unquote(urlsplit(url).path), unquote(collection)
    name = path.removeprefix(parent)
    if not path.startswith(parent) or not name or "/" in name or name in {".", ".."}:
        return None
    return name if len(name) <= MAX_NAME and name.isprintable() else None


def object_path(collection: str, name: str) -> str:
    """Return the path of an object; nothing in a name is ever a step."""
    return collection + quote(name, safe="")
