"""The tables of accounts, links and their work, on the metadata of ``schema``.

Instants that decide what is due are whole milliseconds since 1970 by the clock of the database
(``links.clock_ms``), so that nodes with wrong clocks agree; all other instants are ``UtcDateTime``.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from gateway.store.schema import metadata
from gateway.store.types import BigId, UtcDateTime

__all__ = ["metadata"]

account = Table(  # one sign-in at one provider; its owner is the only one who sees it
    "account",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("uuid", String(36), nullable=False, unique=True),
    Column("owner_id", ForeignKey("principal.id", ondelete="SET NULL"), index=True),
    Column("provider", String(64), nullable=False),
    Column("subject", String(255), nullable=False),  # the provider's own name for the account
    Column("label", String(255), nullable=False),
    Column("kind", String(16), nullable=False),  # user, application, password
    Column("state", String(16), nullable=False),
    Column("reason", Text),
    Column("sealed", LargeBinary, nullable=False),  # the state of the plug-in's sign-in
    Column("token_version", BigInteger, nullable=False),  # rises with each stored sign-in state
    Column("scopes", JSON, nullable=False),
    Column("config", JSON, nullable=False),
    Column("terms_version", String(32), nullable=False),
    Column("terms_accepted_at_utc", UtcDateTime, nullable=False),
    Column("not_before", BigInteger, nullable=False),  # ms; the provider asked this account to wait
    Column("fails", Integer, nullable=False),
    Column("created_at_utc", UtcDateTime, nullable=False),
    UniqueConstraint("provider", "subject"),
)

remote_calendar = Table(
    "remote_calendar",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False),
    Column("remote_id", String(512), nullable=False),
    Column("name", String(255), nullable=False),
    Column("color", String(32)),
    Column("zone", String(64)),
    Column("is_writable", Boolean, nullable=False),
    Column("is_ours", Boolean, nullable=False),  # made by us for one resource
    Column("seen_at_utc", UtcDateTime, nullable=False),
    Column("place", Text),  # its name for every account that reaches it; null: there is none
    UniqueConstraint("account_id", "remote_id"),
    Index("ix_remote_calendar_place", "place"),
)

link = Table(  # hot: claimed, renewed and finished all the time
    "link",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("uuid", String(36), nullable=False, unique=True),
    Column("calendar_id", ForeignKey("calendar.id", ondelete="CASCADE"), nullable=False),
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("remote_calendar_id", ForeignKey("remote_calendar.id", ondelete="CASCADE"), nullable=False),
    Column("direction", String(8), nullable=False),
    Column("role", String(8), nullable=False),
    Column("policy", JSON, nullable=False),  # in force: the defaults with the link's own settings over them
    Column("state", String(16), nullable=False),
    Column("reason", Text),
    Column("is_runnable", Boolean, nullable=False),  # state of link and account allow a run
    Column("pushed_seq", BigInteger, nullable=False),  # place in our change log
    Column("cursor", Text),  # place in the provider's
    Column("is_full", Boolean, nullable=False),  # the next run compares everything
    Column("window_from", BigInteger),  # epoch seconds; what the copies cover
    Column("window_to", BigInteger),
    Column("pull_at", BigInteger, nullable=False),  # ms; when the provider is asked next
    Column("due_at", BigInteger),  # ms
    Column("not_before", BigInteger, nullable=False),  # ms; back-off that a wake-up does not shorten
    Column("lease_until", BigInteger),  # ms
    Column("token", BigInteger, nullable=False),
    Column("wake", BigInteger, nullable=False),
    Column("fails", Integer, nullable=False),
    Column("error", Text),
    Column("done", Integer, nullable=False),  # progress of the running compare
    Column("total", Integer, nullable=False),
    Column("synced_at_utc", UtcDateTime),
    Column("compared_at_utc", UtcDateTime),  # the last full compare
    Column("created_at_utc", UtcDateTime, nullable=False),
    Column("own", JSON(none_as_null=True)),  # what was set for this link; null: everything in ``policy``
    Column("kept_seq", BigInteger),  # copies of objects unchanged since keep the settings they were made with
    UniqueConstraint("remote_calendar_id", "calendar_id", "role"),
    Index(None, "calendar_id"),
    Index(
        "ix_link_due",
        "due_at",
        sqlite_where=text("is_runnable AND due_at IS NOT NULL"),
        postgresql_where=text("is_runnable AND due_at IS NOT NULL"),
    ),
    postgresql_with={"fillfactor": 50, "autovacuum_vacuum_scale_factor": 0.01},
)

link_default = Table(  # settings that links inherit: for all resources, or for one
    "link_default",
    metadata,
    Column("scope", String(36), primary_key=True),  # "all", or the resource's calendar id
    Column("calendar_id", ForeignKey("calendar.id", ondelete="CASCADE"), index=True),
    Column("settings", JSON, nullable=False),
    Column("changed_at_utc", UtcDateTime, nullable=False),
)

mapping = Table(  # what one link knows about one calendar object at the provider
    "mapping",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("link_id", ForeignKey("link.id", ondelete="CASCADE"), nullable=False),
    Column("uid", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("remote_id", String(1024)),  # null: the create was begun and its end is not known
    Column("version", Text),
    Column("memo", LargeBinary, nullable=False),
    Column("sent", LargeBinary, nullable=False),  # what we last sent, as the provider would keep it
    Column("sent_hash", String(64), nullable=False),
    Column("base", LargeBinary),  # what the provider answered; null: the same bytes as sent
    Column("base_hash", String(64), nullable=False),
    Column("drift_hash", String(64)),  # a change over there that was reported and not taken
    Column("is_ours", Boolean, nullable=False),  # we made it; false: a person did, and it was taken in
    Column("has_guests", Boolean, nullable=False),  # people were invited over there: hands off
    Column("is_dirty", Boolean, nullable=False),  # to be sent again whatever the log says
    Column("updated_at_utc", UtcDateTime, nullable=False),
    UniqueConstraint("link_id", "uid"),
    Index("uq_mapping_remote", "link_id", "remote_id", unique=True),
    Index(
        "ix_mapping_dirty",
        "link_id",
        sqlite_where=text("is_dirty"),
        postgresql_where=text("is_dirty"),
    ),
)

deleted_object = Table(  # deleted here while a link had a copy of it; kept for undo, cleared after 30 days
    "deleted_object",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("calendar_id", ForeignKey("calendar.id", ondelete="CASCADE"), nullable=False),
    Column("uid", Text, nullable=False),
    Column("href", String(512), nullable=False),
    Column("ical", LargeBinary, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("expires_at_utc", UtcDateTime),
    Column("deleted_at_utc", UtcDateTime, nullable=False, index=True),
    Index(None, "calendar_id", "uid"),
)

busy_period = Table(  # busy is not an object (rules.md): gone with the link, never pushed
    "busy_period",
    metadata,
    Column("link_id", ForeignKey("link.id", ondelete="CASCADE"), primary_key=True),
    Column("remote_id", String(1024), primary_key=True),
    Column("start_ts", BigInteger, primary_key=True, autoincrement=False),
    Column("end_ts", BigInteger, primary_key=True, autoincrement=False),
    Column("calendar_id", ForeignKey("calendar.id", ondelete="CASCADE"), nullable=False),
    Column("busy", SmallInteger, nullable=False),
    Column("title", Text),  # only where the link's policy keeps it
    Index(None, "calendar_id", "end_ts"),
)

parked_object = Table(  # one bad object never stops the rest
    "parked_object",
    metadata,
    Column("link_id", ForeignKey("link.id", ondelete="CASCADE"), primary_key=True),
    Column("side", String(8), primary_key=True),  # here, there
    Column("ref", String(1024), primary_key=True),  # uid here, remote id there
    Column("content_hash", String(64), nullable=False),  # tried again once it differs
    Column("reason", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("since_utc", UtcDateTime, nullable=False),
    Column("tried_at_utc", UtcDateTime, nullable=False),
)

sync_run = Table(
    "sync_run",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("link_id", ForeignKey("link.id", ondelete="CASCADE"), nullable=False),
    Column("cause", String(64), nullable=False),
    Column("started_at_utc", UtcDateTime, nullable=False),
    Column("ended_at_utc", UtcDateTime),
    Column("outcome", String(32)),
    Column("counts", JSON, nullable=False),
    Index(None, "link_id", "started_at_utc"),
)

link_log = Table(  # every remote write and every change that a link made here
    "link_log",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("link_id", ForeignKey("link.id", ondelete="CASCADE"), nullable=False),
    Column("run_id", BigInteger),
    Column("at_utc", UtcDateTime, nullable=False),
    Column("side", String(8), nullable=False),
    Column("action", String(32), nullable=False),
    Column("cause", String(64), nullable=False),
    Column("uid", Text, nullable=False),
    Column("remote_id", String(1024)),
    Column("before_hash", String(64)),
    Column("after_hash", String(64)),
    Column("fields", JSON, nullable=False),  # names of the fields that differ
    Column("before", LargeBinary),  # the text that was replaced, for undo; cleared after 30 days
    Column("after_etag", String(80)),  # of the object here, where one was written
    Index(None, "link_id", "id"),
)

sync_plan = Table(
    "sync_plan",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("uuid", String(36), nullable=False, unique=True),
    Column("link_id", ForeignKey("link.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("reason", String(32), nullable=False),
    Column("state", String(16), nullable=False),  # open, approved, applied, stale
    Column("items", JSON, nullable=False),
    Column("created_at_utc", UtcDateTime, nullable=False),
    Column("decided_at_utc", UtcDateTime),
    Column("decided_by", String(255)),
)

watch = Table(  # a push subscription of the provider; polling goes on underneath
    "watch",
    metadata,
    Column("link_id", ForeignKey("link.id", ondelete="CASCADE"), primary_key=True),
    Column("channel_id", String(255), nullable=False, unique=True),
    Column("secret_hash", LargeBinary(32), nullable=False),
    Column("memo", Text, nullable=False),  # what the plug-in needs to renew or end it
    Column("expires_at_utc", UtcDateTime, nullable=False),
    Column("renew_at_utc", UtcDateTime, nullable=False),
    Column("heard_at_utc", UtcDateTime),
)

oauth_state = Table(  # a sign-in that was begun; used once
    "oauth_state",
    metadata,
    Column("state_hash", LargeBinary(32), primary_key=True),
    Column("provider", String(64), nullable=False),
    Column("principal_id", ForeignKey("principal.id", ondelete="CASCADE"), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("terms_version", String(32), nullable=False),
    Column("created_at_utc", UtcDateTime, nullable=False),
    Column("expires_at_utc", UtcDateTime, nullable=False),
    Column("account_uuid", String(36)),  # once it was used
)

invitation = Table(  # a one-time link by which a person connects an account without signing in here
    "invitation",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("uuid", String(36), nullable=False, unique=True),
    Column("principal_id", ForeignKey("principal.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("provider", String(64), nullable=False),
    Column("uses", JSON, nullable=False),
    Column("token_hash", LargeBinary(32), nullable=False, unique=True),
    Column("session_hash", LargeBinary(32), unique=True),  # of the browser that has opened it
    Column("session_ends_at_utc", UtcDateTime),
    Column("state", String(16), nullable=False),  # invited, waiting, connected, failed, withdrawn
    Column("reason", Text),
    Column("account_uuid", String(36)),
    Column("created_by", String(255), nullable=False),
    Column("created_at_utc", UtcDateTime, nullable=False),
    Column("expires_at_utc", UtcDateTime, nullable=False),
)

connection = Table(  # an administrator's key that acts for many mailboxes
    "connection",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("uuid", String(36), nullable=False, unique=True),
    Column("provider", String(64), nullable=False),
    Column("label", String(255), nullable=False),
    Column("sealed", LargeBinary, nullable=False),  # the fields of the sign-in but the mailbox
    Column("uses", JSON, nullable=False),
    Column("terms_version", String(32), nullable=False),
    Column("created_by", String(255), nullable=False),
    Column("created_at_utc", UtcDateTime, nullable=False),
)

mailbox = Table(  # an account that an administrator's connection acts for
    "mailbox",
    metadata,
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("connection_id", ForeignKey("connection.id", ondelete="CASCADE"), nullable=False),
    Column("address", String(255), nullable=False),
    Column("checked_at_utc", UtcDateTime),
    Column("problem", Text),
    UniqueConstraint("connection_id", "address"),
)

token_bucket = Table(  # request budgets shared by all nodes
    "token_bucket",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("tokens", Float, nullable=False),
    Column("filled_at", BigInteger, nullable=False),  # ms
)
