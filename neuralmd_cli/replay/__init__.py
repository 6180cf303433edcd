"""A run made again from its record, and compared with what it was."""
