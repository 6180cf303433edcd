"""Structure files to a complex: proteins, ligands, and the checks between them."""
