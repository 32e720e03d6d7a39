"""Objects that are deleted here while a link has a copy of them are kept for undo.

Only adds: the previous release runs on this schema.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "deleted_object",
        sa.Column("id", BIG_ID, nullable=False),
        sa.Column("calendar_id", BIG_ID, nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("href", sa.String(length=512), nullable=False),
        sa.Column("ical", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("expires_at_utc", UTC, nullable=True),
        sa.Column("deleted_at_utc", UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["calendar_id"],
            ["calendar.id"],
            name=op.f("fk_deleted_object_calendar_id_calendar"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deleted_object")),
    )
    op.create_index(op.f("ix_deleted_object_calendar_id_uid"), "deleted_object", ["calendar_id", "uid"])
    op.create_index(op.f("ix_deleted_object_deleted_at_utc"), "deleted_object", ["deleted_at_utc"])
