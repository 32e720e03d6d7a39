"""XML names and their prefixes; XML as text."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

_XML = "http://www.w3.org/XML/1998/namespace"
DAV = "DAV:"
CALDAV = "urn:ietf:params:xml:ns:caldav"
CALSERVER = "http://calendarserver.org/ns/"
APPLE = "http://apple.com/ns/ical/"
CALGATE = "urn:calgate:xml:ns"

_PREFIXES = {DAV: "D", CALDAV: "C", CALSERVER: "CS", APPLE: "IC", CALGATE: "CG"}
DECLARATIONS = " ".join(f'xmlns:{prefix}="{space}"' for space, prefix in _PREFIXES.items())
_CLARK = re.compile(r"\{([^{}]*)\}(.+)", re.DOTALL)
# What XML 1.0 cannot hold at all.
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def dav(name: str) -> str:
    """Return a name of WebDAV in Clark form."""
    return f"{{{DAV}}}{name}"


def caldav(name: str) -> str:
    """Return a name of CalDAV in Clark form."""
    return f"{{{CALDAV}}}{name}"


def text(value: str) -> str:
    """Return character data."""
    return escape(_ILLEGAL.sub("", value))


def tag(name: str) -> tuple[str, str]:
    """Return (qualified name, declarations it needs) of a name in Clark form."""
    match = _CLARK.fullmatch(name)
    if match is None:
        return name, ""
    space, local = match[1], match[2]
    prefix = _PREFIXES.get(space)
    if prefix is not None:
        return f"{prefix}:{local}", ""
    return (f"x:{local}", f" xmlns:x={quoteattr(_ILLEGAL.sub('', space))}") if space else (local, "")


def element(name: str, inner: str = "") -> str:
    """Return one element; ``inner`` is XML already."""
    qualified, declared = tag(name)
    return f"<{qualified}{declared}>{inner}</{qualified}>" if inner else f"<{qualified}{declared}/>"


def xml_of(node: ET.Element) -> str:
    """Return an element with its attributes and all that is in it, for any place of our documents."""
    qualified, declared = tag(node.tag)
    attributes = []
    for number, (name, value) in enumerate(node.attrib.items()):
        match = _CLARK.fullmatch(name)
        if match is not None and match[1] == _XML:
            name = f"xml:{match[2]}"
        elif match is not None:
            declared += f" xmlns:a{number}={quoteattr(match[1])}"
            name = f"a{number}:{match[2]}"
        attributes.append(f" {name}={quoteattr(_ILLEGAL.sub('', value))}")
    inner = exact(node.text) + "".join(xml_of(child) + exact(child.tail) for child in node)
    return f"<{qualified}{declared}{''.join(attributes)}>{inner}</{qualified}>"


def exact(value: str | None) -> str:
    """Return character data that survives an XML parser, carriage returns included."""
    return text(value or "").replace("\r", "&#13;")
