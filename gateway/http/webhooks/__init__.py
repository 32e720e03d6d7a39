"""``/hooks/{provider}``: messages of push subscriptions. Hints that make a link due, never content."""
