"""MISATO and data like it: which complexes, where from, and how they are kept."""
