"""Keep properties that people set on calendar objects and on themselves (dead properties, availability).

Only adds: the previous release runs on this schema.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "object_property",
        sa.Column("principal_id", BIG_ID, nullable=False),
        sa.Column("object_id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["principal_id"],
            ["principal.id"],
            name=op.f("fk_object_property_principal_id_principal"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["object_id"],
            ["calendar_object.id"],
            name=op.f("fk_object_property_object_id_calendar_object"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("principal_id", "object_id", "name", name=op.f("pk_object_property")),
    )
    op.create_index(op.f("ix_object_property_object_id"), "object_property", ["object_id"])
    op.create_table(
        "principal_property",
        sa.Column("principal_id", BIG_ID, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["principal_id"],
            ["principal.id"],
            name=op.f("fk_principal_property_principal_id_principal"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("principal_id", "name", name=op.f("pk_principal_property")),
    )
