"""Trained weights: the files that hold them, the list of them, and fetching one."""
