"""Request targets of the CalDAV door: decoded once, and refused where they play tricks."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

MAX_PATH_OCTETS = 2048
MAX_SEGMENT_OCTETS = 500


class BadPath(Exception):
    """This path is not taken; ``status`` and the message say why."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


def decode_path(target: str) -> str:
    """Return the path of a raw request target as real Unicode, without query.

    Radicale wants Unicode and not the Latin-1 of PEP 3333. Anything that another program between here and
    the client could read differently is refused: dots, encoded or doubled slashes, control characters.

    Raises:
        BadPath: with the status of the answer.
    """
    raw = _path_part(target)
    if len(raw) > MAX_PATH_OCTETS:
        raise BadPath(414, "The path is too long; names have at most 500 octets.")
    if "%2f" in raw.lower() or "\\" in raw or "%5c" in raw.lower():
        raise BadPath(400, "A name cannot hold a slash or backslash, encoded or not.")
    if "//" in raw:
        raise BadPath(400, "The path holds an empty name; leave out the doubled slash.")
    try:
        path = unquote(raw, errors="strict")
    except UnicodeDecodeError:
        raise BadPath(400, "The path is not UTF-8.") from None
    if any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 or 0xD800 <= ord(char) < 0xE000 for char in path):
        raise BadPath(400, "The path holds control characters.")
    for segment in path.split("/"):
        if segment in {".", ".."}:
            raise BadPath(400, "The path holds '.' or '..'; write it out.")
        if len(segment.encode()) > MAX_SEGMENT_OCTETS:
            raise BadPath(414, f"A name has at most {MAX_SEGMENT_OCTETS} octets.")
    return path


def destination_path(destination: str, own_hosts: frozenset[str], mount: str) -> str:
    """Return the path-only Destination of a MOVE, below ``mount``, encoded as it was.

    TLS proxies hide the scheme and the port that a client used, so the host alone is compared.

    Args:
        destination: the header.
        own_hosts: lower-case host names, with and without port, under which clients reach this server.
        mount: path of the CalDAV door, e.g. ``/dav``.

    Raises:
        BadPath: it points to another server or outside the door.
    """
    parts = urlsplit(destination.strip())
    if parts.netloc and parts.netloc.lower() not in own_hosts and (parts.hostname or "") not in own_hosts:
        raise BadPath(502, "The destination is on another server; copy the object there instead.")
    path = decode_path(parts.path)
    if not path.startswith(mount + "/"):
        raise BadPath(403, f"The destination must lie below {mount}/.")
    return parts.path


def _path_part(target: str) -> str:
    if target.startswith(
        ("http://", "https://")
    ):  # absolute form, which proxies may pass on (RFC 9112 §3.2.2)
        rest = target.split("//", 1)[1]
        _, slash, path = rest.partition("/")
        target = slash + path
    return target.partition("?")[0].partition("#")[0]
