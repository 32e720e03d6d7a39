"""Reading multistatus answers (RFC 4918 §13): each response for itself, so that a bad one spoils no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lxml import etree

from gateway.providers.errors import BadAnswer

DAV = "{DAV:}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One response: an address as it was written, its own status (200 where only properties have one)."""

    href: str
    status: int
    properties: Mapping[str, etree._Element] = field(repr=False)

    def text(self, name: str) -> str | None:
        """Return the text of a property, None where it is absent or empty."""
        element = self.properties.get(name)
        found = (element.text or "").strip() if element is not None else ""
        return found or None

    def raw(self, name: str) -> str | None:
        """Return the text of a property with its blanks."""
        element = self.properties.get(name)
        return element.text if element is not None else None

    def names(self, name: str) -> frozenset[str]:
        """Return the tags of everything inside a property."""
        element = self.properties.get(name)
        return frozenset(str(each.tag) for each in element.iter()) if element is not None else frozenset()

    def hrefs(self, name: str) -> list[str]:
        """Return the addresses inside a property."""
        element = self.properties.get(name)
        if element is None:
            return []
        return [text for each in element.iter(f"{DAV}href") if (text := (each.text or "").strip())]


def parse(body: bytes) -> etree._Element:
    """Return the root of an XML body; no entities, no network, no giants.

    Raises:
        BadAnswer: it is not XML: HTML, cut off, something else.
    """
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True, load_dtd=False)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise BadAnswer("The server answered with something that is not XML.") from None
    if root is None or root.getroottree().docinfo.internalDTD is not None:
        raise BadAnswer("The server answered with something that is no answer of a CalDAV server.")
    return root


def members(root: etree._Element | None) -> Iterator[Member]:
    """Yield the responses of a multistatus.

    Raises:
        BadAnswer: it is no multistatus.
    """
    if root is None or root.tag != f"{DAV}multistatus":
        raise BadAnswer("The server answered with something that is no multistatus.")
    for response in root.iterfind(f"{DAV}response"):
        status = code(response.findtext(f"{DAV}status"))
        found: dict[str, etree._Element] = {}
        for propstat in response.iterfind(f"{DAV}propstat"):
            if code(propstat.findtext(f"{DAV}status")) // 100 == 2:
                found |= {str(each.tag): each for prop in propstat.iterfind(f"{DAV}prop") for each in prop}
        for href in response.iterfind(f"{DAV}href"):
            yield Member(href=(href.text or "").strip(), status=status, properties=found)


def sync_token(root: etree._Element | None) -> str | None:
    """Return the sync token of an answer, None where there is none."""
    return ((root.findtext(f"{DAV}sync-token") or "").strip() or None) if root is not None else None


def preconditions(body: bytes) -> frozenset[str]:
    """Return the names of what an error says was violated (RFC 4918 §16), without their namespaces."""
    if b"error" not in body[:4096]:
        return frozenset()
    try:
        root = parse(body)
    except BadAnswer:
        return frozenset()
    if root.tag != f"{DAV}error":
        return frozenset()
    return frozenset(etree.QName(each).localname for each in root if isinstance(each.tag, str))


def code(line: str | None) -> int:
    """Return the number of a status line; 200 where there is none."""
    parts = (line or "").split()
    return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 200
