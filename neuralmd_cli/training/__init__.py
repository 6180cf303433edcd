"""Fitting systems to recorded trajectories: recipe, windows, loop, state, search."""
