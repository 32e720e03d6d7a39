"""radicale.conf: read it, and refuse what would break safety, with the reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from radicale import config

from gateway.domain.errors import GatewayError
from plugins.radicale.standalone import OPTION

TYPES = {
    "storage": "plugins.radicale.storage",
    "auth": "plugins.radicale.auth",
    "rights": "plugins.radicale.rights",
}
# (section, option) -> (value it must have, what breaks otherwise)
_REQUIRED: dict[tuple[str, str], tuple[Any, str]] = {  # Any: each option's own type
    ("auth", "delay"): (0.0, "Radicale would sleep inside a worker thread on every refusal"),
    ("auth", "lc_username"): (False, "the gateway has made the login lower-case already"),
    ("auth", "uc_username"): (False, "logins are lower-case; nobody would find her home"),
    ("auth", "strip_domain"): (False, "two people could become one"),
    ("auth", "urldecode_username"): (False, "two people could become one"),
    ("rights", "permit_delete_collection"): (False, "one request could delete a whole calendar"),
    ("rights", "permit_overwrite_collection"): (False, "one request could overwrite a whole calendar"),
    ("server", "delay_on_error"): (0.0, "Radicale would sleep inside a worker thread on every error"),
    ("server", "validate_user_value"): ("none", "the gateway checks logins, and takes more of them"),
    ("server", "validate_path_value"): ("none", "objects with names that real clients use would be refused"),
    ("server", "script_name"): ("", "the door is mounted at /dav; another prefix would break every href"),
    ("web", "type"): ("none", "Radicale's web pages would be served without the gateway's protection"),
    ("sharing", "type"): ("none", "shares would bypass grants"),
    ("group", "type"): ("none", "groups belong to Calgate"),
    ("hook", "type"): ("none", "hooks run inside the request and would see private text"),
    ("storage", "hook"): ("", "a shell command would run on every write"),
    ("encoding", "request"): ("utf-8", "every modern client sends UTF-8"),
    ("logging", "bad_put_request_content"): (False, "private text would reach the log"),
    ("logging", "request_header_on_debug"): (False, "passwords would reach the log"),
    ("logging", "request_content_on_debug"): (False, "private text would reach the log"),
    ("logging", "response_content_on_debug"): (False, "private text would reach the log"),
    ("logging", "profiling"): ("none", "profiles hold request bodies"),
}
_FORBIDDEN_HEADERS = frozenset(
    {"set-cookie", "location", "www-authenticate", "transfer-encoding", "content-length"}
)


def load(path: Path) -> config.Configuration:
    """Return the configuration of a file over Radicale's defaults.

    Raises:
        GatewayError: the file cannot be read, or holds what Radicale does not know.
    """
    try:
        return config.load([(str(path), False)])
    except (RuntimeError, OSError, ValueError) as error:
        raise GatewayError(f"{path} cannot be used: {error}") from error


def problems(configuration: config.Configuration) -> list[str]:
    """Return what in a configuration would break safety, one sentence each."""
    found = []
    for section, expected in TYPES.items():
        if configuration.get(section, "type") != expected:
            found.append(f"[{section}] type must be {expected}.")
        elif OPTION in configuration.options(section) and configuration.get(section, OPTION):
            found.append(f"[{section}] {OPTION} is for Radicale alone; Calgate brings its own database.")
    for (section, option), (expected, reason) in _REQUIRED.items():
        if option not in configuration.options(section):
            continue
        value = configuration.get(section, option)
        if value != expected:
            shown = "empty" if expected == "" else expected
            found.append(f"[{section}] {option} must be {shown}, not {value!r}: {reason}.")
    found += [
        f"[headers] {name} is not for this file."
        for name in configuration.options("headers")
        if name.lower() in _FORBIDDEN_HEADERS
    ]
    return found


def with_factories(
    configuration: config.Configuration, factories: dict[str, Callable[[config.Configuration], Any]]
) -> config.Configuration:
    """Return a copy in which the plug-ins are made by functions that hold our objects; no globals."""
    ready = configuration.copy()
    ready.update({section: {"type": make} for section, make in factories.items()}, "calgate", privileged=True)
    return ready
