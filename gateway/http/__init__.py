"""The doors of the product: one aiohttp application, each door in a room of its own."""
