"""Where facts live: entries and their pictures, kept whole, changed at any time, read in passages."""
