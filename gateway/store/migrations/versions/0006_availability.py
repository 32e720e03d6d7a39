"""Calendars that take events take VAVAILABILITY (RFC 7953) too; an index finds the few such objects.

Only adds: the previous release reads a component that it does not know as one more name.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the name to every calendar that people have not limited, and create the index."""
    op.execute(
        "UPDATE calendar SET components = 'VEVENT,VTODO,VJOURNAL,VAVAILABILITY'"
        " WHERE components = 'VEVENT,VTODO,VJOURNAL'"
    )
    op.create_index(
        "ix_calendar_object_availability",
        "calendar_object",
        ["calendar_id"],
        sqlite_where=sa.text("component = 'VAVAILABILITY'"),
        postgresql_where=sa.text("component = 'VAVAILABILITY'"),
    )
