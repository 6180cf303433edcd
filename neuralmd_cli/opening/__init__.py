"""A trajectory file opened with all that belongs to it."""
