"""The settings: one frozen object, read once, passed explicitly.

Order of strength: flags of the command, environment ``CALGATE_*``, the TOML file named by
``CALGATE_CONFIG``, the defaults below. Every field has a type, a unit in its name where it has one,
a default and a sentence; ``calgate doctor`` prints each value with its source.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


class Settings(BaseSettings):
    """Everything an operator can set."""

    model_config = SettingsConfigDict(
        env_prefix="CALGATE_", frozen=True, extra="forbid", env_ignore_empty=True
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    data: Path = Field(Path("data"), description="Directory of the SQLite file, the keys and the backups.")
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL address (postgresql://...); without it SQLite in the data directory."
    )
    secret_keys: SecretStr | None = Field(
        None,
        description="Keys that seal secrets at rest, separated by commas; the first seals, all of them open."
        " Without any, SQLite makes secret.key in the data directory.",
    )
    secret_keys_file: Path | None = Field(
        None, description="File with such keys, one a line (container secret, systemd credential)."
    )
    instance_id: str | None = Field(
        None,
        pattern="^[0-9a-f]{32}$",
        description="Seeds the ids of our copies at providers; the same on every node. Without it the file"
        " instance.id in the data directory.",
    )
    public_url: str | None = Field(
        None, description="Address under which clients reach the server, e.g. https://cal.example.org."
    )
    zone: str = Field("UTC", description="IANA time zone of resources that have none of their own.")
    radicale_conf: Path | None = Field(None, description="Path of radicale.conf; without it the one shipped.")
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Addresses or networks, separated by commas, whose X-Forwarded-* headers are believed.",
    )
    log_level: str = Field("info", description="debug, info, warning or error.")
    log_format: str = Field("auto", description="json, text, or auto: text on a terminal and json elsewhere.")
    max_body_bytes: int = Field(
        10 * 1024 * 1024, ge=1024, description="Largest request body that is accepted."
    )
    max_object_bytes: int = Field(
        1024 * 1024, ge=1024, description="Largest calendar object (max-resource-size of RFC 4791)."
    )
    max_instances: int = Field(
        5000, ge=1, description="Most instances one object may have inside the index horizon."
    )
    index_past_days: int = Field(366, ge=1, description="The occurrence index reaches this many days back.")
    index_future_days: int = Field(
        731, ge=1, description="The occurrence index reaches this many days ahead."
    )
    booking_window_days: int = Field(
        731, ge=1, description="Series are checked for clashes this many days ahead."
    )
    personal_calendars: bool = Field(True, description="People may make calendars of their own (MKCALENDAR).")
    hold_category: str | None = Field(None, description="CATEGORIES value that makes a CalDAV object a hold.")
    block_category: str | None = Field(
        None, description="CATEGORIES value that makes a CalDAV object a block."
    )
    hold_s: int = Field(86400, ge=60, description="Life of a hold for which no expiry was given, in seconds.")
    feeds_keep_secret: bool = Field(
        True, description="Keep a sealed copy of feed secrets, so that owners see links again."
    )
    feed_budget_bytes: int = Field(
        1_000_000,
        ge=10_000,
        description="Largest feed; above it the window shrinks (Google drops events over 1 MB).",
    )
    feed_untitled: str = Field("(no title)", min_length=1, description="Title of events that have none.")
    feed_cache_bytes: int = Field(32 * 1024 * 1024, ge=0, description="Memory for rendered feeds.")
    metrics_public: bool = Field(
        False, description="Serve /metrics to addresses other than loopback and trusted proxies."
    )
    sign_in_failures: int = Field(
        10, ge=1, description="Failed sign-ins per account or address and minute before 429."
    )
    dav_threads: int = Field(3, ge=1, le=64, description="Threads for CalDAV requests.")
    db_threads: int = Field(3, ge=1, le=64, description="Threads for the database work of the other doors.")
    sqlite_synchronous: str = Field(
        "FULL",
        pattern="^(FULL|NORMAL)$",
        description="FULL, or NORMAL: faster, may lose the last commits in a power cut.",
    )
    tombstone_days: int = Field(90, ge=1, description="Deletions are remembered this long for sync tokens.")
    audit_days: int = Field(730, ge=1, description="Audit rows are kept this long.")
    worker: bool = Field(
        True, description="Work on provider links in the serving process; `calgate worker` does it elsewhere."
    )
    worker_links: int = Field(32, ge=1, le=1000, description="Links that one worker runs at once.")
    account_links: int = Field(4, ge=1, le=100, description="Links of one account that run at once.")
    account_writes: int = Field(4, ge=1, le=50, description="Writes of one link that are under way at once.")
    account_requests_per_minute: float = Field(
        575.0, gt=0, description="Requests that one account may cost a minute (Google allows 600)."
    )
    poll_s: float = Field(
        300.0, ge=0.05, description="A provider is asked this often where no push channel tells us, seconds."
    )
    poll_beside_channel_s: float = Field(
        1800.0, ge=0.05, description="And this often beside a live push channel, in seconds."
    )
    hooks_url: str | None = Field(
        None,
        description="Address under which providers reach /hooks; without it CALGATE_PUBLIC_URL if https.",
    )
    shutdown_s: float = Field(10.0, ge=0, description="Time for running requests to end at shutdown.")

    @field_validator("zone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{value!r} is no IANA time zone; use a name such as Europe/Berlin") from None
        return value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        names = (
            [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value
        )
        for name in names if isinstance(names, list | tuple) else ():
            try:
                ipaddress.ip_network(str(name), strict=False)
            except ValueError:
                raise ValueError(f"{name!r} is no address or network; use e.g. 10.0.0.0/8") from None
        return names

    @field_validator("public_url", "hooks_url")
    @classmethod
    def _absolute_url(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith(("http://", "https://")):
            raise ValueError("give a full address with http:// or https://")
        return value.rstrip("/") if value else None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put flags over environment over the TOML file."""
        sources: list[PydanticBaseSettingsSource] = [init_settings, env_settings]
        if path := os.environ.get("CALGATE_CONFIG"):
            sources.append(TomlConfigSettingsSource(settings_cls, toml_file=Path(path)))
        return tuple(sources)

    @property
    def sqlite_path(self) -> Path:
        """Return the path of the SQLite file, used when no database address is set."""
        return self.data / "calgate.sqlite3"

    @property
    def secret_key_path(self) -> Path:
        """Return the path of the key that seals secrets at rest."""
        return self.data / "secret.key"

    @property
    def instance_id_path(self) -> Path:
        """Return the path of the instance id (rules.md, Identity at Google)."""
        return self.data / "instance.id"

    @property
    def is_sqlite(self) -> bool:
        """Return whether the embedded database is used."""
        return self.database_url is None

    @property
    def callback_url(self) -> str | None:
        """Return the address for push channels; None: nobody can reach us, polling it is."""
        if self.hooks_url:
            return self.hooks_url
        return self.public_url if (self.public_url or "").startswith("https://") else None

    @property
    def base_url(self) -> str:
        """Return the address that links are built from, without a trailing slash."""
        if self.public_url:
            return self.public_url
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def load_settings(**flags: Any) -> Settings:  # Any: values come from the command line, pydantic checks them
    """Read the settings; ``flags`` that are None are left to the environment."""
    return Settings(**{key: value for key, value in flags.items() if value is not None})
