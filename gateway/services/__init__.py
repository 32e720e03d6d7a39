"""What the product can do: one synchronous function per use case, the transaction as first argument.

Doors and plug-ins get the database's types from here; they never import the store.
"""

from gateway.store.database import Database, RetryableConflict, Transaction

__all__ = ["Database", "RetryableConflict", "Transaction"]
