"""A calendar that several accounts reach is known as one: two of them never write into it.

Only adds: the previous release neither reads nor needs the column.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; where ids are the same for every account, they are the place at once."""
    op.add_column("remote_calendar", sa.Column("place", sa.Text()))
    op.execute(
        "UPDATE remote_calendar SET place = remote_id"
        " WHERE account_id IN (SELECT id FROM account WHERE provider = 'google')"
    )
    op.create_index("ix_remote_calendar_place", "remote_calendar", ["place"])
