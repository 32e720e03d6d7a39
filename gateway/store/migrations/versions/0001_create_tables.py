"""Create every table of the first release.

On PostgreSQL ``busy_slot`` also gets an exclusion constraint (docs/decisions/0002): two rows of one
calendar may not overlap. Calendar and second are mapped into one ``int8range``, so that no extension is
needed and no administrator has to install one.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables in the order of their references."""
    _create_instance()
    _create_people()
    _create_resources()
    _create_objects()
    _create_times()
    _create_feeds()
    if op.get_bind().dialect.name == "postgresql":
        _exclude_double_bookings()


def _create_instance() -> None:
    op.create_table(
        "instance",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_instance")),
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("expires_at_utc", UTC, nullable=False),
        sa.Column("done_at_utc", UTC, nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "audit",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("at_utc", UTC, nullable=False),
        sa.Column("actor", sa.String(length=255), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("target_kind", sa.String(length=32), nullable=False),
        sa.Column("target", sa.String(length=255), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_at_utc"), "audit", ["at_utc"], unique=False)
    op.create_index(op.f("ix_audit_target_kind_target"), "audit", ["target_kind", "target"], unique=False)


def _create_people() -> None:
    op.create_table(
        "principal",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("login", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=True),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("password_version", sa.Integer(), nullable=False),
        sa.Column("created_at_utc", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_principal")),
        sa.UniqueConstraint("login", name=op.f("uq_principal_login")),
        sa.UniqueConstraint("uuid", name=op.f("uq_principal_uuid")),
    )
    op.create_table(
        "app_password",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("principal_id", BIG_ID, nullable=False),
        sa.Column("label", sa.String(length=255), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("created_at_utc", UTC, nullable=False),
        sa.Column("last_used_at_utc", UTC, nullable=True),
        sa.Column("revoked_at_utc", UTC, nullable=True),
        sa.ForeignKeyConstraint(
            ["principal_id"],
            ["principal.id"],
            name=op.f("fk_app_password_principal_id_principal"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_password")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_app_password_secret_hash")),
    )
    op.create_index(op.f("ix_app_password_principal_id"), "app_password", ["principal_id"], unique=False)
    op.create_table(
        "people_group",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_people_group")),
        sa.UniqueConstraint("slug", name=op.f("uq_people_group_slug")),
    )
    op.create_table(
        "group_member",
        sa.Column("group_id", BIG_ID, nullable=False),
        sa.Column("principal_id", BIG_ID, nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["people_group.id"],
            name=op.f("fk_group_member_group_id_people_group"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["principal_id"],
            ["principal.id"],
            name=op.f("fk_group_member_principal_id_principal"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("group_id", "principal_id", name=op.f("pk_group_member")),
    )
    op.create_index(op.f("ix_group_member_principal_id"), "group_member", ["principal_id"], unique=False)
    op.create_table(
        "department",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_department")),
        sa.UniqueConstraint("slug", name=op.f("uq_department_slug")),
    )


def _create_resources() -> None:
    op.create_table(
        "resource",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("slug", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=True),
        sa.Column("color", sa.String(length=32), nullable=True),
        sa.Column("location", sa.String(length=255), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("seats", sa.Integer(), nullable=True),
        sa.Column("opening_hours", sa.Text(), nullable=True),
        sa.Column("email", sa.String(length=255), nullable=True),
        sa.Column("department_id", BIG_ID, nullable=True),
        sa.Column("owner_id", BIG_ID, nullable=True),
        sa.Column("is_personal", sa.Boolean(), nullable=False),
        sa.Column("policy", sa.String(length=8), nullable=False),
        sa.Column("buffer_before_s", sa.Integer(), nullable=False),
        sa.Column("buffer_after_s", sa.Integer(), nullable=False),
        sa.Column("created_at_utc", UTC, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("modified_at_utc", UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["department_id"],
            ["department.id"],
            name=op.f("fk_resource_department_id_department"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["principal.id"], name=op.f("fk_resource_owner_id_principal"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resource")),
        sa.UniqueConstraint("uuid", name=op.f("uq_resource_uuid")),
    )
    op.create_index(op.f("ix_resource_department_id"), "resource", ["department_id"], unique=False)
    op.create_index(op.f("ix_resource_owner_id"), "resource", ["owner_id"], unique=False)
    op.create_index(
        "uq_resource_slug_personal",
        "resource",
        ["owner_id", "slug"],
        unique=True,
        sqlite_where=sa.text("is_personal"),
        postgresql_where=sa.text("is_personal"),
    )
    op.create_index(
        "uq_resource_slug_shared",
        "resource",
        ["slug"],
        unique=True,
        sqlite_where=sa.text("NOT is_personal"),
        postgresql_where=sa.text("NOT is_personal"),
    )
    op.create_table(
        "resource_grant",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("principal_id", BIG_ID, nullable=True),
        sa.Column("group_id", BIG_ID, nullable=True),
        sa.Column("resource_id", BIG_ID, nullable=True),
        sa.Column("department_id", BIG_ID, nullable=True),
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("faces", sa.JSON(), nullable=False),
        sa.Column("created_at_utc", UTC, nullable=False),
        sa.CheckConstraint(
            "(principal_id IS NULL) <> (group_id IS NULL)", name=op.f("ck_resource_grant_one_subject")
        ),
        sa.CheckConstraint(
            "(resource_id IS NULL) <> (department_id IS NULL)", name=op.f("ck_resource_grant_one_target")
        ),
        sa.ForeignKeyConstraint(
            ["department_id"],
            ["department.id"],
            name=op.f("fk_resource_grant_department_id_department"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["group_id"],
            ["people_group.id"],
            name=op.f("fk_resource_grant_group_id_people_group"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["principal_id"],
            ["principal.id"],
            name=op.f("fk_resource_grant_principal_id_principal"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["resource_id"],
            ["resource.id"],
            name=op.f("fk_resource_grant_resource_id_resource"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resource_grant")),
    )
    op.create_index(
        op.f("ix_resource_grant_department_id"), "resource_grant", ["department_id"], unique=False
    )
    op.create_index(op.f("ix_resource_grant_group_id"), "resource_grant", ["group_id"], unique=False)
    op.create_index(op.f("ix_resource_grant_principal_id"), "resource_grant", ["principal_id"], unique=False)
    op.create_index(op.f("ix_resource_grant_resource_id"), "resource_grant", ["resource_id"], unique=False)
    op.create_table(
        "calendar",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("resource_id", BIG_ID, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("min_seq", sa.BigInteger(), nullable=False),
        sa.Column("max_duration_s", sa.BigInteger(), nullable=False),
        sa.Column("components", sa.String(length=64), nullable=False),
        sa.Column("index_from", sa.BigInteger(), nullable=False),
        sa.Column("index_to", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id"],
            ["resource.id"],
            name=op.f("fk_calendar_resource_id_resource"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar")),
        sa.UniqueConstraint("resource_id", name=op.f("uq_calendar_resource_id")),
        postgresql_with={"fillfactor": 50},
    )
    op.create_table(
        "calendar_property",
        sa.Column("calendar_id", BIG_ID, nullable=False),
        sa.Column("principal_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["calendar_id"],
            ["calendar.id"],
            name=op.f("fk_calendar_property_calendar_id_calendar"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("calendar_id", "principal_id", "name", name=op.f("pk_calendar_property")),
    )


def _create_objects() -> None:
    op.create_table(
        "calendar_object",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("calendar_id", BIG_ID, nullable=False),
        sa.Column("href", sa.String(length=512), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("component", sa.String(length=16), nullable=False),
        sa.Column("etag", sa.String(length=64), nullable=False),
        sa.Column("ical", sa.LargeBinary(), nullable=False),
        sa.Column("codec", sa.SmallInteger(), nullable=False),
        sa.Column("size_bytes", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("classification", sa.SmallInteger(), nullable=False),
        sa.Column("expires_at_utc", UTC, nullable=True),
        sa.Column("first_start", sa.BigInteger(), nullable=True),
        sa.Column("last_end", sa.BigInteger(), nullable=True),
        sa.Column("is_recurring", sa.Boolean(), nullable=False),
        sa.Column("creator_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at_utc", UTC, nullable=False),
        sa.Column("modified_at_utc", UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["calendar_id"],
            ["calendar.id"],
            name=op.f("fk_calendar_object_calendar_id_calendar"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_object")),
        sa.UniqueConstraint("calendar_id", "uid", name=op.f("uq_calendar_object_calendar_id_uid")),
    )
    op.create_index(
        "ix_calendar_object_expiry",
        "calendar_object",
        ["expires_at_utc"],
        unique=False,
        sqlite_where=sa.text("expires_at_utc IS NOT NULL"),
        postgresql_where=sa.text("expires_at_utc IS NOT NULL"),
    )
    op.create_index(
        "ix_calendar_object_listing", "calendar_object", ["calendar_id", "href", "etag"], unique=False
    )
    op.create_index(
        "ix_calendar_object_open",
        "calendar_object",
        ["calendar_id", "last_end"],
        unique=False,
        sqlite_where=sa.text("is_recurring"),
        postgresql_where=sa.text("is_recurring"),
    )
    op.create_index(
        "ix_calendar_object_private",
        "calendar_object",
        ["calendar_id"],
        unique=False,
        sqlite_where=sa.text("classification > 0"),
        postgresql_where=sa.text("classification > 0"),
    )
    op.create_index("uq_calendar_object_href", "calendar_object", ["calendar_id", "href"], unique=True)
    op.create_table(
        "change",
        sa.Column("calendar_id", BIG_ID, nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("href", sa.String(length=512), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("op", sa.String(length=8), nullable=False),
        sa.Column("etag", sa.String(length=64), nullable=True),
        sa.Column("origin", sa.String(length=255), nullable=False),
        sa.Column("at_utc", UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["calendar_id"], ["calendar.id"], name=op.f("fk_change_calendar_id_calendar"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("calendar_id", "seq", name=op.f("pk_change")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_change_calendar_id_href_seq"), "change", ["calendar_id", "href", "seq"], unique=False
    )


def _create_times() -> None:
    op.create_table(
        "occurrence",
        sa.Column("calendar_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("start_ts", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("object_id", BIG_ID, nullable=False),
        sa.Column("recur_ts", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("end_ts", sa.BigInteger(), nullable=False),
        sa.Column("busy", sa.SmallInteger(), nullable=False),
        sa.Column("is_all_day", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["object_id"],
            ["calendar_object.id"],
            name=op.f("fk_occurrence_object_id_calendar_object"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "calendar_id", "start_ts", "object_id", "recur_ts", name=op.f("pk_occurrence")
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_occurrence_object_id"), "occurrence", ["object_id"], unique=False)
    op.create_table(
        "busy_slot",
        sa.Column("calendar_id", BIG_ID, nullable=False),
        sa.Column("object_id", BIG_ID, nullable=False),
        sa.Column("start_ts", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("end_ts", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["calendar_id"],
            ["calendar.id"],
            name=op.f("fk_busy_slot_calendar_id_calendar"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["object_id"],
            ["calendar_object.id"],
            name=op.f("fk_busy_slot_object_id_calendar_object"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("calendar_id", "object_id", "start_ts", name=op.f("pk_busy_slot")),
    )
    op.create_index(op.f("ix_busy_slot_object_id"), "busy_slot", ["object_id"], unique=False)
    op.create_table(
        "conflict_ticket",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("calendar_id", BIG_ID, nullable=False),
        sa.Column("object_uid", sa.Text(), nullable=False),
        sa.Column("other_uid", sa.Text(), nullable=False),
        sa.Column("start_ts", sa.BigInteger(), nullable=False),
        sa.Column("end_ts", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at_utc", UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["calendar_id"],
            ["calendar.id"],
            name=op.f("fk_conflict_ticket_calendar_id_calendar"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conflict_ticket")),
        sa.UniqueConstraint(
            "calendar_id",
            "object_uid",
            "other_uid",
            "start_ts",
            name=op.f("uq_conflict_ticket_calendar_id_object_uid_other_uid_start_ts"),
        ),
    )
    op.create_index(op.f("ix_conflict_ticket_calendar_id"), "conflict_ticket", ["calendar_id"], unique=False)


def _create_feeds() -> None:
    op.create_table(
        "feed",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("mask_key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("owner_id", BIG_ID, nullable=True),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("past_days", sa.Integer(), nullable=False),
        sa.Column("future_days", sa.Integer(), nullable=False),
        sa.Column("has_alarms", sa.Boolean(), nullable=False),
        sa.Column("shows_private", sa.Boolean(), nullable=False),
        sa.Column("uses_utc", sa.Boolean(), nullable=False),
        sa.Column("allows_gzip", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at_utc", UTC, nullable=False),
        sa.Column("modified_at_utc", UTC, nullable=False),
        sa.Column("expires_at_utc", UTC, nullable=True),
        sa.Column("revoked_at_utc", UTC, nullable=True),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["principal.id"], name=op.f("fk_feed_owner_id_principal"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_feed_secret_hash")),
        sa.UniqueConstraint("uuid", name=op.f("uq_feed_uuid")),
    )
    op.create_index(op.f("ix_feed_owner_id"), "feed", ["owner_id"], unique=False)
    op.create_table(
        "feed_resource",
        sa.Column("feed_id", BIG_ID, nullable=False),
        sa.Column("resource_id", BIG_ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["feed_id"], ["feed.id"], name=op.f("fk_feed_resource_feed_id_feed"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["resource_id"],
            ["resource.id"],
            name=op.f("fk_feed_resource_resource_id_resource"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("feed_id", "resource_id", name=op.f("pk_feed_resource")),
    )
    op.create_index(op.f("ix_feed_resource_resource_id"), "feed_resource", ["resource_id"], unique=False)
    op.create_table(
        "feed_fetch",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("feed_id", BIG_ID, nullable=False),
        sa.Column("at_utc", UTC, nullable=False),
        sa.Column("client", sa.String(length=200), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("seqs", sa.String(length=200), nullable=False),
        sa.Column("fetches", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["feed_id"], ["feed.id"], name=op.f("fk_feed_fetch_feed_id_feed"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed_fetch")),
    )
    op.create_index(op.f("ix_feed_fetch_feed_id_at_utc"), "feed_fetch", ["feed_id", "at_utc"], unique=False)


def _exclude_double_bookings() -> None:
    # 2^38 s reach from before year 1 to after year 9999, and leave room for 2^24 calendars in 63 bits.
    op.execute(
        """
        ALTER TABLE busy_slot
        ADD CONSTRAINT ck_busy_slot_fits CHECK (
            calendar_id BETWEEN 0 AND 16777215
            AND start_ts >= -274877906944 AND end_ts <= 274877906943 AND end_ts >= start_ts
        ),
        ADD CONSTRAINT ex_busy_slot_overlap EXCLUDE USING gist (
            int8range(
                calendar_id * 549755813888 + start_ts + 274877906944,
                calendar_id * 549755813888 + end_ts + 274877906944
            ) WITH &&
        )
        """
    )
