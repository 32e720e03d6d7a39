"""Let links inherit settings: a table of defaults, and what was set for a link beside what is in force.

Only adds: the previous release runs on this schema. Links of before keep what they have as their own.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
UTC = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table and the column."""
    op.create_table(
        "link_default",
        sa.Column("scope", sa.String(length=36), nullable=False),
        sa.Column("calendar_id", BIG_ID, nullable=True),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("changed_at_utc", UTC, nullable=False),
        sa.ForeignKeyConstraint(
            ["calendar_id"],
            ["calendar.id"],
            name=op.f("fk_link_default_calendar_id_calendar"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_link_default")),
    )
    op.create_index(op.f("ix_link_default_calendar_id"), "link_default", ["calendar_id"])
    op.add_column("link", sa.Column("own", sa.JSON(), nullable=True))
