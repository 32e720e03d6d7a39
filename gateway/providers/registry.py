"""The providers that are installed: entry points of the group ``gateway.providers``.

One broken plug-in never keeps the others out: it is listed with its reason. Also reads a provider's settings
from the environment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from gateway.providers.contract import CONTRACT_VERSION, Provider
from gateway.providers.errors import Misconfigured

GROUP = "gateway.providers"
_MEMBERS = ("name", "label", "contract", "capabilities", "settings", "sign_in", "hosts", "open", "project")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedPlugin:
    """A plug-in that was found and cannot be used."""

    name: str
    source: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """What was found, by name."""

    providers: Mapping[str, Provider]
    refused: tuple[RefusedPlugin, ...] = ()

    def provider(self, name: str) -> Provider:
        """Return a provider.

        Raises:
            Misconfigured: none of that name; says what there is, or why it was refused.
        """
        found = self.providers.get(name)
        if found is not None:
            return found
        for plugin in self.refused:
            if plugin.name == name:
                raise Misconfigured(f"The provider {name} cannot be used: {plugin.reason}")
        known = ", ".join(f"{each} ({self.providers[each].label})" for each in sorted(self.providers))
        raise Misconfigured(f"There is no provider of this name; installed are: {known or 'none'}.")


def load_providers(found: Iterable[EntryPoint] | None = None) -> Registry:
    """Load every plug-in; ``found`` replaces what is installed (tests)."""
    providers: dict[str, Provider] = {}
    refused: list[RefusedPlugin] = []
    for entry in sorted(entry_points(group=GROUP) if found is None else found, key=lambda each: each.name):
        try:
            provider = entry.load()()
        except Exception as error:  # noqa: BLE001 - a stranger's code may raise anything; it is reported
            reason = f"it cannot be loaded ({type(error).__name__}); look for a newer version of it."
            refused.append(RefusedPlugin(name=entry.name, source=entry.value, reason=reason))
            continue
        problem = _problem(entry, provider)
        if problem is None and provider.name in providers:
            problem = "another plug-in already has this name; uninstall one of them."
        if problem is not None:
            refused.append(RefusedPlugin(name=entry.name, source=entry.value, reason=problem))
        else:
            providers[provider.name] = provider
    return Registry(providers=providers, refused=tuple(refused))


def _problem(entry: EntryPoint, provider: Provider) -> str | None:
    """Return why a provider cannot be used, or None."""
    version = getattr(provider, "contract", None)
    ours = ".".join(map(str, CONTRACT_VERSION))
    if not (isinstance(version, tuple) and len(version) == 2 and all(isinstance(n, int) for n in version)):
        return (
            f"it does not say for which version of the contract it was written; this gateway speaks {ours}."
        )
    theirs = ".".join(map(str, version))
    if version[0] != CONTRACT_VERSION[0]:
        side = "the plug-in" if version[0] < CONTRACT_VERSION[0] else "the gateway"
        return f"it was written for contract {theirs}, this gateway speaks {ours}; update {side}."
    if version[1] > CONTRACT_VERSION[1]:
        return f"it needs contract {theirs}, this gateway speaks {ours}; update the gateway."
    missing = [name for name in _MEMBERS if not hasattr(provider, name)]
    if missing:
        return f"it lacks {', '.join(missing)}; see docs/write-a-provider.md."
    if provider.name != entry.name or not _NAME.fullmatch(provider.name):
        return f"its name must equal its entry point ({entry.name}): lower-case letters, digits and hyphens."
    return None


def configuration(provider: Provider, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a provider.

    Each comes from ``CALGATE_<NAME>_<SETTING>``, or the file named by ``..._FILE``, or is the default.

    Raises:
        Misconfigured: a file that is named cannot be read.
    """
    config: dict[str, str] = {}
    for setting in provider.settings:
        key = f"CALGATE_{provider.name}_{setting.name}".upper().replace("-", "_")
        path = environ.get(f"{key}_FILE")
        if environ.get(key):
            config[setting.name] = environ[key]
        elif path:
            try:
                config[setting.name] = Path(path).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError):
                raise Misconfigured(f"The file named by {key}_FILE cannot be read.") from None
        elif setting.default is not None:
            config[setting.name] = setting.default
    return config
