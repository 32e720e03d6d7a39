"""Authentication for Radicale: the gateway has verified the person before; alone, app passwords count.

Nothing fails inside Radicale in the gateway: a wrong password never gets here, so Radicale's delays and
its equal-time ratchet, which block a worker thread, are never reached.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from radicale import config
from radicale.auth import BaseAuth

from gateway.domain.model import Principal
from gateway.services import principals
from plugins.radicale import standalone
from plugins.radicale.session import Session

PRINCIPAL = "calgate.principal"


class Auth(BaseAuth):
    """Hands Radicale the person whom the door has put into the environment."""

    def __init__(self, configuration: config.Configuration, session: Session | None = None) -> None:
        self._is_alone = session is None
        super().__init__(standalone.extended(configuration, "auth") if session is None else configuration)
        self._session = session or standalone.session(self.configuration, "auth")

    def get_external_login(self, environ: Mapping[str, Any]) -> tuple[()] | tuple[str, str]:
        """Return the verified login; nothing where Radicale runs alone."""
        if self._is_alone:
            return ()
        principal = environ.get(PRINCIPAL)
        return (principal.login, "") if isinstance(principal, Principal) else ("", "")

    def _login(self, login: str, password: str) -> str:
        if not self._is_alone:
            return login
        found = self._session.handle.db.read(principals.find_by_app_password, password)
        return login if found is not None and found.login == login else ""
