"""Undo of runs, settings that leave old copies alone, invitations, and connections of administrators.

Only adds: the previous release runs on this schema.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables and the columns."""
    op.add_column("link", sa.Column("kept_seq", sa.BigInteger(), nullable=True))
    op.add_column("link_log", sa.Column("before", sa.LargeBinary(), nullable=True))
    op.add_column("link_log", sa.Column("after_etag", sa.String(length=80), nullable=True))
    op.create_table(
        "invitation",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("principal_id", BIG_ID, nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("uses", sa.JSON(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("session_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("session_ends_at_utc", UTC, nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("account_uuid", sa.String(length=36), nullable=True),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("created_at_utc", UTC, nullable=False),
        sa.Column("expires_at_utc", UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["principal_id"],
            ["principal.id"],
            name=op.f("fk_invitation_principal_id_principal"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("session_hash", name=op.f("uq_invitation_session_hash")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitation_token_hash")),
        sa.UniqueConstraint("uuid", name=op.f("uq_invitation_uuid")),
    )
    op.create_index(op.f("ix_invitation_principal_id"), "invitation", ["principal_id"])
    op.create_table(
        "connection",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("uuid", sa.String(length=36), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("label", sa.String(length=255), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("uses", sa.JSON(), nullable=False),
        sa.Column("terms_version", sa.String(length=32), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("created_at_utc", UTC, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_connection")),
        sa.UniqueConstraint("uuid", name=op.f("uq_connection_uuid")),
    )
    op.create_table(
        "mailbox",
        sa.Column("account_id", BIG_ID, autoincrement=False, nullable=False),
        sa.Column("connection_id", BIG_ID, nullable=False),
        sa.Column("address", sa.String(length=255), nullable=False),
        sa.Column("checked_at_utc", UTC, nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_mailbox_account_id_account"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connection.id"],
            name=op.f("fk_mailbox_connection_id_connection"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_mailbox")),
        sa.UniqueConstraint("connection_id", "address", name=op.f("uq_mailbox_connection_id_address")),
    )
