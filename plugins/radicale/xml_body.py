"""Request bodies as XML trees, without anything that a DOCTYPE could do."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring


class DoctypeRefused(Exception):
    """The document has a DOCTYPE, or declares an entity."""


class _Builder(ET.TreeBuilder):
    """Refuses the one thing that could declare entities."""

    def doctype(self, *_declared: str | None) -> None:
        """Refuse."""
        raise DoctypeRefused


def parse(data: bytes) -> ET.Element:
    """Return the root of a document.

    Bodies without any declaration, all that clients send, go to the parser written in C, which knows no
    entities without a DOCTYPE either. The others go to defusedxml, which is many times slower.

    Raises:
        DoctypeRefused: see there.
        ParseError: it is not well-formed; so are ValueError and LookupError of odd encodings.
    """
    if b"<!" not in data and b"\0" not in data:
        parser = ET.XMLParser(target=_Builder())  # noqa: S314 - without declarations there are no entities
        parser.feed(data)
        root: ET.Element = parser.close()
        return root
    try:
        found: ET.Element = fromstring(data, forbid_dtd=True)
    except DefusedXmlException:
        raise DoctypeRefused from None
    return found
