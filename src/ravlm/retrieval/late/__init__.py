"""Late interaction: every token of a query finds its best token of a passage or picture."""
