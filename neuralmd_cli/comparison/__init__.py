"""Two trajectory files of one ligand, scored against each other."""
