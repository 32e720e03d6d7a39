"""Plug-ins of the product: each adapts a stranger through a published protocol; loaded by name."""
