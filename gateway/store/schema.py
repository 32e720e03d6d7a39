"""All tables of the product in one readable place.

Instants of the occurrence index are whole epoch seconds in UTC, the same in both databases; other
instants are ``UtcDateTime``. Every key of a large table begins with the calendar, so that partitions
stay possible. The tables of accounts and links are in ``schema_sync``, on the same metadata.
``store/migrations`` ends in exactly this schema; a test compares them on both databases.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from gateway.store.types import BigId, UtcDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# -- the instance -----------------------------------------------------------------------------------

instance = Table(
    "instance",
    metadata,
    Column("key", String(64), primary_key=True),  # epoch, canary
    Column("value", Text, nullable=False),
)

lease = Table(  # work that only one node does at a time; fenced by token
    "lease",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("expires_at_utc", UtcDateTime, nullable=False),
    Column("done_at_utc", UtcDateTime),
)

audit = Table(  # who changed what; never titles, attendees or secrets
    "audit",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("at_utc", UtcDateTime, nullable=False),
    Column("actor", String(255), nullable=False),
    Column("action", String(64), nullable=False),
    Column("target_kind", String(32), nullable=False),
    Column("target", String(255), nullable=False),
    Column("detail", JSON, nullable=False),
    Index(None, "at_utc"),
    Index(None, "target_kind", "target"),
)

# -- people and rights ------------------------------------------------------------------------------

principal = Table(
    "principal",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("uuid", String(36), nullable=False, unique=True),
    Column("login", String(255), nullable=False, unique=True),
    Column("name", String(255), nullable=False),
    Column("email", String(255)),
    Column("is_admin", Boolean, nullable=False),
    Column("password_hash", Text),  # argon2id; null: no password chosen yet
    Column("password_version", Integer, nullable=False),  # rises with each change, so caches drop at once
    Column("created_at_utc", UtcDateTime, nullable=False),
)

app_password = Table(
    "app_password",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("principal_id", ForeignKey("principal.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("label", String(255), nullable=False),
    Column("secret_hash", LargeBinary(32), nullable=False, unique=True),  # SHA-256 of 128+ random bits
    Column("created_at_utc", UtcDateTime, nullable=False),
    Column("last_used_at_utc", UtcDateTime),
    Column("revoked_at_utc", UtcDateTime),
)

people_group = Table(
    "people_group",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("slug", String(64), nullable=False, unique=True),
    Column("name", String(255), nullable=False),
)

group_member = Table(
    "group_member",
    metadata,
    Column("group_id", ForeignKey("people_group.id", ondelete="CASCADE"), primary_key=True),
    Column("principal_id", ForeignKey("principal.id", ondelete="CASCADE"), primary_key=True, index=True),
)

department = Table(
    "department",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("slug", String(64), nullable=False, unique=True),
    Column("name", String(255), nullable=False),
)

resource_grant = Table(  # to one of person/group, on one of resource/department
    "resource_grant",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("principal_id", ForeignKey("principal.id", ondelete="CASCADE"), index=True),
    Column("group_id", ForeignKey("people_group.id", ondelete="CASCADE"), index=True),
    Column("resource_id", ForeignKey("resource.id", ondelete="CASCADE"), index=True),
    Column("department_id", ForeignKey("department.id", ondelete="CASCADE"), index=True),
    Column("level", SmallInteger, nullable=False),
    Column("faces", JSON, nullable=False),  # null in the domain = every face; here a list or []
    Column("created_at_utc", UtcDateTime, nullable=False),
    CheckConstraint("(principal_id IS NULL) <> (group_id IS NULL)", name="one_subject"),
    CheckConstraint("(resource_id IS NULL) <> (department_id IS NULL)", name="one_target"),
)

# -- resources and their calendars ------------------------------------------------------------------

resource = Table(
    "resource",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("uuid", String(36), nullable=False, unique=True),
    Column("slug", String(255), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("name", String(255), nullable=False),
    Column("zone", String(64)),  # null: the instance default
    Column("color", String(32)),
    Column("location", String(255)),
    Column("description", Text),
    Column("capacity", Integer, nullable=False),  # bookings that may overlap
    Column("seats", Integer),
    Column("opening_hours", Text),
    Column("email", String(255)),
    Column("department_id", ForeignKey("department.id", ondelete="SET NULL"), index=True),
    Column("owner_id", ForeignKey("principal.id", ondelete="SET NULL"), index=True),
    Column("is_personal", Boolean, nullable=False),  # made by its owner with MKCALENDAR
    Column("policy", String(8), nullable=False),
    Column("buffer_before_s", Integer, nullable=False),
    Column("buffer_after_s", Integer, nullable=False),
    Column("created_at_utc", UtcDateTime, nullable=False),
    # Rise with each change of what feeds say of every event: name, place, colour, description, zone.
    Column("revision", Integer, nullable=False),
    Column("modified_at_utc", UtcDateTime, nullable=False),
    # A personal slug is unique in its owner's home only, so that it reveals nobody else's names.
    Index(
        "uq_resource_slug_shared",
        "slug",
        unique=True,
        sqlite_where=text("NOT is_personal"),
        postgresql_where=text("NOT is_personal"),
    ),
    Index(
        "uq_resource_slug_personal",
        "owner_id",
        "slug",
        unique=True,
        sqlite_where=text("is_personal"),
        postgresql_where=text("is_personal"),
    ),
)

calendar = Table(  # hot: one small row that every write locks
    "calendar",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("resource_id", ForeignKey("resource.id", ondelete="CASCADE"), nullable=False, unique=True),
    Column("seq", BigInteger, nullable=False),  # CTag, sync token and every reader's position
    Column("min_seq", BigInteger, nullable=False),  # sync tokens below are refused
    Column("max_duration_s", BigInteger, nullable=False),  # longest occurrence: bounds the range query
    Column("components", String(64), nullable=False),
    Column("index_from", BigInteger, nullable=False),  # the occurrence index covers [index_from, index_to)
    Column("index_to", BigInteger, nullable=False),
    postgresql_with={"fillfactor": 50},
)

calendar_property = (
    Table(  # dead properties and per-person colour, order and name (principal_id 0: everybody's)
        "calendar_property",
        metadata,
        Column("calendar_id", ForeignKey("calendar.id", ondelete="CASCADE"), primary_key=True),
        Column("principal_id", BigInteger, primary_key=True, autoincrement=False),
        Column("name", String(255), primary_key=True),
        Column("value", Text, nullable=False),
    )
)

calendar_object = Table(
    "calendar_object",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("calendar_id", ForeignKey("calendar.id", ondelete="CASCADE"), nullable=False),
    Column("href", String(512), nullable=False),
    Column("uid", Text, nullable=False),
    Column("component", String(16), nullable=False),
    Column("etag", String(64), nullable=False),
    Column("ical", LargeBinary, nullable=False),  # exactly as sent
    Column("codec", SmallInteger, nullable=False),  # 0: plain
    Column("size_bytes", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),  # of its last change
    Column("revision", Integer, nullable=False),  # how often its content changed; SEQUENCE in feeds
    Column("kind", String(8), nullable=False),
    Column("classification", SmallInteger, nullable=False),
    Column("expires_at_utc", UtcDateTime),  # holds
    Column("first_start", BigInteger),
    Column("last_end", BigInteger),  # null: endless
    Column("is_recurring", Boolean, nullable=False),
    Column("creator_id", BigInteger),  # who sees it unmasked whatever its CLASS; null: import or a link
    Column("created_at_utc", UtcDateTime, nullable=False),
    Column("modified_at_utc", UtcDateTime, nullable=False),
    UniqueConstraint("calendar_id", "uid"),
    # Covers (href, etag) listings without touching the text.
    Index("uq_calendar_object_href", "calendar_id", "href", unique=True),
    Index("ix_calendar_object_listing", "calendar_id", "href", "etag"),
    Index(
        "ix_calendar_object_private",
        "calendar_id",
        sqlite_where=text("classification > 0"),
        postgresql_where=text("classification > 0"),
    ),
    Index(
        "ix_calendar_object_availability",
        "calendar_id",
        sqlite_where=text("component = 'VAVAILABILITY'"),
        postgresql_where=text("component = 'VAVAILABILITY'"),
    ),
    Index(
        "ix_calendar_object_open",
        "calendar_id",
        "last_end",
        sqlite_where=text("is_recurring"),
        postgresql_where=text("is_recurring"),
    ),
    Index(
        "ix_calendar_object_expiry",
        "expires_at_utc",
        sqlite_where=text("expires_at_utc IS NOT NULL"),
        postgresql_where=text("expires_at_utc IS NOT NULL"),
    ),
)

object_property = Table(  # what a person has set on an object for herself: dead properties
    "object_property",
    metadata,
    # The person first: few have any, and a listing asks for all of hers.
    Column("principal_id", ForeignKey("principal.id", ondelete="CASCADE"), primary_key=True),
    Column("object_id", ForeignKey("calendar_object.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("name", String(255), primary_key=True),
    Column("value", Text, nullable=False),
)

principal_property = Table(  # what a person has set on her home: availability and dead properties
    "principal_property",
    metadata,
    Column("principal_id", ForeignKey("principal.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("value", Text, nullable=False),
)

occurrence = Table(
    "occurrence",
    metadata,
    Column("calendar_id", BigInteger, primary_key=True, autoincrement=False),
    Column("start_ts", BigInteger, primary_key=True, autoincrement=False),
    Column("object_id", ForeignKey("calendar_object.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("recur_ts", BigInteger, primary_key=True, autoincrement=False),  # start_ts where it does not recur
    Column("end_ts", BigInteger, nullable=False),
    Column("busy", SmallInteger, nullable=False),
    Column("is_all_day", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

change = Table(  # the one change log; the newest row of an href decides, delete rows are the tombstones
    "change",
    metadata,
    Column("calendar_id", ForeignKey("calendar.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("href", String(512), nullable=False),
    Column("uid", Text, nullable=False),
    Column("op", String(8), nullable=False),
    Column("etag", String(64)),
    Column("origin", String(255), nullable=False),
    Column("at_utc", UtcDateTime, nullable=False),
    Index(None, "calendar_id", "href", "seq"),
    sqlite_with_rowid=False,
)

busy_slot = Table(  # PostgreSQL adds EXCLUDE on it: the belt under the conflict check (rules.md)
    "busy_slot",
    metadata,
    Column("calendar_id", ForeignKey("calendar.id", ondelete="CASCADE"), primary_key=True),
    Column("object_id", ForeignKey("calendar_object.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("start_ts", BigInteger, primary_key=True, autoincrement=False),
    Column("end_ts", BigInteger, nullable=False),
)

conflict_ticket = Table(
    "conflict_ticket",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("calendar_id", ForeignKey("calendar.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("object_uid", Text, nullable=False),
    Column("other_uid", Text, nullable=False),
    Column("start_ts", BigInteger, nullable=False),
    Column("end_ts", BigInteger, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("state", String(16), nullable=False),  # open, resolved
    Column("created_at_utc", UtcDateTime, nullable=False),
    Column("link_uuid", String(36)),  # the link that met the disagreement; null: two objects here
    Column("remote_id", String(1024)),
    Column("theirs", LargeBinary),  # their version, kept until somebody decides
    Column("fields", JSON),
    Column("resolution", String(32)),
    Column("resolved_by", String(255)),
    Column("resolved_at_utc", UtcDateTime),
    UniqueConstraint("calendar_id", "object_uid", "other_uid", "start_ts"),
)

# -- feeds ------------------------------------------------------------------------------------------

feed = Table(
    "feed",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("uuid", String(36), nullable=False, unique=True),
    Column("name", String(255), nullable=False),  # last path segment without .ics
    Column("title", String(255), nullable=False),
    Column("secret_hash", LargeBinary(32), nullable=False, unique=True),
    Column("secret_sealed", LargeBinary),  # lets the owner see the link again; null: not kept
    Column("mask_key", LargeBinary(32), nullable=False),  # HMAC key of masked UIDs, for the life of the link
    Column("owner_id", ForeignKey("principal.id", ondelete="CASCADE"), index=True),
    Column("level", String(16), nullable=False),
    Column("fields", JSON, nullable=False),
    Column("kinds", JSON, nullable=False),
    Column("past_days", Integer, nullable=False),
    Column("future_days", Integer, nullable=False),
    Column("has_alarms", Boolean, nullable=False),
    Column("shows_private", Boolean, nullable=False),
    Column("uses_utc", Boolean, nullable=False),
    Column("allows_gzip", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("created_at_utc", UtcDateTime, nullable=False),
    Column("modified_at_utc", UtcDateTime, nullable=False),  # of its settings
    Column("expires_at_utc", UtcDateTime),
    Column("revoked_at_utc", UtcDateTime),
)

feed_resource = Table(
    "feed_resource",
    metadata,
    Column("feed_id", ForeignKey("feed.id", ondelete="CASCADE"), primary_key=True),
    Column("resource_id", ForeignKey("resource.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("position", Integer, nullable=False),
)

feed_fetch = Table(  # the freshness ledger; no addresses
    "feed_fetch",
    metadata,
    Column("id", BigId, primary_key=True),
    Column("feed_id", ForeignKey("feed.id", ondelete="CASCADE"), nullable=False),
    Column("at_utc", UtcDateTime, nullable=False),
    Column("client", String(200), nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("seqs", String(200), nullable=False),
    Column("fetches", Integer, nullable=False),
    Index(None, "feed_id", "at_utc"),
)
