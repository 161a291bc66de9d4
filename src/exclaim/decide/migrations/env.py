"""How Alembic reaches the database: over the connection that the store hands in, inside its transaction."""

from alembic import context

from exclaim.decide.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
