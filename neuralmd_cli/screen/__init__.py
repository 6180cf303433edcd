"""Many ligands, one after another or at once: streamed in, ranked, resumable."""
