"""What the pocket's heavy atoms do to a ligand: hold it, push it, let it swing."""
