"""Finding and starting the CalDAV engine: the plug-in of the entry-point group ``gateway.dav``.

The module that the entry point names has two functions: ``build(path, handle)`` returns a WSGI
application or raises with the reason; ``check(path)`` returns what stands against starting. ``path`` is
radicale.conf.
"""

from __future__ import annotations

import importlib
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from gateway.domain.errors import GatewayError
from gateway.http.dav.bridge import WsgiApp
from gateway.services.handle import Handle
from gateway.settings import Settings

GROUP = "gateway.dav"
_DEFAULT = EntryPoint("radicale", "plugins.radicale.application:build", GROUP)


def configuration_path(settings: Settings) -> Path:
    """Return the path of radicale.conf: the setting, else the one shipped.

    Raises:
        GatewayError: there is no such file.
    """
    package = Path(__file__).resolve().parents[2]
    shipped = [package / "radicale.conf", package.parent / "radicale.conf"]
    candidates = [settings.radicale_conf] if settings.radicale_conf is not None else shipped
    for path in candidates:
        if path.is_file():
            return path
    raise GatewayError(f"There is no {candidates[0]}; set CALGATE_RADICALE_CONF to a radicale.conf.")


def build(handle: Handle) -> WsgiApp:
    """Start the engine.

    Raises:
        GatewayError: radicale.conf or Radicale is not what safety needs; the message says what.
    """
    application: WsgiApp = _module().build(configuration_path(handle.settings), handle)
    return application


def check(settings: Settings) -> list[str]:
    """Return what stands against starting the CalDAV engine, one sentence each; nothing is started."""
    try:
        problems: list[str] = _module().check(configuration_path(settings))
    except GatewayError as error:
        return [str(error)]
    return problems


def _module() -> ModuleType:
    found = tuple(entry_points(group=GROUP)) or (_DEFAULT,)  # run from a checkout: nothing is installed
    if len(found) > 1:
        names = ", ".join(sorted(point.value for point in found))
        raise GatewayError(f"Several CalDAV engines are installed ({names}); keep one.")
    try:
        return importlib.import_module(found[0].module)
    except ImportError as error:
        raise GatewayError(
            f"The CalDAV engine {found[0].value} cannot be loaded ({error}); install it."
        ) from error
