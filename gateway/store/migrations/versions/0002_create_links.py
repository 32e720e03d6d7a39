"""Create the tables of accounts and links, and let tickets hold what a link met.

Only adds: the previous release runs on this schema.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables in the order of their references."""
    _create_accounts()
    _create_links()
    _create_findings()
    _create_records()
    _extend_tickets()


def _create_accounts() -> None:
    op.create_table(
        "token_bucket",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("tokens", sa.Float(), nullable=False),
        sa.Column("filled_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_token_bucket")),
    )
    op.create_table(
        "account",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("owner_id", BIG_ID, nullable=True),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("label", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("token_version", sa.BigInteger(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("terms_version", sa.String(length=32), nullable=False),
        sa.Column("terms_accepted_at_utc", UTC, nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("fails", sa.Integer(), nullable=False),
        sa.Column("created_at_utc", UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["principal.id"], name=op.f("fk_account_owner_id_principal"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("provider", "subject", name=op.f("uq_account_provider_subject")),
        sa.UniqueConstraint("uuid", name=op.f("uq_account_uuid")),
    )
    op.create_index(op.f("ix_account_owner_id"), "account", ["owner_id"], unique=False)
    op.create_table(
        "oauth_state",
        sa.Column("state_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("principal_id", BIG_ID, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("terms_version", sa.String(length=32), nullable=False),
        sa.Column("created_at_utc", UTC, nullable=False),
        sa.Column("expires_at_utc", UTC, nullable=False),
        sa.Column("account_uuid", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(
            ["principal_id"],
            ["principal.id"],
            name=op.f("fk_oauth_state_principal_id_principal"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_oauth_state")),
    )
    op.create_table(
        "remote_calendar",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column("remote_id", sa.String(length=512), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("color", sa.String(length=32), nullable=True),
        sa.Column("zone", sa.String(length=64), nullable=True),
        sa.Column("is_writable", sa.Boolean(), nullable=False),
        sa.Column("is_ours", sa.Boolean(), nullable=False),
        sa.Column("seen_at_utc", UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_remote_calendar_account_id_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remote_calendar")),
        sa.UniqueConstraint("account_id", "remote_id", name=op.f("uq_remote_calendar_account_id_remote_id")),
    )


def _create_links() -> None:
    op.create_table(
        "link",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("calendar_id", BIG_ID, nullable=False),
        sa.Column("account_id", BIG_ID, nullable=False),
        sa.Column("remote_calendar_id", BIG_ID, nullable=False),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("role", sa.String(length=8), nullable=False),
        sa.Column("policy", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("is_runnable", sa.Boolean(), nullable=False),
        sa.Column("pushed_seq", sa.BigInteger(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("is_full", sa.Boolean(), nullable=False),
        sa.Column("window_from", sa.BigInteger(), nullable=True),
        sa.Column("window_to", sa.BigInteger(), nullable=True),
        sa.Column("pull_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=True),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("wake", sa.BigInteger(), nullable=False),
        sa.Column("fails", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("synced_at_utc", UTC, nullable=True),
        sa.Column("compared_at_utc", UTC, nullable=True),
        sa.Column("created_at_utc", UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_link_account_id_account"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["calendar_id"], ["calendar.id"], name=op.f("fk_link_calendar_id_calendar"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["remote_calendar_id"],
            ["remote_calendar.id"],
            name=op.f("fk_link_remote_calendar_id_remote_calendar"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link")),
        sa.UniqueConstraint(
            "remote_calendar_id",
            "calendar_id",
            "role",
            name=op.f("uq_link_remote_calendar_id_calendar_id_role"),
        ),
        sa.UniqueConstraint("uuid", name=op.f("uq_link_uuid")),
        postgresql_with={"fillfactor": 50, "autovacuum_vacuum_scale_factor": 0.01},
    )
    op.create_index(op.f("ix_link_account_id"), "link", ["account_id"], unique=False)
    op.create_index(op.f("ix_link_calendar_id"), "link", ["calendar_id"], unique=False)
    op.create_index(
        "ix_link_due",
        "link",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("is_runnable AND due_at IS NOT NULL"),
        postgresql_where=sa.text("is_runnable AND due_at IS NOT NULL"),
    )
    op.create_table(
        "watch",
        sa.Column("link_id", BIG_ID, nullable=False),
        sa.Column("channel_id", sa.String(length=255), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("memo", sa.Text(), nullable=False),
        sa.Column("expires_at_utc", UTC, nullable=False),
        sa.Column("renew_at_utc", UTC, nullable=False),
        sa.Column("heard_at_utc", UTC, nullable=True),
        sa.ForeignKeyConstraint(
            ["link_id"], ["link.id"], name=op.f("fk_watch_link_id_link"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("link_id", name=op.f("pk_watch")),
        sa.UniqueConstraint("channel_id", name=op.f("uq_watch_channel_id")),
    )
    op.create_table(
        "mapping",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("link_id", BIG_ID, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("remote_id", sa.String(length=1024), nullable=True),
        sa.Column("version", sa.Text(), nullable=True),
        sa.Column("memo", sa.LargeBinary(), nullable=False),
        sa.Column("sent", sa.LargeBinary(), nullable=False),
        sa.Column("sent_hash", sa.String(length=64), nullable=False),
        sa.Column("base", sa.LargeBinary(), nullable=True),
        sa.Column("base_hash", sa.String(length=64), nullable=False),
        sa.Column("drift_hash", sa.String(length=64), nullable=True),
        sa.Column("is_ours", sa.Boolean(), nullable=False),
        sa.Column("has_guests", sa.Boolean(), nullable=False),
        sa.Column("is_dirty", sa.Boolean(), nullable=False),
        sa.Column("updated_at_utc", UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["link_id"], ["link.id"], name=op.f("fk_mapping_link_id_link"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mapping")),
        sa.UniqueConstraint("link_id", "uid", name=op.f("uq_mapping_link_id_uid")),
    )
    op.create_index(
        "ix_mapping_dirty",
        "mapping",
        ["link_id"],
        unique=False,
        sqlite_where=sa.text("is_dirty"),
        postgresql_where=sa.text("is_dirty"),
    )
    op.create_index("uq_mapping_remote", "mapping", ["link_id", "remote_id"], unique=True)


def _create_findings() -> None:
    op.create_table(
        "busy_period",
        sa.Column("link_id", BIG_ID, nullable=False),
        sa.Column("remote_id", sa.String(length=1024), nullable=False),
        sa.Column("start_ts", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("end_ts", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("calendar_id", BIG_ID, nullable=False),
        sa.Column("busy", sa.SmallInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["calendar_id"],
            ["calendar.id"],
            name=op.f("fk_busy_period_calendar_id_calendar"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["link_id"], ["link.id"], name=op.f("fk_busy_period_link_id_link"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("link_id", "remote_id", "start_ts", "end_ts", name=op.f("pk_busy_period")),
    )
    op.create_index(
        op.f("ix_busy_period_calendar_id_end_ts"), "busy_period", ["calendar_id", "end_ts"], unique=False
    )
    op.create_table(
        "parked_object",
        sa.Column("link_id", BIG_ID, nullable=False),
        sa.Column("side", sa.String(length=8), nullable=False),
        sa.Column("ref", sa.String(length=1024), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("since_utc", UTC, nullable=False),
        sa.Column("tried_at_utc", UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["link_id"], ["link.id"], name=op.f("fk_parked_object_link_id_link"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("link_id", "side", "ref", name=op.f("pk_parked_object")),
    )


def _create_records() -> None:
    op.create_table(
        "sync_run",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("link_id", BIG_ID, nullable=False),
        sa.Column("cause", sa.String(length=64), nullable=False),
        sa.Column("started_at_utc", UTC, nullable=False),
        sa.Column("ended_at_utc", UTC, nullable=True),
        sa.Column("outcome", sa.String(length=32), nullable=True),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["link_id"], ["link.id"], name=op.f("fk_sync_run_link_id_link"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_run")),
    )
    op.create_index(
        op.f("ix_sync_run_link_id_started_at_utc"), "sync_run", ["link_id", "started_at_utc"], unique=False
    )
    op.create_table(
        "link_log",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("link_id", BIG_ID, nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("at_utc", UTC, nullable=False),
        sa.Column("side", sa.String(length=8), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("cause", sa.String(length=64), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("remote_id", sa.String(length=1024), nullable=True),
        sa.Column("before_hash", sa.String(length=64), nullable=True),
        sa.Column("after_hash", sa.String(length=64), nullable=True),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["link_id"], ["link.id"], name=op.f("fk_link_log_link_id_link"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_log")),
    )
    op.create_index(op.f("ix_link_log_link_id_id"), "link_log", ["link_id", "id"], unique=False)
    op.create_table(
        "sync_plan",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("link_id", BIG_ID, nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("items", sa.JSON(), nullable=False),
        sa.Column("created_at_utc", UTC, nullable=False),
        sa.Column("decided_at_utc", UTC, nullable=True),
        sa.Column("decided_by", sa.String(length=255), nullable=True),
        sa.ForeignKeyConstraint(
            ["link_id"], ["link.id"], name=op.f("fk_sync_plan_link_id_link"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sync_plan")),
        sa.UniqueConstraint("uuid", name=op.f("uq_sync_plan_uuid")),
    )
    op.create_index(op.f("ix_sync_plan_link_id"), "sync_plan", ["link_id"], unique=False)


def _extend_tickets() -> None:
    op.add_column("conflict_ticket", sa.Column("link_uuid", sa.String(length=36), nullable=True))
    op.add_column("conflict_ticket", sa.Column("remote_id", sa.String(length=1024), nullable=True))
    op.add_column("conflict_ticket", sa.Column("theirs", sa.LargeBinary(), nullable=True))
    op.add_column("conflict_ticket", sa.Column("fields", sa.JSON(), nullable=True))
    op.add_column("conflict_ticket", sa.Column("resolution", sa.String(length=32), nullable=True))
    op.add_column("conflict_ticket", sa.Column("resolved_by", sa.String(length=255), nullable=True))
    op.add_column("conflict_ticket", sa.Column("resolved_at_utc", UTC, nullable=True))
