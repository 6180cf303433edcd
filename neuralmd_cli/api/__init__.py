"""The commands as Python functions, with the same words and the same defaults."""
