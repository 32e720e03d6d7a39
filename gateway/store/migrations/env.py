"""Alembic's entry: runs on the connection that ``store.migrate`` hands over, in its transaction."""

from alembic import context

from gateway.store.schema_sync import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
