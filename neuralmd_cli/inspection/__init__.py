"""What an opened trajectory shows: stability, interactions with the protein, poses."""
