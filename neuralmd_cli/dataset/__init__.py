"""Trajectories for training: the compact store, its making, checks and loading."""
