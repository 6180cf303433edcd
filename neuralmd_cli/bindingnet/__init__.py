"""BindingNet: from a complex to the forces on its ligand."""
