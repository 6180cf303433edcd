"""From forces to a trajectory: differential equations and their solvers."""
