"""One HTML page about a ligand's trajectories, which opens without network."""
